"""How long a broadcast takes to leave, worked out as the workers' own pacing would have it.

What counts is until the provider has taken the last message.  What it does then, and who is tried
again, nobody can tell beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

from domain.lanes import OTHER, RELAY, RULES, LaneRule, rule_of
from domain.pacing import CLEAN, growth, is_limit

MAIL, LINE, TELEGRAM = "email", "line", "telegram"

TELEGRAM_PER_SECOND = 25
"""What a fan-out may send by one bot (channels/telegram/pacing.py: less than the Bot API's 30)."""

LINE_RECIPIENTS, LINE_AT_ONCE = 500, 4
"""The recipients of one multicast, and how many a worker sends at once (channels/line)."""

# What LINE takes to answer a multicast, in seconds; a guess, and a high one.
_LINE_ANSWERS = 0.5
# Messages a second that a connection carries where nothing limits it and nothing was measured yet;
# a guess, and a low one: large providers look into a message before they answer.
_GUESS_PER_CONNECTION = 3.0
# A relay is taken to be as fast as any other destination is at first.
_GUESS_AT_RELAY = (RULES[OTHER].per_second or 0.0) / RULES[OTHER].connections
_LEAST = 0.01


class Place(NamedTuple):
    """Where messages go: a channel, one of its accounts, and a lane of that."""

    channel: str
    account: str
    lane: str


@dataclass(frozen=True, slots=True)
class Known:
    """A lane from one address of ours, as the workers last knew it (storage.tables.Lane)."""

    rate: float | None
    connections: int
    measured: float | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """What one place is to take: `messages` of a broadcast, after `ahead` that wait there already.

    `known` is the lane from each address of ours; empty before the first message.  The broadcast
    itself begins only in `until` seconds.
    """

    place: Place
    messages: int
    ahead: int = 0
    known: tuple[Known, ...] = ()
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one channel needs: `seconds` until the last message has left, stopped lanes apart.

    `slowest` is the lane that needs them, `others` how long all others do; both are for mail, and
    `others` None where there is no other.  Nothing leaves for lanes that are `stopped`.  It is a
    `guess` where the slowest has not been measured yet.
    """

    channel: str
    seconds: float
    slowest: str = ""
    others: float | None = None
    stopped: tuple[str, ...] = ()
    guess: bool = False


Lanes = Mapping[tuple[str, str], tuple[Known, ...]]
"""By account and site: the lane from each address of ours; the site last seen comes last."""


def loads(
    messages: Mapping[Place, int], ahead: Mapping[Place, int], lanes: Lanes, until: float = 0.0
) -> list[Load]:
    """Where messages go and how fast that is, as far as the workers have seen it."""
    sites = [site for _, site in lanes]
    relayed = sites[-1:] == [RELAY]
    mine, others = _at_sites(messages, relayed), _at_sites(ahead, relayed)
    return [
        Load(place, number, others.get(place, 0), _known(place, lanes), until)
        for place, number in mine.items()
    ]


def _at_sites(messages: Mapping[Place, int], relayed: bool) -> dict[Place, int]:
    """Behind a relay all mail is one lane."""
    found: dict[Place, int] = {}
    for place, number in messages.items():
        site = place._replace(lane=RELAY) if relayed and place.channel == MAIL else place
        found[site] = found.get(site, 0) + number
    return found


def _known(place: Place, lanes: Lanes) -> tuple[Known, ...]:
    """Which site some other domain belongs to only the DNS knows: the one last seen speaks for all,
    and all are taken for one, which is rather too slow.
    """
    if place.lane != OTHER:
        return lanes.get((place.account, place.lane), ())
    going = [
        known
        for (account, site), known in lanes.items()
        if account == place.account
        and site not in RULES
        and site != RELAY
        and not all(each.stopped for each in known)
    ]
    return going[-1] if going else ()


def forecasts(loads: Iterable[Load]) -> list[Forecast]:
    """One for each channel, the one that needs longest first."""
    channels: dict[str, list[Load]] = {}
    for load in loads:
        channels.setdefault(load.place.channel, []).append(load)
    found = [_of_channel(channel, its) for channel, its in channels.items()]
    return sorted(found, key=lambda each: (-each.seconds, each.channel))


def _of_channel(channel: str, loads: Sequence[Load]) -> Forecast:
    timed = sorted(((seconds(load), load) for load in loads), key=lambda each: -each[0])
    going = [(needs, load) for needs, load in timed if needs < math.inf]
    longest, slowest = going[0] if going else (0.0, None)
    return Forecast(
        channel,
        longest,
        slowest=slowest.place.lane if slowest else "",
        others=going[1][0] if len(going) > 1 else None,
        stopped=tuple(sorted(load.place.lane for needs, load in timed if needs == math.inf)),
        guess=slowest is not None and _is_guess(slowest),
    )


def _is_guess(load: Load) -> bool:
    return load.place.channel == MAIL and all(known.measured is None for known in load.known)


def seconds(load: Load) -> float:
    """How long until the last of a load's messages has left; infinite where nothing leaves.

    What waits there already goes first; some of it will be gone when this begins.
    """
    if _seconds(load, load.ahead) <= load.until:
        return _seconds(load, load.messages)
    return _seconds(load, load.ahead + load.messages) - load.until


def _seconds(load: Load, messages: int) -> float:
    match load.place.channel:
        case "email":
            return _by_mail(load, messages)
        case "telegram":
            return messages / TELEGRAM_PER_SECOND
        case "line":
            requests = math.ceil(messages / LINE_RECIPIENTS)
            return math.ceil(requests / LINE_AT_ONCE) * _LINE_ANSWERS
        case _:
            # Web chat lies ready at once.
            return 0.0


def _by_mail(load: Load, messages: float) -> float:
    """Minute by minute, because a lane that is used to its limit grows."""
    rule = _rule(load)
    known = load.known or (Known(rule.per_second, rule.connections),)
    going = [_rates(rule, each) for each in known if not each.stopped]
    if not going:
        return math.inf
    for minute in count():
        rate = sum(next(rates) for rates in going)
        if messages <= rate * CLEAN:
            return minute * CLEAN + messages / rate
        messages -= rate * CLEAN
    raise AssertionError


def _rule(load: Load) -> LaneRule:
    """A relay has no rule here; what is known of it has no end, and does not grow."""
    if load.place.lane != RELAY:
        return rule_of(load.place.lane)
    rates = [known.rate for known in load.known if known.rate is not None]
    connections = max((known.connections for known in load.known), default=1)
    return LaneRule(RELAY, (), (), connections, 0, min(rates, default=None), stated=True)


def _rates(rule: LaneRule, known: Known) -> Iterator[float]:
    """Messages a second in each minute from now on."""
    measured = known.measured
    if known.rate is None or (measured is not None and not is_limit(known.rate, measured)):
        return _by_connections(rule, known)
    return _by_rate(rule, known.rate)


def _by_rate(rule: LaneRule, rate: float) -> Iterator[float]:
    """A lane that goes slower than it began was refused: it holds what it found to be borne."""
    grows, held = growth(rule, rate), rate < (rule.per_second or 0)
    while True:
        yield rate
        rate = rate if held else grows.rate_after(rate)


def _by_connections(rule: LaneRule, known: Known) -> Iterator[float]:
    """Nothing was measured: a guess.  Next to nothing was measured: that may have had a reason."""
    grows, connections = growth(rule, known.rate), known.connections
    each = _GUESS_AT_RELAY if rule.name == RELAY else _GUESS_PER_CONNECTION
    if known.measured is not None:
        each = max(known.measured / connections, _LEAST)
    while True:
        yield min(each * connections, math.inf if known.rate is None else known.rate)
        connections = grows.connections_after(connections)
