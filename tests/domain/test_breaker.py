"""When a destination is stopped, and when it is not."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.breaker import Breaker, usual_from_now


def sent(breaker: Breaker, share: float, count: int, at: float = 0.0, *, seed: int = 1) -> int:
    """Answers one by one, two a second, until it trips; return how many were needed."""
    dice = Random(seed)
    for number in range(count):
        unknown = dice.random() < share
        breaker.note(int(unknown), int(not unknown), at + number / 2)
        if breaker.tripped:
            return number + 1
    return count


def test_a_block_stops_it_after_twenty_answers() -> None:
    breaker = Breaker()
    assert sent(breaker, 1.0, 100) == 20
    assert breaker.tripped
    assert breaker.share == 1.0


def test_a_block_in_the_middle_of_good_answers_stops_it_soon() -> None:
    breaker = Breaker(0.01)
    breaker.note(2, 198, 0.0)
    breaker.note(0, 0, 1.0)
    assert not breaker.tripped
    assert sent(breaker, 1.0, 100, at=10.0) <= 20


@pytest.mark.parametrize("unknown", range(10))
def test_a_few_wrong_addresses_of_a_first_list_stop_nothing(unknown: int) -> None:
    breaker = Breaker()
    breaker.note(unknown, 20, 0.0)
    assert not breaker.tripped
    assert breaker.share > 0 or not unknown


def test_what_is_usual_stops_nothing_and_three_times_as_much_does() -> None:
    breaker = Breaker()
    assert sent(breaker, 0.015, 6000) == 6000
    assert breaker.baseline == pytest.approx(0.015, abs=0.006)
    known = Breaker(0.04)
    assert sent(known, 0.07, 2000) == 2000
    assert sent(known, 0.4, 200, at=5000.0) < 100


def test_what_lies_ten_minutes_back_says_nothing_of_now() -> None:
    breaker = Breaker()
    breaker.note(9, 30, 0.0)
    breaker.note(9, 91, 601.0)
    assert not breaker.tripped
    assert breaker.share == 0.09


def test_a_jump_is_not_measured_by_itself() -> None:
    breaker = Breaker(0.01)
    breaker.note(500, 0, 0.0)
    assert breaker.tripped
    assert breaker.baseline == 0.01
    breaker.note(0, 10_000, 1.0)
    assert breaker.tripped, "what was on its way changes nothing"


def test_let_go_on_it_bears_what_it_was_stopped_for() -> None:
    breaker = Breaker()
    breaker.note(14, 186, 0.0)
    stopped = breaker.tripped
    breaker.resume(usual_from_now(breaker.baseline, breaker.share))
    assert (stopped, breaker.tripped, breaker.share) == (True, False, 0.0)
    assert breaker.baseline == 0.07
    breaker.note(14, 186, 1.0)
    assert not breaker.tripped


def test_let_go_on_a_block_stops_it_again() -> None:
    breaker = Breaker()
    breaker.note(100, 0, 0.0)
    breaker.resume(usual_from_now(breaker.baseline, breaker.share))
    breaker.note(100, 0, 1.0)
    assert breaker.tripped


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.floats(0, 400)), max_size=30),
    st.floats(0, 1),
)
def test_shares_are_parts_of_one(notes: list[tuple[int, int, float]], baseline: float) -> None:
    breaker, now = Breaker(baseline), 0.0
    for unknown, others, later in notes:
        now += later
        breaker.note(unknown, others, now)
        assert 0 <= breaker.share <= 1
        assert 0 <= breaker.baseline <= 1
        assert not breaker.tripped or breaker.share > 0.05
