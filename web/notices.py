"""How a broadcast is named to its readers: its purpose, and whether it still holds."""

from __future__ import annotations

from datetime import datetime

from web.context import t

# Broadcasts that are being sent or are sent simply hold; anything else is worth a word.
_SAID_STATES = {"withdrawn", "cancelled", "expired"}
URGENT = {"earthquake", "disaster", "accident"}


def purpose_words(purpose: str) -> str:
    return t(f"broadcast.purpose.{purpose}")


def tone(purpose: str) -> str:
    """The colour of a badge: urgent, event or plain."""
    if purpose in URGENT:
        return "urgent"
    return "event" if purpose == "event" else "plain"


def standing(state: str, valid_until: datetime | None, now: datetime) -> str:
    """`current`, or the reason why it no longer holds."""
    if state in _SAID_STATES:
        return state
    return "expired" if valid_until is not None and valid_until <= now else "current"
