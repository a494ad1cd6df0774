"""Leaving by one click (RFC 8058): the link in every ordinary broadcast.

The token is the right, so no cookie and no CSRF token is asked for: mail programs post to this
address by themselves. A GET shows a page and changes nothing, because link scanners follow it.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.exceptions import BadRequest, NotFound

from actions import registration
from domain import paths
from storage.database import Transaction
from storage.pages import LeavePage, leave_page
from web import links
from web.context import language, services, use_language
from web.routes import authenticated

pages = Blueprint("leave", __name__)
_BY_LINK = "a sealed token that names the contact point and the school"


@pages.get("/u/<token>")
@authenticated(_BY_LINK)
def ask(token: str) -> str:
    """One button, and nothing happens until it is pressed."""
    contact_point_id, school_id = _numbers(token)
    with services().database.reading() as tx:
        return _page(tx, contact_point_id, school_id, token)


@pages.post("/u/<token>")
@authenticated(_BY_LINK)
def do(token: str) -> str:
    """Leave, or take the leaving back; the answer is a page, never a redirect."""
    contact_point_id, school_id = _numbers(token)
    with services().database.writing() as tx:
        _known(tx, contact_point_id, school_id)
        if request.form.get("List-Unsubscribe") == "One-Click":
            registration.opt_out(tx, contact_point_id, school_id)
        elif "undo" in request.form:
            registration.opt_in(tx, contact_point_id, school_id)
        else:
            raise BadRequest
        tx.flush()
        return _page(tx, contact_point_id, school_id, token)


def _numbers(token: str) -> tuple[int, int]:
    numbers = links.read(paths.LEAVE, token, 2)
    if numbers is None:
        raise NotFound
    return numbers[0], numbers[1]


def _known(tx: Transaction, contact_point_id: int, school_id: int) -> LeavePage:
    seen = leave_page(tx, contact_point_id, school_id)
    if seen is None:
        raise NotFound
    return seen


def _page(tx: Transaction, contact_point_id: int, school_id: int, token: str) -> str:
    seen = _known(tx, contact_point_id, school_id)
    use_language(language(seen.language))
    return render_template(
        "leave.html",
        page=seen,
        sender=seen.school or seen.board,
        token=token,
        undone="undo" in request.form,
    )
