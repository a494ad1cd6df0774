"""The list that a school phones by, to be printed: whom a broadcast did not reach, and why.

It is in Japanese with the English beneath, because paper has no reader's language.
"""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, make_response, render_template
from werkzeug.exceptions import NotFound

from actions import phone_lists
from actions.phone_lists import PhoneList, Tried, tried_words
from domain import paths
from domain.moments import moment
from domain.wording import Words, render, say
from web import links
from web.context import services, use_language
from web.routes import authenticated

pages = Blueprint("phone_list", __name__)


@pages.get("/print/<token>")
@authenticated("a sealed token that names the member of staff and a day; their role is asked anew")
def show(token: str) -> Response:
    """Show the list as it is now; nobody keeps a copy of it."""
    numbers = links.read(paths.PHONE_LIST, token, 4)
    with services().database.reading() as tx:
        found = phone_lists.opened(tx, numbers) if numbers else None
        now = tx.now
    if found is None:
        raise NotFound
    use_language("ja")
    answer = make_response(render_template("phone_list.html", **_words(found, now), page=found))
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _words(found: PhoneList, now: datetime) -> dict[str, object]:
    sent = moment(found.sent_at, found.zone) if found.sent_at else None
    return {
        "title": say(f"report.list.title.{found.which}"),
        "sent": say("report.list.sent", time=sent) if sent else None,
        "made": say("report.list.made", time=moment(now, found.zone)),
        "count": _count,
        "say": say,
        "ja": _ja,
        "en": _en,
        "tried": _tried,
    }


def _count(number: int) -> Words:
    return say("report.list.count", count=number)


def _ja(words: Words) -> str:
    return render(words, "ja")


def _en(words: Words) -> str:
    return render(words, "en")


def _tried(tried: tuple[Tried, ...]) -> tuple[Words, ...]:
    return tuple(map(tried_words, tried)) or (say("report.list.no_way"),)
