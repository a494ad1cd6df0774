"""A broadcast as LINE's message objects: the same for everyone in a multicast, five at most."""

from __future__ import annotations

from channels import copies
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
    head = _render(bulk, "line.headline", **_names(bulk), page=bulk.page_url)
    foot = "\n\n" + copies.with_foot(bulk)
    text = first_piece(head, TEXT_UNITS - units(foot)) + foot
    return [*texts(text), *_buttons(bulk, opens=True)]


def _full(bulk: Bulk) -> list[Object]:
    shown = [image(p) for p in bulk.pictures if is_showable(p)]
    whole = [*texts(_whole(bulk)), *shown, *_buttons(bulk)]
    if len(shown) == len(bulk.pictures) and len(whole) <= OBJECTS:
        return whole
    return _with_the_rest_on_the_page(bulk, shown[:PICTURES])


def _with_the_rest_on_the_page(bulk: Bulk, shown: list[Object]) -> list[Object]:
    buttons = _buttons(bulk, opens=True)
    room = OBJECTS - len(shown) - len(buttons)
    whole = texts(_whole(bulk))
    found = whole if len(whole) <= room else _cut(bulk, room)
    return [*found, *shown, *buttons]


def _cut(bulk: Bulk, room: int) -> list[Object]:
    """As much of the text as fits, and where the rest of it stands."""
    continued = _render(bulk, "line.continued", page=bulk.page_url)
    tail = "\n\n" + copies.with_foot(bulk, continued)
    *whole, last = split(_header_and_text(bulk), TEXT_UNITS)[:room]
    start = first_piece(last, TEXT_UNITS - units(tail))
    return [one for part in [*whole, start + tail] for one in texts(part)]


def _whole(bulk: Bulk) -> str:
    page = _render(bulk, "line.page", page=bulk.page_url) if bulk.page_url else ""
    return copies.with_foot(bulk, _header_and_text(bulk), page)


def _header_and_text(bulk: Bulk) -> str:
    return copies.paragraphs(_render(bulk, "line.header", **_names(bulk)), copies.text(bulk))


def _names(bulk: Bulk) -> dict[str, str]:
    return {"sender": bulk.sender_name, "subject": bulk.subject}


def _buttons(bulk: Bulk, *, opens: bool = False) -> list[Object]:
    """確認しました, and 本文を見る where it `opens` what the chat does not show, in one bubble.

    Our answer to either is free.
    """
    open_button = Button(_render(bulk, "line.open"), bulk.open_token, lasting=True)
    shown = (*((open_button,) if opens else ()), *copies.confirm_buttons(bulk))
    return cards(shown, headline=bulk.subject)


def _render(bulk: Bulk, key: str, **params: str) -> str:
    return render(say(key, **params), bulk.language)
