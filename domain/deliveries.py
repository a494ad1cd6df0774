"""What becomes of a delivery: its states, and when it is tried again.

"Unknown" means that the provider was asked and did not answer: perhaps it accepted.  Such a
delivery is sent again, under the same Message-ID, because a school's message must not get
lost; each time that happens is counted as `doubtful`, because it may have arrived twice.
Where the provider knows a chunk by its key, asking again doubles nothing: there it is asked
again sooner, and nothing is doubtful.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from domain.keyed_hash import KeyedHash
from domain.outcomes import Accepted, Outcome, Placed, Refused, Split, TryLater, Unknown


class State(StrEnum):
    """Where a delivery stands; one in an `OPEN` state may still be sent."""

    WAITING = "waiting"
    PLACED = "placed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"


OPEN = (State.WAITING, State.UNKNOWN)

# The priorities of chunks: lower is sooner, and below the ordinary one is urgent.
URGENT, ORDINARY = 1, 5

# Seconds between one try and the next; the last is repeated until the deadline.
_PAUSES = (60, 120, 300, 600, 1200, 1800)
# The same after a keyed chunk was not answered.
_KEYED_PAUSES = (5, 15, 30, 60, 120, 300, 600)
# The same while a mailbox is full: its owner has to make room, and some find out late.
_FULL_PAUSES = (1800, 3600, 7200, 14400)
_SPREAD = 0.25
# What a provider asks for is taken to be no longer: past every deadline, and no date overflows.
_LONGEST = timedelta(days=366)
# The last try comes so long before the deadline, that its answer is still in time.
_LAST_TRY = timedelta(minutes=1)

# Longest reason and reference that are kept: what the columns hold.
_REASON = 64
_REFERENCE = 200
# What makes a word look like an address; it may be typed in full width.
_ATS = ("@", "＠")

INTERRUPTED = "interrupted"
DEADLINE = "deadline"
# Why TryLater: the mailbox holds no more. Tried for so long after freezing (RFC 5321 §4.5.4.1
# gives up after four to five days), however long the board keeps trying otherwise.
MAILBOX_FULL = "mailbox_full"
FULL_LASTS = timedelta(days=3)
# Why TryLater: the provider takes no more from this account in this month.
QUOTA = "quota"
# Why Refused: the person closed the conversation to us.
BLOCKED = "blocked"

# LINE forgets a retry key after 24 hours (Messaging API reference, "Retry a failed API
# request"): asked again later, it would take the chunk a second time.
KEY_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ChunkRule:
    """How a channel's deliveries are cut and sent: `size` is the largest chunk, `slots` how many
    chunks one worker sends at the same time, `keyed` whether a chunk is asked under its own key
    and so keeps its members (see channels.base.Limits).  Of a `laned` channel each lane is leased
    apart, because it paces them by itself (see channels.base.Laned).
    """

    size: int
    slots: int
    keyed: bool
    laned: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What an outcome makes of a delivery; it is sent again at `again_at`, if that is set.

    With a `part` it is sent again apart from those of its chunk that have another one.  With a
    `deadline` it has that one from now on, instead of its chunk's.
    """

    state: State
    reason: str = ""
    reference: str = ""
    again_at: datetime | None = None
    doubtful: bool = False
    part: int | None = None
    deadline: datetime | None = None

    @property
    def settled(self) -> bool:
        return self.again_at is None and self.state is not State.PLACED


@dataclass(frozen=True, slots=True)
class Tried:
    """What is known of a delivery before its newest outcome.

    `unanswered` says that an earlier try got no answer and none since has told what became of
    it, as only happens where the chunk is keyed.
    """

    attempts: int = 0
    doubtful: int = 0
    unanswered: bool = False

    @property
    def perhaps(self) -> bool:
        """Whether an earlier try may have arrived."""
        return self.doubtful > 0 or self.unanswered


@dataclass(frozen=True, slots=True)
class Moment:
    """When an outcome is judged; `jitter` (0 to 1) spreads the tries of many chunks.

    `keyed` says that the chunk was asked under its own key.  A full mailbox is tried until
    `full_until`, where that is set.
    """

    now: datetime
    deadline: datetime
    jitter: float
    keyed: bool = False
    full_until: datetime | None = None


