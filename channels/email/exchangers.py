"""The mail exchangers of a domain, asked of the DNS: RFC 5321 section 5.1 and RFC 7505."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from domain.outcomes import Refused, TryLater

_LATER = TryLater("dns")
_NO_DOMAIN = Refused("no_domain")
# Domains name two to five exchangers; whoever names hundreds wants us to ask hundreds of things.
_MOST, _ADDRESSES = 12, 8
# What IPv6 has given out so far.  What means an IPv4 address (::ffff:0:0/96, 64:ff9b::/96) lies
# outside, but for 6to4, which leads anywhere.
_GIVEN_OUT, _6TO4 = ip_network("2000::/3"), ip_network("2002::/16")
# For how long "there is none" is good, in seconds.
_EMPTY = 600.0


@dataclass(frozen=True, slots=True)
class Exchanger:
    """A host that takes a domain's mail; the lowest preference goes first."""

    preference: int
    host: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Exchangers with at least one address each, in the order to try them; `ttl` in seconds."""

    exchangers: tuple[Exchanger, ...]
    ttl: float


@dataclass(frozen=True, slots=True)
class _Answer:
    values: tuple[str, ...]
    ttl: float


class Exchangers:
    """Asks for them.  `families` are the kinds of address that we can reach: "A", "AAAA".

    With `elsewhere`, addresses that mean this machine (its `own` are known) or a network that is
    not the Internet are left out: anybody can let a domain point at 127.0.0.1 or 10.0.0.1.
    """

    def __init__(
        self,
        resolver: dns.asyncresolver.Resolver,
        families: Iterable[str],
        *,
        elsewhere: bool,
        own: Iterable[str] = (),
    ) -> None:
        self._resolver = resolver
        self._families = tuple(families)
        self._elsewhere = elsewhere
        self._own = frozenset(ip_address(address) for address in own)

    async def of(self, domain: str) -> Found | TryLater | Refused:
        """Where this domain's mail goes; nothing is raised.

        A domain without MX records is its own exchanger; one whose MX is "." takes no mail.
        Without any address either it is no mail domain; one whose exchangers cannot be reached at
        all is set up wrongly.
        """
        try:
            name = _absolute(domain)
            try:
                wanted, ttl = await self._named(name)
            except dns.resolver.NoAnswer:
                itself = Exchanger(0, _text(name))
                return await self._with_addresses([itself], _EMPTY, _NO_DOMAIN)
            if not wanted:
                return Refused("null_mx")
            return await self._with_addresses(wanted, ttl, Refused("no_exchanger"))
        except (dns.resolver.NXDOMAIN, ValueError):
            return _NO_DOMAIN
        except (dns.exception.DNSException, OSError):
            return _LATER

    async def _named(self, name: dns.name.Name) -> tuple[list[Exchanger], float]:
        """By preference, equal ones in any order, so that the load is spread."""
        answer = await self._resolver.resolve(name, "MX")
        found = [Exchanger(record.preference, _text(record.exchange)) for record in answer]
        # RFC 7505 section 3: "." stands alone, and beside others it means nothing.
        named = [each for each in found if each.host]
        named.sort(key=lambda each: (each.preference, random.random()))  # noqa: S311 - no secret
        return named[:_MOST], float(answer.chaining_result.minimum_ttl)

    async def _with_addresses(
        self, wanted: list[Exchanger], ttl: float, none: Refused
    ) -> Found | TryLater | Refused:
        answers = await asyncio.gather(*(self._addresses(each.host) for each in wanted))
        found = tuple(
            Exchanger(each.preference, each.host, answer.values)
            for each, answer in zip(wanted, answers, strict=True)
            if answer and answer.values
        )
        if found:
            return Found(found, min(ttl, *(answer.ttl for answer in answers if answer)))
        return _LATER if None in answers else none

    async def _addresses(self, host: str) -> _Answer | None:
        """IPv4 first, for carriers' lists know that; None if the DNS cannot say now."""
        answers = await asyncio.gather(*(self._asked(host, kind) for kind in self._families))
        known = [answer for answer in answers if answer]
        values = tuple(value for answer in known for value in answer.values)
        if not values and len(known) < len(answers):
            return None
        return _Answer(values, min((answer.ttl for answer in known), default=_EMPTY))

    async def _asked(self, host: str, kind: str) -> _Answer | None:
        try:
            answer = await self._resolver.resolve(_absolute(host), kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, ValueError):
            return _Answer((), _EMPTY)
        except (dns.exception.DNSException, OSError):
            return None
        values = tuple(record.address for record in answer if self._is_usable(record.address))
        return _Answer(values[:_ADDRESSES], float(answer.chaining_result.minimum_ttl))

    def _is_usable(self, address: str) -> bool:
        return not self._elsewhere or (
            ip_address(address) not in self._own and is_reachable(address)
        )


def is_reachable(address: str) -> bool:
    """Whether it is one machine's on the Internet, and so may be anybody's but ours."""
    ip = ip_address(address)
    given_out = ip.version == 4 or (ip in _GIVEN_OUT and ip not in _6TO4)
    return given_out and ip.is_global and not ip.is_multicast


def _absolute(text: str) -> dns.name.Name:
    """Raises ValueError for what is no name at all."""
    try:
        return dns.name.from_text(text, dns.name.root)
    except (dns.exception.DNSException, UnicodeError):
        raise ValueError("no name") from None


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if name != dns.name.root else ""
