"""Where mail for a domain goes: the relays, or the domain's own mail exchangers.

Domains whose mail one operator receives share one site, and so one pace, however many they are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Protocol

from channels.email.exchangers import Exchanger, Exchangers, Found
from channels.email.lookup import async_resolver
from channels.email.relays import MX_PORT, Direct, Relay, fewest, ways
from domain.lanes import (
    OTHER,
    RELAY,
    RULES,
    LaneRule,
    lane_of,
    lane_of_exchanger,
    rule_of,
)
from domain.outcomes import Refused, TryLater

# How many messages one connection to a relay carries.
_RELAY_MESSAGES = 1_000
# For how long answers of the DNS are kept, in seconds, whatever they say themselves.
_SHORTEST, _LONGEST = 60.0, 3_600.0
_STALE = 86_400.0
# RFC 8767 section 5: after this long, what was known before is good enough.
_PATIENCE = 1.8
# How many domains are asked about at the same time, and how many are remembered.
_AT_ONCE = 32
_REMEMBERED = 20_000
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Target:
    """One server to connect to.  `host` is its name, for TLS and logs; `address` where it is.

    `tls` is "offered" (taken when there), "required" or "at once".  The lowest `preference` goes
    first; of equal ones each gets its part.
    """

    host: str
    address: str
    port: int
    tls: str
    user: str = ""
    password: str = field(default="", repr=False)
    preference: int = 0


@dataclass(frozen=True, slots=True)
class Site:
    """A destination and one address of ours (`egress`, "" is any) to send to it from.

    Pace belongs to `name` and `egress`, whatever the domain.  `targets` are in the order of
    preference; a connection may be used for other domains of the same `route`, which have the
    same exchangers.  After `until`, by the loop's clock, the site is to be asked for anew.
    """

    name: str
    rule: LaneRule
    targets: tuple[Target, ...]
    egress: str = ""
    until: float | None = None
    route: str = ""


Answer = tuple[Site, ...] | TryLater | Refused


class Router(Protocol):
    """Knows the sites of a domain, one for each address of ours that can reach it."""

    async def sites(self, domain: str) -> Answer:
        """Never empty; IPv4 before IPv6.  Always to be asked on the same event loop."""

    async def warm(self) -> None:
        """Look up beforehand where most families' mail goes."""


def router(urls: str, *, connections: int, dns_servers: str = "") -> Router:
    """What RENRAKUMO_SMTP_URL says; raises ValueError naming what is wrong with it.

    `connections` is how many one process may have open to a relay, `dns_servers` whom to ask for
    mail exchangers ("" is the system's).
    """
    relays: list[Relay] = []
    directs: list[Direct] = []
    for way in ways(urls):
        if isinstance(way, Relay):
            relays.append(way)
        else:
            directs.append(way)
    return DirectRouter(directs, dns_servers) if directs else RelayRouter(relays, connections)


class RelayRouter:
    """Everything goes to the relays, the first that answers."""

    def __init__(self, relays: Sequence[Relay], connections: int) -> None:
        targets = tuple(_target(relay, number) for number, relay in enumerate(relays))
        self._sites = (Site(RELAY, _relay_rule(relays, connections), targets, route=RELAY),)

    async def sites(self, domain: str) -> Answer:  # noqa: ARG002 - the contract's signature
        """The one site."""
        return self._sites

    async def warm(self) -> None:
        """Nothing is looked up."""


def _target(relay: Relay, preference: int) -> Target:
    return Target(
        relay.host, relay.host, relay.port, relay.tls, relay.user, relay.password, preference
    )


