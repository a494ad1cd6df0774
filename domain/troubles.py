"""Trouble: what a person must look at, when it is told, and when it is over.

A sign is what is seen at one moment; a trouble is what was seen and is not over yet. One sign
opens a trouble and tells the centre once. It is over only after it was not seen for a while:
what comes and goes must not fill anybody's phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Kind(StrEnum):
    """What may be wrong; each has its words in domain/texts/*/trouble.po."""

    CHANNEL_FAILING = "channel_failing"
    REPLIES_FAILING = "replies_failing"
    DELIVERIES_WAITING = "deliveries_waiting"
    REPLIES_WAITING = "replies_waiting"
    INBOX_WAITING = "inbox_waiting"
    PARKED_TURN = "parked_turn"
    DISK_FULL = "disk_full"
    DISK_UNWRITABLE = "disk_unwritable"
    QUOTA = "quota"
    WORKER_GONE = "worker_gone"
    NO_APPROVER = "no_approver"
    BACKUP_OLD = "backup_old"
    ADMISSION_STUCK = "admission_stuck"
    LANE_STOPPED = "lane_stopped"
    MAIL_HELD = "mail_held"
    MAIL_SLIPPED = "mail_slipped"
    MAIL_ACCEPTANCE_ENDS = "mail_acceptance_ends"


# A broadcast starts within a second of its time; half a minute means that nobody ticks.
OVERDUE = timedelta(seconds=30)
# What is due is sent within seconds; a large fan-out by one slow relay takes some minutes.
WAITING_TOO_LONG = timedelta(minutes=10)
# An answer in a conversation is wanted at once: people put the phone away.
ANSWER_TOO_LONG = timedelta(minutes=5)
# Tries before a delivery or an answer counts as failing: the first may always go wrong.
TRIES = 2
# Fewer than so many full mailboxes say nothing of a channel; nor do those of whom at least so
# many in a hundred were accepted by it in the broadcasts that are on their way.
FEW_DELIVERIES, FAILING_PERCENT = 5, 20
FEW_ANSWERS = 3
# Free space in bytes: enough for a large fan-out's ledger and journals and for a person to come
# and clear up. The trouble is not over before there is half as much again.
DISK_LEAST = 500_000_000
DISK_ENOUGH = DISK_LEAST * 3 // 2
# Of what a provider lets an account send in a month.
QUOTA_PERCENT = 90
# A school that sets itself up names its manager on the same day.
WITHOUT_APPROVER = timedelta(days=1)
# Whoever backs up weekly may be a day late.
BACKUP_LASTS = timedelta(days=8)

TOLD_AGAIN = timedelta(days=1)
# How long a trouble is not seen before it is over; and longer, where it came back soon after it
# had been over, so that what flaps is told twice in an hour at the most.
QUIET = timedelta(minutes=10)
QUIET_AFTER_RETURN = timedelta(hours=1)
SOON_BACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sign:
    """Something wrong at this moment; `subject` says where, `details` hold numbers only.

    A `faint` one keeps a trouble open and opens none.
    """

    board_id: int
    kind: Kind
    subject: str = ""
    details: Mapping[str, int] = field(default_factory=dict)
    faint: bool = False

    @property
    def key(self) -> tuple[int, str, str]:
        return self.board_id, self.kind.value, self.subject


def is_told_again(told_at: datetime | None, now: datetime) -> bool:
    return told_at is None or now - told_at >= TOLD_AGAIN


def is_over(seen_at: datetime, came_back: bool, now: datetime) -> bool:
    """Whether a trouble that is not seen any more was away for long enough."""
    return now - seen_at >= (QUIET_AFTER_RETURN if came_back else QUIET)


def is_failing(stuck: int, accepted: int) -> bool:
    """Whether deliveries that several tries could not place say that their channel fails."""
    return stuck >= FEW_DELIVERIES and stuck * 100 >= (stuck + accepted) * FAILING_PERCENT
