"""Slips and posters as PDF, behind a link that a member of staff got in their chat."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from actions import printing
from actions.printing import Printable
from domain import slip_links
from web import security, slip_pages
from web.context import language, services, use_language
from web.routes import authenticated

pages = Blueprint("slips", __name__)


@pages.get("/slips/<token>")
@authenticated("a sealed token that names a member of staff and an hour; their role is asked anew")
@security.limiter.limit("20/minute")
def show(token: str) -> Response:
    """The PDF, made now; no browser and no proxy keeps it."""
    with services().database.reading() as tx:
        link = slip_links.read(services().secret, token, tx.now)
        found = printing.opened(tx, link) if link else None
    answer = _pdf(found) if found else _over()
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _pdf(found: Printable) -> Response:
    ways = slip_pages.ways_by(services().link, found.settings, services().public_url)
    answer = make_response(slip_pages.printed(found, ways))
    answer.content_type = "application/pdf"
    answer.headers["Content-Disposition"] = 'inline; filename="renrakumo.pdf"'
    return answer


def _over() -> Response:
    use_language(language())
    return make_response(render_template("slips_over.html"), 410)
