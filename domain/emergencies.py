"""When managers are reminded of an emergency that nobody took note of, and the board is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Once the board has the case too, nobody is woken for it every few minutes any more.
AFTER_ESCALATION = timedelta(days=1)


class Step(StrEnum):
    """What is due: the same people are asked again, or the board is told."""

    REMIND = "remind"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that nobody has acknowledged yet."""

    opened_at: datetime
    reminded_at: datetime | None
    escalated_at: datetime | None


def next_step(
    waiting: Waiting, now: datetime, *, acknowledge_minutes: int, escalate_minutes: int
) -> Step | None:
    """What is due for a report now; with 0 for `acknowledge_minutes` nobody is reminded."""
    if waiting.escalated_at is None:
        if now >= waiting.opened_at + timedelta(minutes=escalate_minutes):
            return Step.ESCALATE
        every = timedelta(minutes=acknowledge_minutes)
    else:
        every = AFTER_ESCALATION
    asked = (waiting.opened_at, waiting.reminded_at, waiting.escalated_at)
    last = max(at for at in asked if at is not None)
    return Step.REMIND if acknowledge_minutes and now >= last + every else None
