"""The personal links that go out: sealed numbers, so that nobody can make one up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for

from domain import tokens
from storage.webchat import PictureRef
from web.context import services

PAGE = "page"
LEAVE = "leave"
PICTURE = "picture"
FULL, SMALL = 0, 1


@dataclass(frozen=True, slots=True)
class PictureSeen:
    """An image as a page shows it: small in the text, full when opened."""

    full: str
    small: str
    width: int
    height: int


def read(kind: str, token: str, count: int) -> tuple[int, ...] | None:
    """The numbers of a token of this kind; None unless we sealed it with `count` numbers."""
    numbers = tokens.unseal(services().secret, kind, token)
    return numbers if numbers is not None and len(numbers) == count else None


def page_path(delivery_id: int) -> str:
    return url_for("message_page.show", token=_seal(PAGE, delivery_id))


def leave_path(contact_point_id: int, school_id: int | None) -> str:
    return url_for("leave.ask", token=_seal(LEAVE, contact_point_id, school_id or 0))


def pictures(refs: Iterable[PictureRef]) -> list[PictureSeen]:
    return [
        PictureSeen(_picture(ref.id, FULL), _picture(ref.id, SMALL), ref.width, ref.height)
        for ref in refs
    ]


def _picture(number: int, size: int) -> str:
    return url_for("pictures.show", token=_seal(PICTURE, number, size))


def _seal(kind: str, *numbers: int) -> str:
    return tokens.seal(services().secret, kind, *numbers)
