"""Pictures that people sent, decoded once and outside any transaction.

A large photo takes seconds to decode, and a turn's transaction holds SQLite's one write lock:
so the loop prepares a picture before the turn, and the turn finds it here.
"""

from __future__ import annotations

from functools import lru_cache

from domain.images import NotAnImage, PreparedImage, prepare_image


@lru_cache(maxsize=2)
def prepared(raw: bytes) -> PreparedImage | NotAnImage:
    """The picture ready to send, or why it is none."""
    try:
        return prepare_image(raw)
    except NotAnImage as refusal:
        return refusal
