"""What is forecast, against a fan-out by the same Pace to carriers with a clock moved by hand."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from channels.line.channel import LIMITS
from channels.telegram import pacing as telegram
from domain import forecasts
from domain.forecasts import Forecast, Known, Load, Place
from domain.lanes import RELAY, LaneRule, rule_of
from domain.pacing import Pace


@dataclass
class Carrier:
    """Takes `latency` seconds for a message on one connection; more than `bears` begun within
    a second get a 421, the message to be tried again.
    """

    latency: float = 0.1
    bears: float = math.inf
    _begun: deque[float] = field(default_factory=deque)

    def is_too_much(self, now: float) -> bool:
        while self._begun and self._begun[0] <= now - 1:
            self._begun.popleft()
        self._begun.append(now)
        return len(self._begun) > self.bears * 1.25 + 1


def fan_out(paces: Sequence[Pace], carrier: Carrier, messages: int, start: float = 0.0) -> float:
    """Send them all over some addresses of ours; return when the last one was answered."""
    now, left = start, messages
    flying = [0] * len(paces)
    answers: list[tuple[float, int, bool]] = []
    while left or answers:
        for number, pace in enumerate(paces):
            count = min(left, pace.connections - flying[number], pace.allowance(now))
            for _ in range(max(0, count)):
                pace.began(now, 1)
                flying[number] += 1
                left -= 1
                refused = carrier.is_too_much(now)
                heapq.heappush(answers, (now + carrier.latency, number, refused))
        waits = [
            now + max(0.001, pace.wait(now))
            for number, pace in enumerate(paces)
            if left and flying[number] < pace.connections
        ]
        now = min([answers[0][0]] if answers else waits, [*waits, math.inf][:1] or [now])[0]
        while answers and answers[0][0] <= now:
            _, number, refused = heapq.heappop(answers)
            flying[number] -= 1
            left += refused
            if refused:
                paces[number].throttled(now)
            else:
                paces[number].answered(now, 1)
    for pace in paces:
        pace.idle(now)
    return now


def known(pace: Pace) -> Known:
    return Known(pace.rate, pace.connections, pace.measured)


def load(lane: str, messages: int, *lanes: Known, ahead: int = 0, until: float = 0.0) -> Load:
    return Load(Place("email", "email", lane), messages, ahead, lanes, until)


def fresh(lane: str, count: int = 1) -> list[Pace]:
    return [Pace(rule_of(lane), 0.0) for _ in range(count)]


def test_a_first_fan_out_over_several_lanes() -> None:
    """Twenty thousand families' carriers, each at the pace that the file gives."""
    city = {"docomo": 3000, "au": 2000, "yahoo": 2400, "other": 12_000, "rakumail": 40}
    took = {lane: fan_out(fresh(lane), Carrier(0.08), count) for lane, count in city.items()}
    for lane, count in city.items():
        assert forecasts.seconds(load(lane, count)) == pytest.approx(took[lane], rel=0.1, abs=1)
    (mail,) = forecasts.forecasts(load(lane, count) for lane, count in city.items())
    assert mail.slowest == "docomo"
    assert mail.seconds == pytest.approx(max(took.values()), rel=0.1)
    assert mail.others == pytest.approx(sorted(took.values())[-2], rel=0.1)
    assert mail.guess


@pytest.mark.parametrize(
    ("lane", "carrier", "first", "then"),
    [
        # No rate limits it: what a connection carries was measured.
        ("gmail", Carrier(0.25), 500, 7000),
        ("icloud", Carrier(0.4), 500, 6000),
        # Its rate would allow more than its connections carry.
        ("docomo", Carrier(1.0), 200, 2000),
        ("other", Carrier(0.3), 3000, 20_000),
        # It is used to its rate, and has grown.
        ("yahoo", Carrier(0.1), 3000, 3000),
        # It bears less than it was given to start with.
        ("docomo", Carrier(0.1, bears=4), 6000, 2000),
        ("yahoo", Carrier(0.1, bears=6), 6000, 2000),
    ],
)
def test_what_was_learned_forecasts_the_next_one(
    lane: str, carrier: Carrier, first: int, then: int
) -> None:
    (pace,) = paces = fresh(lane)
    start = fan_out(paces, carrier, first) + 300
    expected = forecasts.seconds(load(lane, then, known(pace)))
    assert expected == pytest.approx(fan_out(paces, carrier, then, start) - start, rel=0.1)


