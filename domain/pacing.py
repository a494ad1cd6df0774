"""The pace of one lane from one address of ours: how fast to begin, and what is learned from it.

Additive increase, multiplicative decrease, as TCP does it (RFC 5681): after a minute in which the
lane was used to its limit and nobody complained, a little more; after a 421, a 45x, a reset or a
time-out, half.  What was just refused is not tried again for a while, lest every few minutes end
in the same refusal.  Times are seconds of the caller's monotonic clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from domain.lanes import LaneRule

UNLIMITED = 1_000_000_000
"""What may begin now where no rate limits it; the connections do."""

CLEAN = 60.0
"""Seconds of use to the limit, without a complaint, after which a lane grows."""

# One message, and what so many seconds bring, may be saved up: an engine that looks a little late
# loses nothing by it.  Of a longer rest one message remains: a fan-out begins evenly.
_BURST, _REST = 0.25, 1.0
# Of the rate it started from, what one clean minute adds; and how often that rate it may reach.
_STEP, _CEILING = 0.1, 4.0
# Who begins so much of what they may are limited by the rate, and otherwise by the connections.
_USED = 0.85
# Ten connections that are refused at once halve once; nothing begins meanwhile (seconds).
PAUSE = 5.0
_LEAST_RATE, _LEAST_CONNECTIONS = 0.5, 1
# For half an hour no more than this part of what was refused is tried: with what may be saved up,
# that stays beneath it.
_BENEATH, _HOLD = 0.8, 1800.0
# After so long without a sign a lane was not busy: the slowest begins one in two seconds.
_QUIET = 5.0
# Nor when so long nothing waited for it.
_REFILL = 0.25
# The measure looks at a second at a time, and forgets within some ten.
_WINDOW, _MEMORY = 1.0, 10.0
# What rounding may take from one whole message.
_NEARLY = 1e-6


@dataclass(frozen=True, slots=True)
class Growth:
    """What a clean minute adds to a lane, and where that ends: `most` times what it began with."""

    rate: float
    connections: int
    most: float

    def rate_after(self, rate: float, beneath: float = math.inf) -> float:
        """Messages a second in the next minute; never fewer than now."""
        return max(rate, min(rate + self.rate * _STEP, self.rate * self.most, beneath))

    def connections_after(self, connections: int, beneath: float = math.inf) -> int:
        """How many connections may be open in the next minute; never fewer than now."""
        return max(connections, int(min(connections + 1, self.connections * self.most, beneath)))


def growth(rule: LaneRule, rate: float | None) -> Growth:
    """How a lane grows that goes at `rate` now."""
    start = rule.per_second or rate or 0.0
    return Growth(start, rule.connections, 1 if rule.stated else _CEILING)


def is_limit(rate: float, measured: float) -> bool:
    """Whether a lane that took `measured` messages a second was held up by its rate alone."""
    return measured >= rate * _USED


class Pace:
    """How fast one lane goes.  No method waits, and all are cheap; for one thread.

    `rate`, `connections` and `measured` are what the ledger learned, else the rule's values hold.
    What is `stated` of a relay now holds against what was learned under other values.
    The engine says `began` of messages as it begins them, `answered` of those that got a final
    answer (that nobody lives there is one too), `throttled` of each 421, 45x, reset and time-out,
    and `idle` whenever nothing waits for the lane: what it does with little to do tells nothing.

    Attributes:
        connections: how many may be open now.
        per_connection: how many messages go over one of them.
        rate: messages a second now; None where only the connections limit them.
        measured: messages a second that were really answered while enough waited; None before.
    """

    def __init__(
        self,
        rule: LaneRule,
        now: float,
        rate: float | None = None,
        connections: int | None = None,
        measured: float | None = None,
    ) -> None:
        if rule.stated:
            rate, connections = _within(rule, rate, connections)
        self.connections = max(_LEAST_CONNECTIONS, connections or rule.connections)
        self.per_connection = rule.per_connection
        self._least_rate = min(_LEAST_RATE, rule.per_second or _LEAST_RATE)
        self.rate = rule.per_second if rate is None else max(self._least_rate, rate)
        self.measured = measured
        self._growth = growth(rule, self.rate)
        # A relay of ours for which no rate is stated: what it cannot take, its connections show.
        self._rateless = rule.stated and rule.per_second is None
        self._tokens, self._filled_at = 1.0, now
        self._paused_until = self._halved_at = -math.inf
        self._refused_rate = self._refused_connections = math.inf
        self._busy, self._idle_at, self._seen_at = False, -math.inf, now
        self._begin_stretch(now)

    def allowance(self, now: float) -> int:
        """How many messages may begin now."""
        if now < self._paused_until:
            return 0
        if self.rate is None:
            return UNLIMITED
        self._fill(now)
        return max(0, int(self._tokens + _NEARLY))

    def wait(self, now: float) -> float:
        """Seconds until at least one message may begin; 0.0 if one may now."""
        paused = max(0.0, self._paused_until - now)
        if self.rate is None:
            return paused
        self._fill(now)
        missing = 1 - self._tokens
        return max(paused, missing / self.rate if missing > _NEARLY else 0.0)

    def began(self, now: float, count: int) -> None:
        """So many messages were begun."""
        if self._rested(now) or now - self._seen_at > _QUIET:
            self._begin_stretch(now)
        self._busy, self._seen_at = True, now
        self._begun += count
        if self.rate is not None:
            self._fill(now)
            self._tokens -= count

    def answered(self, now: float, count: int) -> None:
        """So many messages were answered, and no answer asked for less."""
        if self._rested(now):
            return
        self._seen_at = now
        self._answers += count
        if now - self._window_at >= _WINDOW:
            self._measure(now)
            if now - self._minute_at >= CLEAN:
                self._grow(now)

    def throttled(self, now: float) -> None:
        """The other side had too much: half as much, after a short pause."""
        if now - self._halved_at < PAUSE:
            return
        if not self._rateless:
            self._halve_rate(now)
        self._refused_connections = self.connections - 1
        self._halved_at, self._paused_until = now, now + PAUSE
        self.connections = max(_LEAST_CONNECTIONS, self.connections // 2)
        self._tokens, self._filled_at = 0.0, self._paused_until
        self._begin_stretch(now)

    def _halve_rate(self, now: float) -> None:
        rate = self._lately(now) if self.rate is None else self.rate
        self._growth = replace(self._growth, rate=self._growth.rate or rate)
        self._refused_rate = rate * _BENEATH
        self.rate = max(self._least_rate, rate / 2)

    def idle(self, now: float) -> None:
        """Nothing waits for this lane; may be said again and again."""
        if self._busy:
            self._busy, self._idle_at = False, now

    def _burst(self) -> float:
        return 1 + (self.rate or 0.0) * _BURST

    def _fill(self, now: float) -> None:
        """Put in what became due; `rate` is a number wherever this is called."""
        if now > self._filled_at:
            passed = now - self._filled_at
            most = self._burst() if passed <= _REST else 1.0
            self._tokens = min(most, self._tokens + passed * (self.rate or 0.0))
            self._filled_at = now

    def _rested(self, now: float) -> bool:
        """Whether nothing waited for longer than workers need to bring more."""
        return not self._busy and now - self._idle_at > _REFILL

    def _begin_stretch(self, now: float) -> None:
        """From here on, what happens is counted anew."""
        self._minute_at = self._window_at = now
        self._begun = self._answers = 0

    def _measure(self, now: float) -> None:
        seconds = now - self._window_at
        seen = self._answers / seconds
        known = seen if self.measured is None else self.measured
        # At the beginning of a minute, where something has changed, about the mean since then.
        memory = min(_MEMORY, now - self._minute_at)
        self.measured = seen + (known - seen) * math.exp(-seconds / memory)
        self._window_at, self._answers = now, 0

    def _grow(self, now: float) -> None:
        """A clean minute is over."""
        if now - self._halved_at > _HOLD:
            self._refused_rate = self._refused_connections = math.inf
        begun = self._begun / (now - self._minute_at)
        if self.rate is not None and is_limit(self.rate, begun):
            self.rate = self._growth.rate_after(self.rate, self._refused_rate)
        self.connections = self._growth.connections_after(
            self.connections, self._refused_connections
        )
        self._minute_at, self._begun = now, 0

    def _lately(self, now: float) -> float:
        """What went each second until now; before anything is known, one on each connection."""
        if self.measured is not None:
            return self.measured
        seconds = max(now - self._window_at, _WINDOW)
        return self._answers / seconds if self._answers else float(self.connections)


def _within(
    rule: LaneRule, rate: float | None, connections: int | None
) -> tuple[float | None, int | None]:
    """What was learned, as far as it is stated now; of a rate that is stated no more, nothing.

    Where less was learned that stays, and grows again: a relay may have asked for it.
    """
    if rate is not None:
        rate = None if rule.per_second is None else min(rate, rule.per_second)
    return rate, min(connections, rule.connections) if connections else connections
