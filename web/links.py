"""The personal links that go out: sealed numbers, so that nobody can make one up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from domain import paths, tokens
from storage.webchat import PictureRef
from web.context import services


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
    return paths.message(services().secret, delivery_id)


def leave_path(contact_point_id: int, school_id: int | None) -> str:
    return paths.leave(services().secret, contact_point_id, school_id)


def pictures(refs: Iterable[PictureRef]) -> list[PictureSeen]:
    return [
        PictureSeen(
            paths.picture(services().secret, ref.id, paths.FULL),
            paths.picture(services().secret, ref.id, paths.SMALL),
            ref.width,
            ref.height,
        )
        for ref in refs
    ]
