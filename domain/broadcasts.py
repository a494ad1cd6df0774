"""The life of a broadcast: its states, and every move between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class Purpose(StrEnum):
    """What a broadcast may be for (the notice of 25 October 2012 names these seven)."""

    EARTHQUAKE = "earthquake"
    DISASTER = "disaster"
    ACCIDENT = "accident"
    EVENT = "event"
    SCHOOL = "school"
    SYSTEM = "system"
    OTHER = "other"


# An operator may send these first and report afterwards, as the notice says.
EMERGENCIES = frozenset({Purpose.EARTHQUAKE, Purpose.DISASTER, Purpose.ACCIDENT})


class Relation(StrEnum):
    """How a broadcast follows an earlier one.

    A `correction` says to those reached what was wrong, a `replacement` is sent to all instead of
    the earlier one, a `reminder` to those who have not confirmed it.
    """

    CORRECTION = "correction"
    REPLACEMENT = "replacement"
    REMINDER = "reminder"


class State(StrEnum):
    """`approved` with a later `due_at` is scheduled; see MOVES for what leads where."""

    DRAFT = "draft"
    PENDING = "pending"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    RETURNED = "returned"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Verb(StrEnum):
    """What people do, and (from START on) what the system does when its time has come.

    SEND_FIRST is an operator's in an emergency; RESEND tries again those not reached.
    """

    EDIT = "edit"
    SUBMIT = "submit"
    SEND_FIRST = "send_first"
    APPROVE = "approve"
    RETURN = "return"
    REJECT = "reject"
    CANCEL = "cancel"
    WITHDRAW = "withdraw"
    RESEND = "resend"
    START = "start"
    FINISH = "finish"
    EXPIRE = "expire"
    OUTGROW = "outgrow"
    SUPERSEDE = "supersede"


# A pair that does not stand here is refused.  Rejected, cancelled, expired and withdrawn are
# final: who wants the same again writes it anew, so that the records show two broadcasts.
MOVES: Mapping[tuple[State, Verb], State] = MappingProxyType(
    {
        (State.DRAFT, Verb.EDIT): State.DRAFT,
        (State.PENDING, Verb.EDIT): State.DRAFT,
        (State.RETURNED, Verb.EDIT): State.DRAFT,
        (State.APPROVED, Verb.EDIT): State.DRAFT,
        (State.DRAFT, Verb.SUBMIT): State.PENDING,
        (State.DRAFT, Verb.SEND_FIRST): State.APPROVED,
        (State.PENDING, Verb.APPROVE): State.APPROVED,
        (State.PENDING, Verb.RETURN): State.RETURNED,
        (State.PENDING, Verb.REJECT): State.REJECTED,
        (State.DRAFT, Verb.CANCEL): State.CANCELLED,
        (State.PENDING, Verb.CANCEL): State.CANCELLED,
        (State.RETURNED, Verb.CANCEL): State.CANCELLED,
        (State.APPROVED, Verb.CANCEL): State.CANCELLED,
        (State.APPROVED, Verb.START): State.SENDING,
        (State.APPROVED, Verb.OUTGROW): State.PENDING,
        (State.SENDING, Verb.FINISH): State.SENT,
        (State.PENDING, Verb.EXPIRE): State.EXPIRED,
        (State.APPROVED, Verb.EXPIRE): State.EXPIRED,
        (State.SENDING, Verb.WITHDRAW): State.WITHDRAWN,
        (State.SENT, Verb.WITHDRAW): State.WITHDRAWN,
        (State.SENT, Verb.RESEND): State.SENDING,
        (State.PENDING, Verb.SUPERSEDE): State.CANCELLED,
        (State.APPROVED, Verb.SUPERSEDE): State.CANCELLED,
        (State.SENDING, Verb.SUPERSEDE): State.WITHDRAWN,
        (State.SENT, Verb.SUPERSEDE): State.WITHDRAWN,
    }
)


# Of these something may leave: of what is sent, full mailboxes are still tried.
GOING_OUT = (State.SENDING, State.SENT)

# An approval that comes a little late still sends; later, the text may no longer be true.
LATE_APPROVAL = timedelta(minutes=10)


def next_state(state: State, verb: Verb) -> State | None:
    """Where a verb leads from a state; None if it is refused there."""
    return MOVES.get((state, verb))


def due_at(send_at: datetime | None, approved_at: datetime, undo_seconds: int) -> datetime:
    """When an approved broadcast leaves: never before its approval can no longer be undone."""
    undo_until = approved_at + timedelta(seconds=undo_seconds)
    return max(send_at, undo_until) if send_at else undo_until


def has_missed_its_time(send_at: datetime | None, approved_at: datetime) -> bool:
    """Whether the time to send passed so long before the approval that it must be set anew."""
    return send_at is not None and approved_at > send_at + LATE_APPROVAL


def has_outgrown(families: int, approved_families: int, percent: int) -> bool:
    """Whether an audience has grown so much that its approval no longer speaks for it."""
    return families * 100 > approved_families * (100 + percent)
