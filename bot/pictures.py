"""Pictures that people sent, fetched and decoded outside any transaction and only where asked for.

A provider may take seconds to hand over a picture; a large photo takes seconds and hundreds of
megabytes to decode; and a turn's transaction holds SQLite's one write lock. Only the turn itself
knows whether a question takes a picture. So a turn that comes to want one which is not at hand
is undone, the picture is fetched and decoded, and the same turn is taken again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog

from bot.steps import SentPicture
from domain.images import NotAnImage, PreparedImage, prepare_image

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Held:
    """A picture at hand; `image` is None where the provider has it no more."""

    sent: SentPicture = field(repr=False)
    image: PreparedImage | NotAnImage | None


_at_hand: ContextVar[_Held | None] = ContextVar("picture_at_hand", default=None)


class NotAtHand(Exception):
    """A turn wants a picture that was not fetched and decoded before it began."""


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
def at_hand(sent: SentPicture, raw: bytes | None) -> Iterator[None]:
    """Decode a picture now, and have it at hand for the turn that is taken inside.

    `raw` is None where it could not be fetched.
    """
    token = _at_hand.set(_Held(sent, None if raw is None else prepared(raw)))
    try:
        yield
    finally:
        _at_hand.reset(token)


def is_lost(sent: SentPicture) -> bool:
    """Whether it was tried to fetch this picture, in vain."""
    held = _at_hand.get()
    return held is not None and held.sent == sent and held.image is None


def taken(sent: SentPicture) -> PreparedImage | NotAnImage:
    """The picture as a turn takes it; raises NotAtHand if it must be got first."""
    held = _at_hand.get()
    if held is None or held.sent != sent or held.image is None:
        raise NotAtHand
    return held.image
