"""Whether mail may go to real carriers: six checks, and what became of each.

Carriers refuse, or take and drop, what comes from a domain that does not say who sends for it.
A check that once passed holds while what it is about stays as it is: what the DNS loses later must
not stop an emergency.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

CHECKS = ("SPF", "DKIM", "DMARC", "MX", "PTR", "TLS")
# How long somebody may answer for a check that does not pass, and when the end of it is told.
ACCEPTED_FOR = timedelta(days=30)
LONGEST_REASON = 500
TOLD_BEFORE = timedelta(days=7)
# What passed is looked at daily. What did not is about to be put right, and mail may wait for it.
_AGAIN, _AGAIN_SOON = timedelta(days=1), timedelta(minutes=10)
# The reason under which mail waits while it is held back, and for how long at a time; a first look
# takes some seconds.
NOT_CHECKED = "not_checked"
HELD_FOR, HELD_FOR_LOOK = timedelta(minutes=5), timedelta(seconds=15)


class Result(StrEnum):
    """UNASKED: nobody answered, so that nothing is known; it does not count as passed."""

    PASSED = "passed"
    FAILED = "failed"
    UNASKED = "unasked"


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check found, in plain words; for one that failed `publish` is the record that the
    DNS lacks, word for word, where there is one.
    """

    name: str
    result: Result
    words: str
    publish: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be checked: the sender's domain, and for each check a digest of the settings that
    it is about.  Nothing has to be checked where mail is off, or goes to stand-ins only.
    """

    domain: str = ""
    bases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one check with these settings; `result` is None where it was never made."""

    name: str
    result: Result | None = None
    words: str = ""
    checked_at: datetime | None = None
    passed_at: datetime | None = None
    accepted_until: datetime | None = None
    reason: str = ""

    def holds(self, now: datetime) -> bool:
        """Whether mail may leave as far as this check goes."""
        return self.passed_at is not None or self.is_accepted(now)

    def is_accepted(self, now: datetime) -> bool:
        """Not before it was accepted either, where a clock was set back."""
        until = self.accepted_until
        return until is not None and until - ACCEPTED_FOR <= now < until

    def slipped(self) -> bool:
        """Whether it passed once and fails now."""
        return self.passed_at is not None and self.result is Result.FAILED

    def days_left(self, now: datetime) -> int | None:
        """Days, rounded up, until the acceptance ends that mail depends on; None if not soon."""
        if self.passed_at is not None or self.accepted_until is None:
            return None
        left = self.accepted_until - now
        return -(-left // timedelta(days=1)) if timedelta() < left <= TOLD_BEFORE else None


def is_due(standings: Collection[Standing], now: datetime) -> bool:
    """Whether the checks are to be made again."""
    if any(one.checked_at is None for one in standings):
        return True
    well = all(one.result is Result.PASSED for one in standings)
    last = min((one.checked_at for one in standings if one.checked_at is not None), default=now)
    return bool(standings) and now - last >= (_AGAIN if well else _AGAIN_SOON)


def tidy_reason(text: str) -> str:
    """Why a check is accepted, on one line and without control characters.

    Raises ValueError where nothing is left, or more than LONGEST_REASON characters.
    """
    seen = (" " if unicodedata.category(one)[0] in "CZ" else one for one in text)
    reason = " ".join("".join(seen).split())
    if not reason:
        raise ValueError("a reason is needed")
    if len(reason) > LONGEST_REASON:
        raise ValueError(f"a reason has at most {LONGEST_REASON} characters")
    return reason
