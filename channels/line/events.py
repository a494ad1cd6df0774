"""What LINE posts to our webhook, read from the JSON itself.

The SDK's parser turns a known event of unexpected shape into one without its content and only
logs it; here nothing gets lost: what is not understood is kept as it came.  Shapes: Messaging API
reference, "Webhook event objects"; the list of types is also in line-openapi's webhook.yml.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from channels.base import Incoming, Kind, RawRequest

NAME = "line"
ADDRESS = re.compile(r"U[0-9a-f]{32}")
# Known events that say nothing to us. `delivery` is about messages to telephone numbers, `things`
# about devices of a service that has ended.
UNSERVED = frozenset(
    {
        "activated",
        "beacon",
        "botResumed",
        "botSuspended",
        "deactivated",
        "delivery",
        "join",
        "leave",
        "memberJoined",
        "memberLeft",
        "membership",
        "messageEdited",
        "module",
        "things",
        "unsend",
        "videoPlayComplete",
    }
)
_GROUPS = frozenset({"group", "room"})
_NO_WORDS = frozenset({"sticker", "audio", "video", "location", "file"})
# Older consoles send messages of this person when somebody presses "Verify".
_TRIAL = "U" + "deadbeef" * 4
_EVENT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_MEDIA = re.compile(r"[0-9A-Za-z_-]{1,64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Event = Mapping[str, Any]


class _Misshapen(Exception):
    """A known event without what such an event has."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What one event says, before it is known who said it."""

    kind: Kind
    text: str = ""
    token: str = ""
    media: str = ""


def read(request: RawRequest, account: str, clock: Callable[[], datetime]) -> list[Incoming]:
    """Every event of a verified request, in LINE's order; nothing is raised.

    An empty list of events is what the console's "Verify" sends.
    """
    try:
        body = json.loads(request.body)
        events = body["events"]
    except (ValueError, RecursionError, TypeError, KeyError, IndexError):
        return [_not_understood({}, request.body, account, clock)]
    if not isinstance(events, list):
        return [_not_understood({}, request.body, account, clock)]
    return [_incoming(event, _raw(event, request.body), account, clock) for event in events]


def _raw(event: Any, body: bytes) -> bytes:
    """One event alone; the whole body if it is nested deeper than can be written again."""
    try:
        return json.dumps(event).encode()
    except RecursionError:
        return body


def _incoming(event: Any, raw: bytes, account: str, clock: Callable[[], datetime]) -> Incoming:
    if not isinstance(event, dict):
        return _not_understood({}, raw, account, clock)
    try:
        said = _said(event)
    except _Misshapen:
        return _not_understood(event, raw, account, clock)
    return Incoming(
        channel=NAME,
        account=account,
        event_id=_event_id(event, raw),
        sender=_sender(event),
        kind=said.kind,
        at=_at(event, clock),
        text=said.text,
        token=said.token,
        media=said.media,
        answer_token="" if said.kind == "unserved" else _optional(event, "replyToken"),
    )


def _not_understood(
    event: Event, raw: bytes, account: str, clock: Callable[[], datetime]
) -> Incoming:
    return Incoming(
        channel=NAME,
        account=account,
        event_id=_event_id(event, raw),
        sender=_sender(event),
        kind="unknown",
        at=_at(event, clock),
        raw=raw,
    )


def _said(event: Event) -> _Said:
    kind = _string(event, "type")
    if kind in UNSERVED:
        return _Said("unserved")
    if kind not in _READERS:
        raise _Misshapen
    if kind == "accountLink" and "source" not in event:
        return _failed_link(event)
    # In standby another module of the account has the conversation ("Channel states").
    in_group = _object(event, "source").get("type") in _GROUPS
    if in_group or event.get("mode") == "standby" or _sender(event) == _TRIAL:
        return _Said("unserved")
    if not _sender(event):
        raise _Misshapen
    return _READERS[kind](event)


def _message(event: Event) -> _Said:
    message = _object(event, "message")
    kind = _string(message, "type")
    if kind == "text":
        return _Said("text", text=_string(message, "text"))
    if kind == "image":
        return _image(message)
    if kind in _NO_WORDS:
        return _Said("other")
    raise _Misshapen


def _image(message: Event) -> _Said:
    """A picture that lies with LINE; one that only lies elsewhere is not fetched."""
    provider = message.get("contentProvider")
    if isinstance(provider, dict) and provider.get("type") == "external":
        return _Said("other")
    media = _string(message, "id")
    if not _MEDIA.fullmatch(media):
        raise _Misshapen
    return _Said("picture", media=media)


def _postback(event: Event) -> _Said:
    return _Said("button", token=_string(_object(event, "postback"), "data"))


def _follow(_event: Event) -> _Said:
    return _Said("follow")


def _unfollow(_event: Event) -> _Said:
    return _Said("unfollow")


def _account_link(event: Event) -> _Said:
    link = _object(event, "link")
    result = _string(link, "result")
    if result not in ("ok", "failed"):
        raise _Misshapen
    return _Said("link", text=result, token=_string(link, "nonce"))


def _failed_link(event: Event) -> _Said:
    """Of a link that failed LINE names nobody ("Account link event"): the nonce must do."""
    said = _account_link(event)
    if said.text != "failed":
        raise _Misshapen
    return said


_READERS: Mapping[str, Callable[[Event], _Said]] = {
    "message": _message,
    "postback": _postback,
    "follow": _follow,
    "unfollow": _unfollow,
    "accountLink": _account_link,
}


def _object(event: Event, name: str) -> Event:
    value = event.get(name)
    if not isinstance(value, dict):
        raise _Misshapen
    return value


def _string(event: Event, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str):
        raise _Misshapen
    return _sound(value)


def _optional(event: Event, name: str) -> str:
    value = event.get(name)
    return _sound(value) if isinstance(value, str) else ""


def _sound(text: str) -> str:
    """JSON can hold half a surrogate pair, which no database and no file takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _event_id(event: Event, raw: bytes) -> str:
    given = event.get("webhookEventId")
    if isinstance(given, str) and _EVENT_ID.fullmatch(given):
        return given
    return hashlib.sha256(raw).hexdigest()


def _sender(event: Event) -> str:
    source = event.get("source")
    given = source.get("userId") if isinstance(source, dict) else None
    return given if isinstance(given, str) and ADDRESS.fullmatch(given) else ""


def _at(event: Event, clock: Callable[[], datetime]) -> datetime:
    """LINE's timestamp is in milliseconds."""
    given = event.get("timestamp")
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        try:
            return _EPOCH + timedelta(milliseconds=given)
        except OverflowError:
            pass
    return clock()
