"""What becomes of a delivery: its states, and when it is tried again.

"Unknown" means that the provider was asked and did not answer: perhaps it accepted.  Such a
delivery is sent again, under the same Message-ID, because a school's message must not get
lost; each time that happens is counted as `doubtful`, because it may have arrived twice.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.outcomes import Accepted, Outcome, Placed, Refused, TryLater, Unknown


class State(StrEnum):
    """Where a delivery stands; one in an `OPEN` state may still be sent."""

    WAITING = "waiting"
    PLACED = "placed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


OPEN = (State.WAITING, State.UNKNOWN)

# Minutes between one try and the next; the last is repeated until the deadline.
_PAUSES = (1, 2, 5, 10, 20, 30)
_SPREAD = 0.25
# The last try comes so long before the deadline, that its answer is still in time.
_LAST_TRY = timedelta(minutes=1)

# Longest reason and reference that are kept: what the columns hold.
_REASON = 64
_REFERENCE = 200

INTERRUPTED = "interrupted"
DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Change:
    """What an outcome makes of a delivery; it is sent again at `again_at`, if that is set."""

    state: State
    reason: str = ""
    reference: str = ""
    again_at: datetime | None = None
    doubtful: bool = False

    @property
    def settled(self) -> bool:
        return self.again_at is None and self.state is not State.PLACED


@dataclass(frozen=True, slots=True)
class Tried:
    """What is known of a delivery before its newest outcome."""

    attempts: int = 0
    doubtful: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """When an outcome is judged; `jitter` (0 to 1) spreads the tries of many chunks."""

    now: datetime
    deadline: datetime
    jitter: float


def settle(outcome: Outcome, tried: Tried, moment: Moment) -> Change:
    """Say what an outcome makes of a delivery."""
    match outcome:
        case Accepted(reference):
            return Change(State.ACCEPTED, reference=reference[:_REFERENCE])
        case Placed():
            return Change(State.PLACED)
        case Refused(reason):
            return Change(State.REFUSED, reason=reason[:_REASON])
        case TryLater(reason, after):
            again_at = try_again_at(moment, tried.attempts, after)
            state = State.WAITING if again_at else expired(tried.doubtful)
            return Change(state, reason[:_REASON], again_at=again_at)
        case Unknown(reason):
            again_at = try_again_at(moment, tried.attempts)
            again = again_at is not None
            return Change(State.UNKNOWN, reason[:_REASON], again_at=again_at, doubtful=again)


def expired(doubtful: int) -> State:
    """The last state of what could not be sent in time; an earlier try may have arrived."""
    return State.UNKNOWN if doubtful else State.EXPIRED


def try_again_at(moment: Moment, attempts: int, after: timedelta | None = None) -> datetime | None:
    """When to try again after so many earlier tries; None once it is too late.

    What the provider asked for (`after`) is kept to; otherwise the pauses grow.  The one
    that would pass the deadline is cut short for a last try.
    """
    pause = (after or _pause(attempts)) * (1 + _SPREAD * moment.jitter)
    if moment.now + pause < moment.deadline:
        return moment.now + pause
    last = moment.deadline - _LAST_TRY
    return last if after is None and last - moment.now >= _LAST_TRY else None


def _pause(attempts: int) -> timedelta:
    return timedelta(minutes=_PAUSES[min(attempts, len(_PAUSES) - 1)])


def deadline(frozen_at: datetime, keep_trying: timedelta, valid_until: datetime | None) -> datetime:
    """Until when a broadcast's deliveries are tried."""
    latest = frozen_at + keep_trying
    return min(latest, valid_until) if valid_until else latest


def message_id(secret: bytes, broadcast_id: int, delivery_id: int, domain: str) -> str:
    """The Message-ID of a delivery, without brackets: the same however often it is sent.

    Mailboxes that know it hide a copy; nobody without the secret can guess another's.
    """
    name = f"message-id {broadcast_id} {delivery_id}".encode()
    return f"{hmac.digest(secret, name, hashlib.sha256).hex()[:32]}@{domain}"
