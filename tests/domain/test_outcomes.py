"""Outcomes."""

from datetime import timedelta

from domain.outcomes import TryLater


def test_nobody_waits_for_more_than_a_day() -> None:
    assert TryLater("rate", timedelta(seconds=3 * 10**11)).after == timedelta(days=1)
    assert TryLater("rate", timedelta(minutes=3)).after == timedelta(minutes=3)
    assert TryLater("rate").after is None
