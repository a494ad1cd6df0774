"""Times as people read them, in the time zone of their board."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from domain.wording import Text, say


def moment(at: datetime, zone: str) -> Text:
    """A day with its weekday, and the time: 「11月24日(火) 10:00」."""
    local = at.astimezone(ZoneInfo(zone))
    return say(
        "broadcast.moment",
        month=say(f"broadcast.month.{local.month}"),
        day=local.day,
        hour=local.hour,
        minute=local.minute,
        weekday=say(f"broadcast.weekday.{local.weekday()}"),
    )
