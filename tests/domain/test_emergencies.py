"""When somebody is asked again about an emergency, and when the board is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.emergencies import Step, Waiting, next_step
from tests.databases import START


def after(
    minutes: float,
    reminded: float | None = None,
    escalated: float | None = None,
    every: int = 10,
    until: int = 30,
) -> Step | None:
    def at(past: float | None) -> object:
        return START + timedelta(minutes=past) if past is not None else None

    waiting = Waiting(START, at(reminded), at(escalated))  # type: ignore[arg-type]
    now = START + timedelta(minutes=minutes)
    return next_step(waiting, now, acknowledge_minutes=every, escalate_minutes=until)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (after(9.9), None),
        (after(10), Step.REMIND),
        (after(19.9, reminded=10), None),
        (after(20, reminded=10), Step.REMIND),
        (after(30, reminded=20), Step.ESCALATE),
        (after(500), Step.ESCALATE),
        (after(40, reminded=20, escalated=30), None),
        (after(30 + 24 * 60, reminded=20, escalated=30), Step.REMIND),
        (after(11, every=0), None),
        (after(30, every=0), Step.ESCALATE),
        (after(9999, escalated=30, every=0), None),
        (after(0, until=0), Step.ESCALATE),
    ],
)
def test_the_next_step(step: Step | None, expected: Step | None) -> None:
    assert step is expected
