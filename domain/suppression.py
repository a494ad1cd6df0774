"""When a mail address is no longer written to: the rules of marks and suspensions.

A mark is what a carrier said of one contact point when it refused it.  Only `unknown_user`
comes to a suspension, and only when it was said on two different days, half a day or more apart,
with nothing accepted in between: carriers answer so for a while too when they shut us out (the
reason for domain.breaker).
A family's own filter and a full mailbox are shown to the school with what to do, and nothing is
ever held back for them; what is about the message or about us (spam, policy) marks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

# The one reason for which a contact point is suspended, and on how many days it has to be said.
UNKNOWN_USER = "unknown_user"
_DAYS = 2
# How long after the last time it is said anew at the earliest.
_APART = timedelta(hours=12)
# What a refusal says of the recipient's address, and the mark that it makes.  Everything else is
# about the message or about us.
MARKING: Mapping[str, str] = {
    UNKNOWN_USER: UNKNOWN_USER,
    "filtered": "filtered",
    "mailbox_full": "mailbox_full",
    "bad_address": "bad_address",
    "no_domain": "no_domain",
    "no_exchanger": "no_domain",
    "null_mx": "no_domain",
}
# How far back marks are taken back when a destination turns out to have refused everybody.
TAKEN_BACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was said of a contact point: on `days` different days, for the last time first
    at `last_at`; suspended since `suspended_at`, if it is.
    """

    reason: str
    days: int
    first_at: datetime
    last_at: datetime
    suspended_at: datetime | None = None


def marked(before: Mark | None, reason: str, now: datetime, zone: str) -> Mark:
    """The mark after one more refusal.

    Another reason begins anew and lifts a suspension: a carrier that says that the mailbox is
    full knows whose it is.  A day is the board's calendar day; what is said again on the same
    day counts once, and so does what is said in the first hours of the next: one evening's
    broadcast may be answered on both sides of midnight.  After a clock was set back no further day
    counts until it is past the last time again.
    """
    if before is None or before.reason != reason:
        return Mark(reason, 1, now, now)
    if now < before.last_at + _APART or _day(before.last_at, zone) == _day(now, zone):
        return before
    days = before.days + 1
    over = reason == UNKNOWN_USER and days >= _DAYS
    since = before.suspended_at or (now if over else None)
    return replace(before, days=days, last_at=now, suspended_at=since)


def taken_back(mark: Mark) -> Mark | None:
    """The mark without what was said last; None if nothing is left of it."""
    if mark.days <= 1:
        return None
    return replace(mark, days=mark.days - 1, last_at=mark.first_at, suspended_at=None)


def _day(at: datetime, zone: str) -> object:
    return at.astimezone(ZoneInfo(zone)).date()
