"""The pace of one lane: what it lets begin, what halves it, and how it recovers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.lanes import LaneRule
from domain.pacing import PAUSE, UNLIMITED, Pace

CARRIER = LaneRule("docomo", connections=3, per_connection=30, per_second=8)
OPEN = LaneRule("gmail", connections=5, per_connection=50, per_second=None)
BURST = 3  # One, and a quarter of a second of eight.


def busy(pace: Pace, start: float, seconds: float, took: Callable[[float], int]) -> float:
    """Use a lane to its limit; `took` says of a moment how many more it answers at once."""
    now = start
    while now < start + seconds:
        now += max(0.125, pace.wait(now))
        count = min(pace.allowance(now), took(now))
        if count:
            pace.began(now, count)
            pace.answered(now, count)
    return now


def anything(now: float) -> int:
    """A carrier that takes all, at any time."""
    return 1000


def test_it_begins_at_the_rules_values_or_at_what_was_learned() -> None:
    fresh, learned = Pace(CARRIER, 0), Pace(CARRIER, 0, rate=5, connections=2)
    assert (fresh.connections, fresh.per_connection, fresh.rate) == (3, 30, 8)
    assert (learned.connections, learned.per_connection, learned.rate) == (2, 30, 5)
    assert fresh.measured is None
    assert Pace(OPEN, 0).allowance(0) == UNLIMITED


def test_one_and_then_the_rate_whoever_looks_late() -> None:
    pace = Pace(CARRIER, 100.0)
    assert (pace.allowance(100), pace.wait(100)) == (1, 0.0)
    pace.began(100, 1)
    assert pace.allowance(100) == 0
    wait = pace.wait(100)
    assert wait == pytest.approx(1 / 8)
    assert (pace.allowance(100 + wait), pace.wait(100 + wait)) == (1, 0.0)
    assert pace.allowance(100.9) == BURST
    assert pace.allowance(10_000) == 1


def test_a_slow_lane_still_begins_one() -> None:
    pace = Pace(CARRIER, 0, rate=0.1)
    assert pace.rate == 0.5
    assert pace.allowance(0) == 1


def test_what_ten_connections_say_at_once_halves_once_and_pauses() -> None:
    pace = Pace(CARRIER, 0)
    for number in range(10):
        pace.throttled(1 + number / 10)
    assert (pace.rate, pace.connections) == (4, 1)
    assert pace.allowance(2) == 0
    assert pace.wait(2) >= PAUSE - 1
    assert pace.allowance(1 + PAUSE + 0.3) == 1
    pace.throttled(1 + PAUSE)
    assert pace.rate == 2


def test_it_never_halves_to_nothing() -> None:
    pace = Pace(CARRIER, 0)
    for number in range(20):
        pace.throttled(number * 10)
    assert (pace.rate, pace.connections) == (0.5, 1)


def test_an_open_lane_that_is_refused_gets_half_of_what_it_took() -> None:
    pace = Pace(OPEN, 0)
    now = busy(pace, 0, 20, lambda _: 5)
    assert pace.measured == pytest.approx(40, rel=0.05)
    assert pace.rate is None
    pace.throttled(now)
    assert pace.rate == pytest.approx(20, rel=0.05)
    assert pace.connections == 2


def test_an_open_lane_that_is_refused_at_once_begins_slowly() -> None:
    pace = Pace(OPEN, 0)
    pace.began(0, 5)
    pace.throttled(0.1)
    assert pace.rate == 2.5


def test_each_clean_minute_of_full_use_adds_a_little_up_to_a_ceiling() -> None:
    pace = Pace(CARRIER, 0)
    now = busy(pace, 0, 61, anything)
    assert pace.rate == pytest.approx(8.8)
    assert pace.connections == 4
    busy(pace, now, 3600, anything)
    assert (pace.rate, pace.connections) == (32, 12)
    assert pace.measured == pytest.approx(32, rel=0.05)


def test_what_a_relay_states_is_never_exceeded() -> None:
    pace = Pace(LaneRule("relay", connections=3, per_second=8, stated=True), 0)
    busy(pace, 0, 200, anything)
    assert (pace.rate, pace.connections) == (8, 3)


def test_a_relay_without_a_stated_rate_gets_none_for_one_refusal() -> None:
    pace = Pace(LaneRule("relay", connections=8, per_second=None, stated=True), 0)
    pace.throttled(0)
    assert (pace.rate, pace.connections, pace.allowance(4)) == (None, 4, 0)
    busy(pace, 5, 3600, anything)
    assert (pace.rate, pace.connections) == (None, 8)


@pytest.mark.parametrize(
    ("stated", "learned", "then"),
    [
        ((20, 8), (40, 20), (20, 8)),
        ((20, 8), (5, 2), (5, 2)),
        ((None, 8), (5, 2), (None, 2)),
        ((None, 8), (None, 20), (None, 8)),
        ((20, 8), (None, None), (20, 8)),
        ((0.2, 8), (5, 2), (0.2, 2)),
    ],
)
def test_what_is_stated_now_holds_against_what_was_learned_before(
    stated: tuple[float | None, int],
    learned: tuple[float | None, int | None],
    then: tuple[float | None, int],
) -> None:
    rule = LaneRule("relay", per_second=stated[0], connections=stated[1], stated=True)
    pace = Pace(rule, 0, *learned)
    assert (pace.rate, pace.connections) == then
    pace.throttled(0)
    busy(pace, 5, 3600, anything)
    assert (pace.rate, pace.connections) == stated


def test_where_connections_are_the_limit_the_rate_stays() -> None:
    pace = Pace(CARRIER, 0)
    busy(pace, 0, 61, lambda now: int(now % 1 == 0) * 2)
    assert (pace.rate, pace.connections) == (8, 4)
    assert pace.measured == pytest.approx(2, rel=0.1)


def test_a_lane_with_little_to_do_learns_nothing() -> None:
    pace = Pace(CARRIER, 0)
    for number in range(200):
        pace.began(number, 1)
        pace.idle(number)
        pace.answered(number + 0.2, 1)
    assert (pace.rate, pace.connections, pace.measured) == (8, 3, None)
    for number in range(50):
        pace.began(1000 + number * 10, 1)
        pace.answered(1000.2 + number * 10, 1)
    assert (pace.rate, pace.connections, pace.measured) == (8, 3, None)


def test_a_queue_that_is_refilled_at_once_is_no_rest() -> None:
    pace, now = Pace(OPEN, 0, measured=1), 0.0
    for _ in range(40):
        pace.began(now, 20)
        pace.answered(now + 0.1, 20)
        pace.idle(now + 0.1)
        pace.idle(now + 0.15)
        now += 0.2
    assert pace.measured == pytest.approx(100, rel=0.1)


def test_what_was_refused_is_not_tried_again_for_half_an_hour() -> None:
    pace = Pace(CARRIER, 0)
    now = busy(pace, 0, 61, anything)
    pace.throttled(now)
    assert pace.rate == pytest.approx(4.4)
    now = busy(pace, now, 1500, anything)
    assert pace.rate == pytest.approx(8.8 * 0.8)
    assert pace.connections == 3
    busy(pace, now, 1000, anything)
    assert (pace.rate or 0) > 10


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.5, 200),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from("sssssxi")), min_size=1, max_size=60),
)
def test_in_no_window_more_than_the_rate_and_a_burst(
    rate: float, steps: list[tuple[float, str]]
) -> None:
    """Whatever is refused in between: the highest rate so far bounds what begins."""
    pace, now, sent = Pace(CARRIER, 0, rate=rate), 0.0, [(0.0, 0)]
    for seconds, step in steps:
        now += seconds
        if step == "x":
            pace.throttled(now)
        elif step == "i":
            pace.idle(now)
        count = pace.allowance(now)
        assert (count == 0) == (pace.wait(now) > 0)
        pace.began(now, count)
        pace.answered(now, count)
        sent.append((now, count))
    most = rate if now < 60 else max(rate, 32.0)
    for first, (start, _) in enumerate(sent):
        total = 0
        for end, count in sent[first:]:
            total += count
            assert total <= most * (end - start) + 1 + most / 4 + 0.001


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 20), max_size=40))
def test_halving_is_bounded_and_all_comes_back(gaps: list[float]) -> None:
    pace, now, halvings, last = Pace(CARRIER, 0), 0.0, 0, -PAUSE
    for gap in gaps:
        now += gap
        halvings += now - last >= PAUSE
        last = now if now - last >= PAUSE else last
        before = pace.rate or 0
        pace.throttled(now)
        assert (pace.rate or 0) >= max(0.5, before / 2)
    assert pace.rate == max(0.5, 8 / 2**halvings)
    assert pace.wait(now) <= PAUSE + 2
    busy(pace, now, 3000, anything)
    assert (pace.rate or 0) >= 8
