"""What a worker wants of the ledger: chunks for idle threads, and chunks for every lane of mail.

A channel with threads wants one chunk for each thread that has nothing to do. One that paces its
destinations by itself (channels.base.Laned) has a few chunks of each lane in hand, so that a slow
lane holds up no other, and always room for some that are urgent.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from domain.deliveries import ChunkRule
from domain.lanes import RULES
from storage.ledger import Lease, Want

# So many chunks of one lane are in hand, in a lane whose chunks take seconds or minutes; and where
# they take less, so many, because those that are being recorded must not be waited for.
_IN_LANE, _IN_QUICK_LANE = 3, 12
_QUICK = 2.0
# New ones are asked for when so many of those are left: a commit for each would be the most of it.
_LEFT = 0.5
_URGENT_IN_LANE = 3
# An idle place looks again so soon, in seconds.
_POLL = 0.2

Place = tuple[str, str, bool]


@dataclass(slots=True)
class Held:
    """A lease in this worker's hands; it must not be used after `until` (in ticks)."""

    lease: Lease
    until: float
    since: float
    lost: bool = False

    @property
    def key(self) -> tuple[int, int]:
        return self.lease.chunk_id, self.lease.epoch


class Demand:
    """Not safe by itself: whoever has it guards it (delivery.recorder)."""

    def __init__(self, rules: Mapping[str, ChunkRule]) -> None:
        self.granted: dict[str, deque[Held]] = {channel: deque() for channel in rules}
        self.idle = dict.fromkeys(rules, 0)
        self._laned = {channel for channel, rule in rules.items() if rule.laned}
        self._next_poll: dict[Place, float] = {}
        self._quick: set[tuple[str, str]] = set()

    def wants(self, held: Iterable[Held]) -> list[Want]:
        """Everything that there is room for now."""
        threads = [
            Want(channel, idle - len(self.granted[channel]))
            for channel, idle in self.idle.items()
            if channel not in self._laned and idle > len(self.granted[channel])
        ]
        in_hand = Counter(
            (each.lease.channel, each.lease.lane, each.lease.urgent)
            for each in held
            if each.lease.channel in self._laned
        )
        lanes = (self._of(channel, lane, in_hand) for channel in self._laned for lane in RULES)
        return [*threads, *filter(None, lanes)]

    def _of(self, channel: str, lane: str, in_hand: Mapping[Place, int]) -> Want | None:
        most = _IN_QUICK_LANE if (channel, lane) in self._quick else _IN_LANE
        ordinary, urgent = in_hand[channel, lane, False], in_hand[channel, lane, True]
        if ordinary + urgent <= most * _LEFT:
            return Want(channel, most - ordinary - urgent, lane)
        if urgent < _URGENT_IN_LANE:
            return Want(channel, _URGENT_IN_LANE - urgent, lane, urgent=True)
        return None

    def ended(self, held: Held, now: float) -> None:
        """A chunk is given back: how long it was here tells whether its lane is a quick one."""
        place = (held.lease.channel, held.lease.lane)
        (self._quick.add if now - held.since < _QUICK else self._quick.discard)(place)

    def ripe(self, wants: Iterable[Want], finished: Collection[Lease], now: float) -> list[Want]:
        """Those to be asked for now: where a chunk just ended at once, elsewhere by and by."""
        ended = {(*self._place_of(lease), False) for lease in finished}
        return [want for want in wants if _place(want) in ended or now >= self.next_poll(want)]

    def look_again(self) -> None:
        """There is news: every place is asked for at once."""
        self._next_poll.clear()

    def next_poll(self, want: Want) -> float:
        return self._next_poll.get(_place(want), 0.0)

    def answered(self, wants: Iterable[Want], leases: Iterable[Lease], begun: float) -> None:
        """A place that got less than it wanted has nothing more that is due."""
        got = Counter(self._place_of(lease) for lease in leases)
        for want in wants:
            short = got[want.channel, want.lane] < want.count
            self._next_poll[_place(want)] = begun + (_POLL if short else 0.0)

    def _place_of(self, lease: Lease) -> tuple[str, str]:
        return lease.channel, lease.lane if lease.channel in self._laned else ""


def _place(want: Want) -> Place:
    return want.channel, want.lane, want.urgent
