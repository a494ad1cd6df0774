"""What an answer of the Bot API, or its absence, means for one recipient."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
from telegram.error import TelegramError

from channels.telegram.loop import LoopClosed
from domain.outcomes import Outcome, Refused, TryLater, Unknown

# What is waited after a 429 that does not say how long, in seconds.
_PAUSE = 5.0
# Before the request has left, nothing can have been taken (httpx's names for that).
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
# The descriptions are documented nowhere; these are the ones in the source of the Bot API server
# (tdlib/telegram-bot-api, Client.cpp) for a chat that is not there.
_GONE = (
    "chat not found",
    "user not found",
    "deactivated",
    "peer_id_invalid",
    "chat_id is empty",
    "user_id_invalid",
)
# Likewise for what is sent as a photo: PHOTO_INVALID_DIMENSIONS, IMAGE_PROCESS_FAILED, "file of
# size … is too big for a photo", MEDIA_EMPTY, "wrong file identifier" … and the server's
# entity limit.
_BAD_PICTURE = ("photo", "image", "media", "file")
_BAD_FILE = ("file identifier", "file_id", "file reference", "file_reference", "wrong file")


class Answered(TelegramError):
    """The Bot API said no.  python-telegram-bot would fold most codes into one exception."""

    def __init__(self, status: int, description: str, parameters: dict[str, Any]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.description = description
        self.retry_after = _number(parameters.get("retry_after"))
        self.migrate_to = parameters.get("migrate_to_chat_id")

    @property
    def pause(self) -> timedelta:
        """How long to leave the whole API alone (ResponseParameters.retry_after)."""
        return timedelta(seconds=_PAUSE if self.retry_after is None else self.retry_after)

    @property
    def is_about_file(self) -> bool:
        """Whether a file ID was refused, which an upload anew repairs."""
        return self.status == 400 and _mentions(self.description, _BAD_FILE)

    @property
    def is_about_picture(self) -> bool:
        """Whether it was the picture that was refused, for whomever it may be sent to."""
        if self.status == 413:
            return True
        return self.status == 400 and _mentions(self.description, _BAD_PICTURE)


class NoAnswer(TelegramError):
    """The request took too long altogether, or was given up because we stop."""

    def __init__(self) -> None:
        super().__init__("no answer")


def answered(status: int, payload: bytes) -> Answered:
    """Read an answer that is no success; it need not be JSON (a proxy may have written it)."""
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        body = None
    body = body if isinstance(body, dict) else {}
    parameters = body.get("parameters")
    description = str(body.get("description") or "")
    return Answered(status, description, parameters if isinstance(parameters, dict) else {})


def verdict(error: Exception) -> Outcome:
    """The outcome for whoever was being asked about."""
    if isinstance(error, Answered):
        return _said(error)
    if isinstance(error, LoopClosed):
        return TryLater("closed")
    if isinstance(error.__cause__, _NEVER_LEFT):
        return TryLater("unreachable")
    return Unknown("no_answer")


def _said(answer: Answered) -> Outcome:
    if answer.status == 429:
        return TryLater("rate", answer.pause)
    if answer.status >= 500:
        return Unknown("server_error")
    simple: dict[int, Outcome] = {
        401: TryLater("no_access"),
        404: TryLater("no_access"),
        409: TryLater("conflict"),
        413: Refused("too_large"),
    }
    return simple.get(answer.status) or _refused(answer)


def _refused(answer: Answered) -> Refused:
    if _mentions(answer.description, _GONE):
        return Refused("gone")
    if answer.status == 403:
        return Refused("blocked")
    return Refused("bad_request", answer.description[:100])


def _mentions(description: str, words: tuple[str, ...]) -> bool:
    description = description.lower()
    return any(word in description for word in words)


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return max(0.0, float(value))