def test_several_addresses_of_ours_share_the_work() -> None:
    took = fan_out(fresh("docomo", 2), Carrier(), 3000)
    two = (known(fresh("docomo")[0]),) * 2
    assert forecasts.seconds(load("docomo", 3000, *two)) == pytest.approx(took, rel=0.1)
    assert took == pytest.approx(fan_out(fresh("docomo"), Carrier(), 1500), rel=0.1)


def test_what_waits_there_goes_first_unless_it_is_gone_by_then() -> None:
    alone = forecasts.seconds(load("docomo", 80))
    assert alone == pytest.approx(10)
    assert forecasts.seconds(load("docomo", 80, ahead=160)) == pytest.approx(30)
    assert forecasts.seconds(load("docomo", 80, ahead=160, until=5)) == pytest.approx(25)
    assert forecasts.seconds(load("docomo", 80, ahead=160, until=60)) == pytest.approx(10)


def test_stopped_lanes_are_told_apart_from_the_time_of_the_others() -> None:
    halted = Known(8, 3, 8, stopped=True)
    found = forecasts.forecasts([load("docomo", 800, halted), load("au", 80, Known(8, 3, 8))])
    assert found == [Forecast("email", 10, "au", None, ("docomo",))]
    # One of several addresses of ours goes on.
    both = load("docomo", 80, halted, Known(8, 3, 8))
    assert forecasts.seconds(both) == pytest.approx(10)


def test_the_chats() -> None:
    loads = [
        Load(Place("telegram", "telegram", "telegram"), 2500),
        Load(Place("line", "line", "line"), 40_000),
        Load(Place("webchat", "webchat", "webchat"), 40_000),
    ]
    found = {each.channel: each.seconds for each in forecasts.forecasts(loads)}
    assert found == {"telegram": 100, "line": 10, "webchat": 0}
    assert forecasts.TELEGRAM_PER_SECOND == telegram.PER_SECOND - telegram.RESERVED
    assert LIMITS.recipients == forecasts.LINE_RECIPIENTS
    assert LIMITS.slots == forecasts.LINE_AT_ONCE


def test_behind_a_relay_all_mail_is_one_lane_that_does_not_grow() -> None:
    people = {Place("email", "email", lane): 3000 for lane in ("docomo", "gmail", "other")}
    ahead = {Place("email", "email", "au"): 1000}
    lanes = {
        ("email", "docomo"): (Known(8, 3, 8),),
        ("email", RELAY): (Known(None, 10, 50),),
    }
    (found,) = forecasts.forecasts(forecasts.loads(people, ahead, lanes))
    assert found == Forecast("email", 200, RELAY)
    # Before anything was measured, as any other destination would.
    lanes["email", RELAY] = (Known(None, 5),)
    assert forecasts.forecasts(forecasts.loads(people, ahead, lanes)) == [
        Forecast("email", 200, RELAY, guess=True)
    ]
    rule = LaneRule(RELAY, connections=10, per_second=None, stated=True)
    took = fan_out([Pace(rule, 0.0)], Carrier(0.2), 10_000)
    assert found.seconds == pytest.approx(took, rel=0.1)


def test_other_domains_go_as_the_site_last_seen() -> None:
    people = {Place("email", "email", "other"): 1000, Place("line", "line", "line"): 3}
    lanes = {
        ("email", "docomo"): (Known(8, 3, 8),),
        ("email", "mx.a.jp"): (Known(100, 10, 100),),
        ("email", "mx.b.jp"): (Known(50, 10, 50),),
        ("email", "mx.c.jp"): (Known(5, 10, 5, stopped=True),),
    }
    mail, line = forecasts.forecasts(forecasts.loads(people, {}, lanes))
    assert (mail.seconds, line.seconds) == (20, 0.5)
    assert not mail.stopped
