"""Joining by a link or QR code with a school ID, or with the code that invites staff."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from domain.codes import fold_code
from domain.school_ids import fold_school_id
from web import security
from web.routes import public

pages = Blueprint("join", __name__)


@pages.get("/join/<code>")
@public("Registration begins here; the answer is the same whether the code exists or not.")
@security.limiter.limit("120/minute")
def begin(code: str) -> Response:
    """Hand the code to the chat in the fragment, which browsers send to nobody.

    The database is not asked, so nothing tells a right code from a wrong one. The page sends
    it after a tap: a link alone must not speak in anybody's name.
    """
    folded = fold_school_id(code) or fold_code(code)
    return redirect(url_for("chat.page", _anchor=f"join={folded}" if folded else None), 303)
