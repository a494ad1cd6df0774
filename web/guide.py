"""Guides to let our mail in, one page for each carrier: to read on a telephone, or to print."""

from __future__ import annotations

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from domain.guides import GUIDES
from domain.wording import render
from web import security
from web.context import board, services, spoken_language
from web.routes import public

pages = Blueprint("guide", __name__)

_WHY = "Whoever gets no mail from us must be able to read why; it names nobody but the sender."
# Enough for a whole school behind one address that reads them in the same hour.
_LIMIT = "120/minute"


@pages.get("/guide/")
@public(_WHY)
@security.limiter.limit(_LIMIT)
def every() -> str:
    """All guides there are."""
    return render_template("guides.html", board=board(), guides=GUIDES.values(), said=_said)


@pages.get("/guide/<name>")
@public(_WHY)
@security.limiter.limit(_LIMIT)
def one(name: str) -> str:
    """What keeps our mail out there, and how it is let in."""
    guide = GUIDES.get(name)
    if guide is None:
        raise NotFound
    address = services().mail_from
    return render_template(
        "guide.html",
        board=board(),
        guide=guide,
        address=address,
        domain=address.rpartition("@")[2],
        said=_said,
    )


def _said(words: object) -> str:
    return render(words, spoken_language())  # type: ignore[arg-type]