def settle(outcome: Outcome, tried: Tried, moment: Moment) -> Change:
    """Say what an outcome makes of a delivery."""
    match outcome:
        case Accepted(reference):
            return Change(State.ACCEPTED, reference=reference_kept(reference))
        case Placed():
            return Change(State.PLACED)
        case Refused(reason):
            return Change(State.REFUSED, reason=_reason_kept(reason))
        case TryLater(reason, after) if reason == MAILBOX_FULL and moment.full_until:
            return _while_full(moment, moment.full_until, tried, after)
        case TryLater(reason, after):
            again_at = try_again_at(moment, tried.attempts, after)
            return _later(_reason_kept(reason), again_at, tried)
        case Unknown(reason):
            pauses = _KEYED_PAUSES if moment.keyed else _PAUSES
            again_at = try_again_at(moment, tried.attempts, pauses=pauses)
            doubtful = again_at is not None and not moment.keyed
            why = _reason_kept(reason)
            return Change(State.UNKNOWN, why, again_at=again_at, doubtful=doubtful)
        case Split(part):
            return Change(State.WAITING, again_at=moment.now, part=part)


def reference_kept(reference: str) -> str:
    """What is kept of a provider's own name for a message: it may send us anything.

    Some servers put the recipient's address there, which nobody keeps in clear.
    """
    return without_addresses(_printable(reference))[:_REFERENCE]


def without_addresses(text: str) -> str:
    """A text without its words that look like a mail address."""
    if not any(at in text for at in _ATS):
        return text
    words = (word for word in text.split(" ") if not any(at in word for at in _ATS))
    return " ".join(words).strip()


def _reason_kept(reason: str) -> str:
    return _printable(reason[:_REASON])


def _printable(text: str) -> str:
    """Without what a database refuses to hold, as NUL and half a surrogate pair."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def _while_full(moment: Moment, until: datetime, tried: Tried, after: timedelta | None) -> Change:
    longer = replace(moment, deadline=until)
    again_at = try_again_at(longer, tried.attempts, after, _FULL_PAUSES)
    return replace(_later(MAILBOX_FULL, again_at, tried), deadline=until if again_at else None)


def _later(reason: str, again_at: datetime | None, tried: Tried) -> Change:
    """An answer that tells nothing of an earlier try leaves that unanswered."""
    if again_at is None:
        return Change(expired(tried.perhaps), reason)
    state = State.UNKNOWN if tried.unanswered else State.WAITING
    return Change(state, reason, again_at=again_at)


def expired(perhaps: bool) -> State:
    """The last state of what could not be sent in time; an earlier try may have arrived."""
    return State.UNKNOWN if perhaps else State.EXPIRED


def try_again_at(
    moment: Moment,
    attempts: int,
    after: timedelta | None = None,
    pauses: Sequence[int] = _PAUSES,
) -> datetime | None:
    """When to try again after so many earlier tries; None once it is too late.

    What the provider asked for (`after`) is kept to; otherwise the pauses (in seconds) grow.
    The one that would pass the deadline is cut short for a last try.
    """
    asked = max(timedelta(), min(after, _LONGEST)) if after else None
    pause = (asked or _pause(attempts, pauses)) * (1 + _SPREAD * moment.jitter)
    if moment.now + pause < moment.deadline:
        return moment.now + pause
    last = moment.deadline - _LAST_TRY
    return last if after is None and last - moment.now >= _LAST_TRY else None


def _pause(attempts: int, pauses: Sequence[int]) -> timedelta:
    return timedelta(seconds=pauses[min(attempts, len(pauses) - 1)])


def deadline(frozen_at: datetime, keep_trying: timedelta, valid_until: datetime | None) -> datetime:
    """Until when a broadcast's deliveries are tried."""
    latest = frozen_at + keep_trying
    return min(latest, valid_until) if valid_until else latest


def message_id(secret: bytes, broadcast_id: int, delivery_id: int, domain: str) -> str:
    """The Message-ID of a delivery, without brackets: the same however often it is sent.

    Mailboxes that know it hide a copy; nobody without the secret can guess another's.
    """
    return MessageIds(secret, broadcast_id, domain).of(delivery_id)


class MessageIds:
    """The Message-IDs of one broadcast: see `message_id`."""

    __slots__ = ("_end", "_hash")

    def __init__(self, secret: bytes, broadcast_id: int, domain: str) -> None:
        self._hash = KeyedHash(secret, f"message-id {broadcast_id} ".encode())
        self._end = f"@{domain}"

    def of(self, delivery_id: int) -> str:
        return self._hash.digest(b"%d" % delivery_id)[:16].hex() + self._end
