"""What every view can ask for: the services, the reader's language, words and times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask import Response, current_app, g, request

from domain import wording
from domain.wording import LANGUAGES, Text
from storage import boards
from web.services import Services

LANGUAGE_COOKIE = "language"
_EXTENSION = "renrakumo"
_YEAR = 365 * 24 * 3600


def install(services: Services) -> None:
    """Keep the services where `services()` finds them; needs an application context."""
    current_app.extensions[_EXTENSION] = services


def services() -> Services:
    return cast(Services, current_app.extensions[_EXTENSION])


def language(otherwise: str | None = None) -> str:
    """The reader's language: asked for, chosen before, `otherwise`, the browser's, Japanese.

    `otherwise` is what the contact point chose, which knows more than the browser's header.
    """
    for wish in (request.args.get("lang"), request.cookies.get(LANGUAGE_COOKIE), otherwise):
        if wish in LANGUAGES:
            return str(wish)
    return request.accept_languages.best_match(LANGUAGES, "ja") or "ja"


def remember_language(response: Response) -> Response:
    """Keep the language that a reader chose by a link."""
    wish = request.args.get("lang")
    if wish in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            str(wish),
            max_age=_YEAR,
            secure=services().https,
            httponly=True,
            samesite="Lax",
        )
    return response


def use_language(code: str) -> None:
    """Let `t` and the page speak this language for the rest of the request."""
    g.language = code


def spoken_language() -> str:
    if "language" not in g:
        g.language = language()
    return str(g.language)


def t(key: str, **params: object) -> str:
    """A text of the catalogue in the reader's language."""
    return wording.render(Text(key, params), spoken_language())


@dataclass(frozen=True, slots=True)
class BoardSeen:
    """The board as pages name it."""

    name: str
    zone: str


def board() -> BoardSeen:
    """The board of this installation."""
    with services().database.reading() as tx:
        row = boards.board(tx, services().board_id)
        return BoardSeen(row.name, row.zone)


@dataclass(frozen=True, slots=True)
class Clocked:
    """A moment in the words of the school's own clock."""

    time: str
    day: str
    full: str


def clocked(at: datetime, zone: str) -> Clocked:
    here = at.astimezone(ZoneInfo(zone))
    language = spoken_language()
    time = f"{here.hour}:{here.minute:02}"
    day = format_skeleton("MMMEd", here, locale=language)
    full = format_skeleton("yMMMEd", here, locale=language)
    return Clocked(time, day, f"{full} {time}")
