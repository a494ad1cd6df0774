"""Pictures that people sent, decoded outside any transaction and only where one was asked for.

A large photo takes seconds and hundreds of megabytes to decode, and a turn's transaction holds
SQLite's one write lock. Only the turn itself knows whether a question takes a picture. So a turn
that comes to want one which is not at hand is undone, the picture is decoded, and the same turn
is taken again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

from domain.images import NotAnImage, PreparedImage, prepare_image

log = structlog.get_logger()

_at_hand: ContextVar[tuple[bytes, PreparedImage | NotAnImage] | None] = ContextVar(
    "picture_at_hand", default=None
)


class NotAtHand(Exception):
    """A turn wants a picture that was not decoded before it began."""


def prepared(raw: bytes) -> PreparedImage | NotAnImage:
    """The picture ready to send, or why it is none; whatever goes wrong, it is only this one."""
    try:
        return prepare_image(raw)
    except NotAnImage as refusal:
        return refusal
    except Exception as error:
        log.error("picture.failed", error=type(error).__name__)
        return NotAnImage("broken")


@contextmanager
def at_hand(raw: bytes) -> Iterator[None]:
    """Decode a picture now, and have it at hand for the turn that is taken inside."""
    token = _at_hand.set((raw, prepared(raw)))
    try:
        yield
    finally:
        _at_hand.reset(token)


def taken(raw: bytes) -> PreparedImage | NotAnImage:
    """The picture as a turn takes it; raises NotAtHand if it must be decoded first."""
    held = _at_hand.get()
    if held is None or held[0] != raw:
        raise NotAtHand
    return held[1]
