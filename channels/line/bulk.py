"""A broadcast as LINE's message objects: the same for everyone in a multicast, five at most."""

from __future__ import annotations

from channels.base import Bulk, Button
from channels.line.content import (
    OBJECTS,
    TEXT_UNITS,
    Object,
    cards,
    image,
    is_showable,
    texts,
)
from domain.graphemes import units
from domain.splitting import first_piece, split
from domain.wording import render, say

# One object for the text and one for the button are always left.
PICTURES = OBJECTS - 2


def broadcast(bulk: Bulk) -> list[Object]:
    """One rendering of a broadcast, in full or as its headline alone."""
    return _headline(bulk) if bulk.headline_only else _full(bulk)


def _headline(bulk: Bulk) -> list[Object]:
    """The page's address stands in the text too: LINE on a PC may not show the button.

    A headline is one message, never several: one that is too long ends early.
    """
    text = _render(bulk, "line.headline", **_names(bulk), page=bulk.page_url)
    return [*texts(first_piece(text, TEXT_UNITS)), *_open_button(bulk)]


def _full(bulk: Bulk) -> list[Object]:
    shown = [image(p) for p in bulk.pictures if is_showable(p)]
    whole = texts(_whole(bulk))
    if len(shown) == len(bulk.pictures) and len(whole) + len(shown) <= OBJECTS:
        return [*whole, *shown]
    return _with_the_rest_on_the_page(bulk, shown[:PICTURES])


def _with_the_rest_on_the_page(bulk: Bulk, shown: list[Object]) -> list[Object]:
    button = _open_button(bulk)
    room = OBJECTS - len(shown) - len(button)
    whole = texts(_whole(bulk))
    found = whole if len(whole) <= room else _cut(bulk, room)
    return [*found, *shown, *button]


def _cut(bulk: Bulk, room: int) -> list[Object]:
    """As much of the text as fits, and where the rest of it stands."""
    tail = "\n\n" + _render(bulk, "line.continued", page=bulk.page_url)
    *whole, last = split(_header_and_text(bulk), TEXT_UNITS)[:room]
    start = first_piece(last, TEXT_UNITS - units(tail))
    return [one for part in [*whole, start + tail] for one in texts(part)]


def _whole(bulk: Bulk) -> str:
    if not bulk.page_url:
        return _header_and_text(bulk)
    return f"{_header_and_text(bulk)}\n\n{_render(bulk, 'line.page', page=bulk.page_url)}"


def _header_and_text(bulk: Bulk) -> str:
    return f"{_render(bulk, 'line.header', **_names(bulk))}\n\n{bulk.text.strip()}"


def _names(bulk: Bulk) -> dict[str, str]:
    return {"sender": bulk.sender_name, "subject": bulk.subject}


def _open_button(bulk: Bulk) -> list[Object]:
    """本文を見る: our answer to it is free, and is the presser's own page."""
    button = Button(_render(bulk, "line.open"), bulk.open_token, lasting=True)
    return cards([button], headline=bulk.subject)


def _render(bulk: Bulk, key: str, **params: str) -> str:
    return render(say(key, **params), bulk.language)
