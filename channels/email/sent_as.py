"""How we send, as the settings say it, and so what carriers judge us by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from channels.email.dkim import record_name
from channels.email.relays import Direct, Relay
from domain.mail_checks import CHECKS, Subject

# Domains that are nobody's: RFC 2606, RFC 6761; in jp and its organisational types JPRS's notice
# of August 2005 on the reserved names EXAMPLE and EXAMPLE0 to EXAMPLE9.
_RESERVED = re.compile(
    r"(.*\.)?(example|test|invalid|localhost|example\.(com|net|org)"
    r"|example\d?\.((ac|ad|co|ed|go|gr|lg|ne|or)\.)?jp)\.?"
)

# Where real mail servers listen, on this machine too (a Postfix that sends it on): 25 and 587 by
# RFC 6409 section 3.1, 465 by RFC 8314 section 3.3.
_REAL_PORTS = frozenset({25, 465, 587})

_HIDDEN = [
    ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


@dataclass(frozen=True, slots=True)
class Signing:
    """What mail is signed with.  `public_key` is the base64 of the key's public part (DER); empty
    where we have no key because the relay signs.
    """

    domain: str
    selector: str
    public_key: str = ""

    @property
    def record(self) -> str:
        """Where the public key is published."""
        return record_name(self.selector, self.domain)


@dataclass(frozen=True, slots=True)
class SentAs:
    """How we send, as the settings say it; `dns_servers` as in channels.email.lookup."""

    mail_from: str
    ways: tuple[Relay, ...] | tuple[Direct, ...]
    ehlo: str
    signing: Signing | None
    dns_servers: str = ""

    @property
    def domain(self) -> str:
        return self.mail_from.rpartition("@")[2].lower()

    @property
    def relays(self) -> tuple[Relay, ...]:
        return tuple(way for way in self.ways if isinstance(way, Relay))

    @property
    def direct(self) -> tuple[Direct, ...]:
        return tuple(way for way in self.ways if isinstance(way, Direct))

    @property
    def egress(self) -> tuple[str, ...]:
        """Our addresses that mail leaves from, where that is told."""
        return tuple(way.egress for way in self.direct if way.egress)

    def subject(self) -> Subject:
        """What is to be checked; nothing where mail reaches nobody outside this machine."""
        if self.is_pretence():
            return Subject()
        return Subject(self.domain, {name: _digest(self._about(name)) for name in CHECKS})

    def is_pretence(self) -> bool:
        """Whether the domain is nobody's, and no real mail server can be among those asked."""
        if not _is_reserved(self.domain) or any(way.port in _REAL_PORTS for way in self.ways):
            return False
        return self._is_here()

    def _is_here(self) -> bool:
        """A resolver on this machine may know the whole world: that alone shuts nobody out."""
        if self.relays:
            return all(is_loopback(relay.host) for relay in self.relays)
        servers = [server.strip() for server in self.dns_servers.split(",") if server.strip()]
        return bool(servers) and all(is_loopback(_host(server)) for server in servers)

    def described(self, name: str) -> str:
        """The settings that one of CHECKS is about, for people; of a key its selector."""
        parts = self._about(name)
        if name == "DKIM":
            parts = [self.signing.record] if self.signing else ["mail that is not signed"]
        return ", ".join(dict.fromkeys(part for part in [self.domain, *parts] if part))

    def _about(self, name: str) -> Sequence[str]:
        """The settings that a check is about: with others it has to pass anew."""
        signing = self.signing or Signing("", "")
        ours = [*self.egress, self.ehlo]
        hosts = [f"{relay.host}:{relay.port}" for relay in self.relays]
        return {
            "SPF": [self.domain, *ours] if self.direct else [self.domain, *hosts],
            "DKIM": [signing.domain, signing.selector, signing.public_key],
            "DMARC": [self.domain, signing.domain],
            "MX": [self.domain],
            "PTR": ours if self.direct else [],
            "TLS": hosts or [self.domain],
        }[name]


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _is_reserved(domain: str) -> bool:
    return _RESERVED.fullmatch(domain) is not None


def is_hidden(address: str) -> bool:
    """Whether an address is seen within one network only (RFC 1918, RFC 6598, RFC 4193)."""
    ours = ip_address(address)
    return any(ours in network for network in _HIDDEN if network.version == ours.version)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _host(server: str) -> str:
    """The address of a DNS server, without its port."""
    if server.startswith("["):
        return server[1:].partition("]")[0]
    return server.partition(":")[0] if server.count(":") == 1 else server
