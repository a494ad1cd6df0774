"""When an address is no longer written to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain.suppression import UNKNOWN_USER, Mark, marked, taken_back

ZONE = "Asia/Tokyo"
# 23:50 in Tokyo: the next day is ten minutes away, and in UTC it is afternoon.
LATE = datetime(2026, 11, 24, 14, 50, tzinfo=UTC)


def said(mark: Mark | None, hours: float, reason: str = UNKNOWN_USER) -> Mark:
    return marked(mark, reason, LATE + timedelta(hours=hours), ZONE)


def test_a_day_ends_at_midnight_in_japan() -> None:
    once = said(None, -14)
    assert (once.days, once.suspended_at) == (1, None)
    assert said(once, 0) == once, "said twice on one day it counts once"
    next_day = said(once, 0.5)
    assert (next_day.days, next_day.suspended_at) == (2, LATE + timedelta(hours=0.5))
    assert said(next_day, 48).suspended_at == next_day.suspended_at


def test_two_sides_of_midnight_are_one_evening() -> None:
    late = said(None, 0)
    assert said(late, 0.2) == late, "23:50 and 0:02"
    assert said(late, 11.9) == late
    assert said(late, 12).suspended_at is not None


def test_a_clock_that_is_set_back_counts_no_day() -> None:
    ahead = said(None, 72)
    assert said(ahead, 0) == ahead, "it ran three days ahead"
    assert said(ahead, -24) == ahead
    assert said(ahead, 96).days == 2


def test_only_who_is_unknown_is_suspended() -> None:
    for reason in ("filtered", "mailbox_full"):
        mark = None
        for day in range(5):
            mark = said(mark, 24 * day, reason)
        assert mark is not None
        assert (mark.days, mark.suspended_at) == (5, None)


def test_another_reason_begins_anew_and_lifts() -> None:
    suspended = said(said(None, 0), 24)
    full = said(suspended, 48, "mailbox_full")
    assert (full.days, full.suspended_at) == (1, None)
    assert said(full, 72).days == 1


def test_what_was_said_last_is_taken_back() -> None:
    once = said(None, 0)
    assert taken_back(once) is None
    back = taken_back(said(once, 24))
    assert back is not None
    assert (back.days, back.suspended_at) == (1, None)
    again = said(back, 25)
    assert again.suspended_at is not None, "the day after the first still counts"
