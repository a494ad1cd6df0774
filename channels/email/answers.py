"""What the DNS says of a name, as far as the checks of a sending domain want to know it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import dns.exception
import dns.resolver
import dns.reversename

_NOTHING = (
    dns.resolver.NXDOMAIN,
    dns.resolver.NoAnswer,
    dns.name.LabelTooLong,
    dns.name.EmptyLabel,
    dns.name.NameTooLong,
)


class Unasked(Exception):
    """Nobody answered: whether the record is there is not known."""


class Resolving(Protocol):
    """What is wanted of dns.resolver.Resolver."""

    def resolve(self, qname: str, rdtype: str) -> Iterable[Any]: ...


class Answers:
    """Asks each question once.  Every method raises Unasked where no server answers, and from
    then on at once: the checks ask dozens of questions, and each would wait as long.
    """

    def __init__(self, resolver: Resolving) -> None:
        self._resolver = resolver
        self._known: dict[tuple[str, str], list[Any]] = {}
        self._away = False

    def texts(self, name: str) -> list[str]:
        """TXT records; of each its parts put together (RFC 7208 section 3.3)."""
        return [b"".join(one.strings).decode("utf-8", "replace") for one in self._ask(name, "TXT")]

    def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6."""
        return [str(one.address) for kind in ("A", "AAAA") for one in self._ask(name, kind)]

    def exchangers(self, name: str) -> list[str]:
        """The names of the mail exchangers, the preferred first; "" says that there shall be none
        (RFC 7505).
        """
        found = sorted(self._ask(name, "MX"), key=lambda one: int(one.preference))
        return [_bare(one.exchange) for one in found]

    def names(self, address: str) -> list[str]:
        """PTR: what an address is called by whoever runs its network."""
        reverse = dns.reversename.from_address(address).to_text()
        return [_bare(one.target) for one in self._ask(reverse, "PTR")]

    def _ask(self, name: str, kind: str) -> list[Any]:
        key = (name.lower(), kind)
        if key not in self._known:
            self._known[key] = self._resolved(name, kind)
        return self._known[key]

    def _resolved(self, name: str, kind: str) -> list[Any]:
        if self._away:
            raise Unasked(name)
        try:
            return list(self._resolver.resolve(name, kind))
        except _NOTHING:
            return []
        except dns.resolver.LifetimeTimeout:
            self._away = True
            raise Unasked(name) from None
        except (dns.exception.DNSException, OSError):
            raise Unasked(name) from None


def _bare(name: object) -> str:
    return str(name).rstrip(".").lower()
