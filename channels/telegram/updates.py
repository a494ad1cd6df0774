"""Reading one update, whatever it is: nothing here raises.

Names are those of https://core.telegram.org/bots/api#update and #message.  Only private chats
are served; what is known and of no use to us is `unserved`, what is not known, or known and of
an unexpected shape, is kept whole as `unknown`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from telegram import Update
from telegram.constants import MessageType

from channels.base import Incoming, Kind

NAME = "telegram"
CALLBACK = "callback:"
# What getFile serves at most (https://core.telegram.org/bots/api#getfile), in bytes.
DOWNLOAD_LIMIT = 20_000_000
# What we ask Telegram for; everything else is for bots that do other things.
SERVED = ("message", "callback_query", "my_chat_member")

_GROUPS = ("group", "supergroup", "channel")
# What a person sends, apart from text and photos; the other parts of a message are made by
# Telegram itself, such as "pinned_message".
_SENT = frozenset(
    (
        *("animation", "audio", "checklist", "contact", "dice", "document", "game", "live_photo"),
        *("location", "paid_media", "poll", "sticker", "story", "venue", "video", "video_note"),
        "voice",
    )
)
_KNOWN_PARTS = frozenset(str(each.value) for each in MessageType)


@dataclass(frozen=True, slots=True)
class _Event:
    kind: Kind
    sender: str = ""
    at: datetime | None = None
    text: str = ""
    token: str = ""
    media: str = ""
    answer_token: str = ""


_UNSERVED = _Event("unserved")


def parse(body: bytes, now: datetime) -> Incoming:
    """The update in the body of a webhook request."""
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        update = None
    return read(update, now, body)


def read(update: object, now: datetime, raw: bytes = b"") -> Incoming:
    """One update as it came from JSON; `raw` is how it was written, if that is known."""
    fields = update if isinstance(update, Mapping) else {}
    raw = raw or json.dumps(update).encode()
    event = _event(fields) if _number(fields, "update_id") is not None else None
    event = event or _Event("unknown")
    return Incoming(
        channel=NAME,
        account=NAME,
        event_id=_event_id(fields, raw),
        sender=event.sender,
        kind=event.kind,
        at=event.at or now,
        text=event.text,
        token=event.token,
        media=event.media,
        answer_token=event.answer_token,
        raw=raw if event.kind == "unknown" else b"",
    )


def callback_id(body: bytes) -> str:
    """The ID of the callback query that a request brings; empty if it brings none."""
    try:
        update = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    query = _part(update, "callback_query") if isinstance(update, Mapping) else None
    return (_text(query, "id") or "") if query is not None else ""


def _event_id(update: Mapping[str, Any], raw: bytes) -> str:
    number = _number(update, "update_id")
    return f"sha256:{hashlib.sha256(raw).hexdigest()}" if number is None else f"update:{number}"


def _event(update: Mapping[str, Any]) -> _Event | None:
    """What happened; None if it is not understood."""
    names = [name for name in update if name != "update_id"]
    # "At most one of the optional parameters can be present in any given update."
    if len(names) != 1:
        return None
    reader = _READERS.get(names[0])
    if reader is None:
        return _UNSERVED if names[0] in Update.ALL_TYPES else None
    value = _part(update, names[0])
    return None if value is None else reader(value)


def _message(message: Mapping[str, Any]) -> _Event | None:
    chat, moved_to = _part(message, "chat"), _number(message, "migrate_to_chat_id")
    sender = _number(chat, "id") if chat else None
    if chat is None or sender is None:
        return None
    if moved_to is not None:
        return _Event("moved", str(sender), _moment(message), text=str(moved_to))
    if chat.get("type") != "private":
        return _UNSERVED if chat.get("type") in _GROUPS else None
    return _said(message, str(sender))


def _said(message: Mapping[str, Any], sender: str) -> _Event | None:
    at, text, media = _moment(message), _text(message, "text"), _picture(message)
    if text:
        return _Event("text", sender, at, text=text)
    if media:
        return _Event("picture", sender, at, text=_text(message, "caption") or "", media=media)
    if "photo" in message:
        return _Event("other", sender, at) if isinstance(message["photo"], list) else None
    if not _SENT.isdisjoint(message):
        return _Event("other", sender, at)
    is_known = "text" not in message and not _KNOWN_PARTS.isdisjoint(message)
    return _UNSERVED if is_known else None


def _picture(message: Mapping[str, Any]) -> str | None:
    """The largest size of a photo that may be downloaded, or an image sent as a file."""
    sizes = message.get("photo")
    if isinstance(sizes, list):
        return _largest(sizes)
    document = _part(message, "document")
    is_image = document is not None and str(document.get("mime_type")).startswith("image/")
    return _largest([document]) if is_image else None


def _largest(sizes: list[Any]) -> str | None:
    fitting = [size for size in sizes if isinstance(size, Mapping) and _is_downloadable(size)]
    return _text(max(fitting, key=_area), "file_id") if fitting else None


def _is_downloadable(size: Mapping[str, Any]) -> bool:
    return bool(_text(size, "file_id")) and (_number(size, "file_size") or 0) <= DOWNLOAD_LIMIT


def _area(size: Mapping[str, Any]) -> int:
    return (_number(size, "width") or 0) * (_number(size, "height") or 0)


def _callback(query: Mapping[str, Any]) -> _Event | None:
    """A pressed button.  Its message may be gone or old: then the presser says where."""
    number, message, presser = _text(query, "id"), _part(query, "message"), _part(query, "from")
    chat = _part(message, "chat") if message else None
    where = chat or presser
    sender = _number(where, "id") if where else None
    if not number or sender is None:
        return None
    answer_token = CALLBACK + number
    if chat and chat.get("type") in _GROUPS:
        return _Event("unserved", answer_token=answer_token)
    data = _text(query, "data")
    if not data:
        # A game's button; we have none.
        known = "game_short_name" in query
        return _Event("unserved", answer_token=answer_token) if known else None
    return _Event("button", str(sender), token=data, answer_token=answer_token)


def _membership(change: Mapping[str, Any]) -> _Event | None:
    """In a private chat this comes "only when the bot is blocked or unblocked"."""
    chat, new = _part(change, "chat"), _part(change, "new_chat_member")
    sender = _number(chat, "id") if chat else None
    if chat is None or new is None or sender is None:
        return None
    if chat.get("type") != "private":
        return _UNSERVED if chat.get("type") in _GROUPS else None
    kinds: Mapping[Any, Kind] = {"kicked": "unfollow", "member": "follow"}
    kind = kinds.get(_text(new, "status"))
    return _Event(kind, str(sender), _moment(change)) if kind else None


_READERS: Mapping[str, Callable[[Mapping[str, Any]], _Event | None]] = {
    "message": _message,
    "callback_query": _callback,
    "my_chat_member": _membership,
}


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    part = value.get(name)
    return part if isinstance(part, Mapping) else None


def _number(value: Mapping[str, Any], name: str) -> int | None:
    """An ID or a size; IDs have at most 52 significant bits, and nothing has more than 64."""
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    return number if abs(number) < 2**63 else None


def _text(value: Mapping[str, Any], name: str) -> str | None:
    """A text without what can be neither encrypted nor stored: lone surrogates and NUL."""
    text = value.get(name)
    if not isinstance(text, str):
        return None
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def _moment(value: Mapping[str, Any]) -> datetime | None:
    seconds = _number(value, "date")
    # Zero stands for a date that Telegram withholds (InaccessibleMessage).
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
