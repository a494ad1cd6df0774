"""The address of a school's slips or poster: sealed, for one member of staff and one hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain import tokens

LASTS = timedelta(hours=1)
_KIND = "slips"


@dataclass(frozen=True, slots=True)
class SlipLink:
    """What a link shows; without classes the poster with the school ID."""

    staff_id: int
    school_id: int
    until: datetime
    class_ids: tuple[int, ...]


def path(key: bytes, staff_id: int, school_id: int, class_ids: Sequence[int], now: datetime) -> str:
    until = int((now + LASTS).timestamp())
    return f"/slips/{tokens.seal(key, _KIND, staff_id, school_id, until, *class_ids)}"


def read(key: bytes, token: str, now: datetime) -> SlipLink | None:
    """What a link shows; None if it is not one of ours, or its hour is over."""
    numbers = tokens.unseal(key, _KIND, token)
    if numbers is None or len(numbers) < 3:
        return None
    staff_id, school_id, seconds, *class_ids = numbers
    until = datetime.fromtimestamp(seconds, now.tzinfo)
    return SlipLink(staff_id, school_id, until, tuple(class_ids)) if now < until else None