def _relay_rule(relays: Sequence[Relay], connections: int) -> LaneRule:
    """Whichever relay takes over, none gets more than the most limited one takes."""
    return LaneRule(
        RELAY,
        connections=fewest(relays, connections),
        per_connection=_RELAY_MESSAGES,
        per_second=min((relay.rate for relay in relays if relay.rate is not None), default=None),
        stated=True,
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of a domain: good until the one moment, better than nothing until the other."""

    answer: Answer
    until: float
    stale_until: float


class DirectRouter:
    """Everything goes to the mail exchangers of its domain."""

    def __init__(self, directs: Sequence[Direct], dns_servers: str) -> None:
        self._directs = tuple(directs)
        families = [_family(direct.egress) for direct in directs]
        self._exchangers = Exchangers(
            async_resolver(dns_servers),
            [kind for kind in ("A", "AAAA") if kind in families],
            # Whoever names another port has stand-ins, and those are on loopback.
            elsewhere=any(direct.port == MX_PORT for direct in directs),
            own=[direct.egress for direct in directs if direct.egress],
        )
        self._kept: dict[str, _Kept] = {}
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def sites(self, domain: str) -> Answer:
        """As the DNS says, asked once per domain at a time, kept for as long as it says."""
        kept = self._kept.get(domain)
        if kept and _now() < kept.until:
            return kept.answer
        asking = self._asking.get(domain) or self._ask(domain)
        if kept and _is_good(kept):
            done, _ = await asyncio.wait({asking}, timeout=_PATIENCE)
            if not done:
                self._kept[domain] = kept = _prolonged(kept)
                return kept.answer
        return await asyncio.shield(asking)

    async def warm(self) -> None:
        """The domains of all lanes."""
        domains = (domain for rule in RULES.values() for domain in rule.domains)
        await asyncio.gather(*(self.sites(domain) for domain in domains))

    def _ask(self, domain: str) -> asyncio.Task[Answer]:
        asking = asyncio.create_task(self._looked_up(domain))
        self._asking[domain] = asking
        asking.add_done_callback(lambda _: self._asking.pop(domain, None))
        return asking

    async def _looked_up(self, domain: str) -> Answer:
        async with self._at_once:
            found = await self._exchangers.of(domain)
        before = self._kept.get(domain)
        if isinstance(found, TryLater) and before and _is_good(before):
            kept = _prolonged(before)
        else:
            kept = self._as_kept(domain, found)
        self._keep(domain, kept)
        return kept.answer

    def _as_kept(self, domain: str, found: Found | TryLater | Refused) -> _Kept:
        now = _now()
        if not isinstance(found, Found):
            return _Kept(found, now + _SHORTEST, now)
        until = now + min(max(found.ttl, _SHORTEST), _LONGEST)
        answer = self._sites_of(domain, found.exchangers, until)
        return _Kept(answer, until, now + _STALE)

    def _sites_of(self, domain: str, exchangers: Sequence[Exchanger], until: float) -> Answer:
        name, rule = _lane(domain, exchangers)
        route = "|".join(sorted(f"{each.preference} {each.host}" for each in exchangers))
        sites = (
            Site(name, rule, targets, direct.egress, until, route)
            for direct in sorted(self._directs, key=lambda each: _family(each.egress))
            if (targets := tuple(_targets(exchangers, direct, rule)))
        )
        return tuple(sites)

    def _keep(self, domain: str, kept: _Kept) -> None:
        if len(self._kept) >= _REMEMBERED:
            now = _now()
            fresh = {name: old for name, old in self._kept.items() if now < old.until}
            self._kept = fresh if len(fresh) < _REMEMBERED else {}
        self._kept[domain] = kept


def _family(egress: str) -> str:
    """What we reach from an address of ours.  IPv6 only from one that is named: what comes from
    an address without a name in the DNS is refused, and the system's own seldom has one.
    """
    return "AAAA" if egress and ip_address(egress).version == 6 else "A"


def _targets(exchangers: Iterable[Exchanger], direct: Direct, rule: LaneRule) -> Iterable[Target]:
    version = 6 if _family(direct.egress) == "AAAA" else 4
    tls = "required" if rule.tls_required else direct.tls
    for each in exchangers:
        for address in each.addresses:
            if ip_address(address).version == version:
                yield Target(each.host, address, direct.port, tls, preference=each.preference)


def _lane(domain: str, exchangers: Sequence[Exchanger]) -> tuple[str, LaneRule]:
    """The lane of a known domain, or of known exchangers; else the exchangers' own name.

    Anybody can name a carrier's host as an exchanger of their own domain, and a server of theirs
    beside it that freezes the lane it is in.  So one foreign exchanger keeps a domain out of a
    carrier's lane.  If all are the carrier's, only the carrier's own DNS says where they are.
    """
    lane = lane_of(domain)
    if lane == OTHER:
        lanes = {lane_of_exchanger(each.host) or OTHER for each in exchangers}
        lane = lanes.pop() if len(lanes) == 1 else OTHER
    if lane != OTHER:
        return lane, rule_of(lane)
    best = {each.host for each in exchangers if each.preference == exchangers[0].preference}
    return site_name(best), rule_of(OTHER)


def site_name(hosts: Iterable[str]) -> str:
    """One name for a set of hosts, such as (mx1|mx2).example.jp, whatever their order.

    It always has a dot in it, and so is never the name of a lane.
    """
    names = sorted(hosts)
    heads = [name.split(".") for name in names]
    tail: list[str] = []
    while all(len(head) > 1 for head in heads) and len({head[-1] for head in heads}) == 1:
        tail.insert(0, heads[0][-1])
        heads = [head[:-1] for head in heads]
    text = "|".join(".".join(head) for head in heads)
    name = ".".join([f"({text})" if len(names) > 1 else text, *tail])
    if "." not in name:
        name += "."
    return name if len(name) <= _NAME_LENGTH else _shortened(name)


def _shortened(name: str) -> str:
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: _NAME_LENGTH - 17]}~{digest}"


def _is_good(kept: _Kept) -> bool:
    return isinstance(kept.answer, tuple) and _now() < kept.stale_until


def _prolonged(kept: _Kept) -> _Kept:
    """The same once more, for a minute in which the DNS need not be asked."""
    until = _now() + _SHORTEST
    assert isinstance(kept.answer, tuple)
    return replace(kept, answer=tuple(replace(s, until=until) for s in kept.answer), until=until)


def _now() -> float:
    return asyncio.get_running_loop().time()
