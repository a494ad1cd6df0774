"""Web chat as a channel: the browser says things by POST and fetches what we have for it.

The address of a contact point is the secret that its browser keeps in a cookie.  Nothing is
sent anywhere: a message is placed, and it is accepted once the page says it was displayed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from channels.base import Answer, Incoming, Limits, RawRequest, SendChunk, SendLog
from domain.graphemes import units
from domain.outcomes import Outcome, Placed, Refused

NAME = "webchat"
ACCOUNT = "webchat"
# The header in which our own page hands over the address it read from the cookie; a browser
# cannot set it, because web/chat.py builds the headers of the RawRequest itself.
SENDER = "renrakumo-address"
TEXT_UNITS = 5000
TOKEN_SIZE = 200

_ADDRESS = re.compile(r"[A-Za-z0-9_-]{43}")


def new_address() -> str:
    """A fresh address: 256 random bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def is_address(text: str) -> bool:
    """Whether a text has the form of an address."""
    return _ADDRESS.fullmatch(text) is not None


class WebchatChannel:
    """What browsers say to us, and what lies ready for them."""

    name = NAME
    accounts = (ACCOUNT,)
    limits = Limits(text_units=TEXT_UNITS, buttons=20, pictures=10, recipients=500)

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock

    def verify(self, request: RawRequest) -> bool:
        """Whether our own page handed over a well-formed address."""
        return is_address(request.headers.get(SENDER, ""))

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        """The one thing said, or nothing if the request makes no sense."""
        said = _object(request.body)
        event = _event_id(request.headers[SENDER], said.get("id"))
        content = _content(said)
        if event is None or content is None:
            return []
        return [
            Incoming(
                channel=NAME,
                account=ACCOUNT,
                event_id=event,
                sender=request.headers[SENDER],
                at=self._clock(),
                **content,
            )
        ]

    def acknowledge(self, request: RawRequest) -> bytes:  # noqa: ARG002 - the contract's signature
        """The page is answered by its own view (web/chat.py)."""
        return b"{}"

    def fetch(self, account: str, media: str) -> bytes | Outcome:  # noqa: ARG002 - as above
        """The page sends the bytes along."""
        return Refused("gone")

    def link(self, account: str, text: str) -> str | None:  # noqa: ARG002 - as above
        """The page itself is the way in: see web/join.py."""
        return None

    def reply(self, answer: Answer) -> Outcome:  # noqa: ARG002 - the browser fetches it
        """Nothing leaves: the reply lies in the database already."""
        return Placed()

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Say of every recipient that the message lies ready; there is nothing to intend."""
        for recipient in chunk.recipients:
            if log.stopping():
                return
            log.outcome(recipient.delivery_id, Placed())

    def close(self) -> None:
        """There is nothing to give back."""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _event_id(address: str, given: object) -> str | None:
    """The browser's own ID of what it said, tied to the address: nobody can take another's."""
    try:
        number = uuid.UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None
    return f"{hashlib.sha256(address.encode()).hexdigest()[:24]}:{number}" if number else None


def _content(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """Exactly one of text, token and picture."""
    given = [key for key in ("text", "token", "picture") if key in said]
    if len(given) != 1 or not isinstance(said[given[0]], str):
        return None
    return _READERS[given[0]](said[given[0]])


def _text(text: str) -> dict[str, Any] | None:
    # A lone surrogate is legal in JSON, but can be neither encrypted nor stored.
    text = text.encode("utf-8", "replace").decode().replace("\0", "")
    if not text.strip() or units(text) > TEXT_UNITS:
        return None
    return {"kind": "text", "text": text}


def _token(token: str) -> dict[str, Any] | None:
    fits = token.isascii() and 0 < len(token) <= TOKEN_SIZE
    return {"kind": "button", "token": token} if fits else None


def _picture(encoded: str) -> dict[str, Any] | None:
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return {"kind": "picture", "picture": data} if data else None


_READERS: Mapping[str, Callable[[str], dict[str, Any] | None]] = {
    "text": _text,
    "token": _token,
    "picture": _picture,
}
