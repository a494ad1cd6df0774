"""Whether a message is real: a page that anybody may ask, by the code beneath every copy."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from actions import verification
from actions.verification import NotOurs
from domain.verification import fold_verify_code
from domain.wording import Words, render, say
from web import security
from web.context import board, services, spoken_language
from web.routes import public

pages = Blueprint("verify", __name__)

_WHY = "Whoever doubts a message must be able to ask; it tells only what stands in every copy."
# Enough for a whole school behind one address, and far too few to find a code by guessing.
_LIMIT = "60/minute"


@pages.get("/verify/")
@public(_WHY)
@security.limiter.limit(_LIMIT)
def ask() -> str | Response:
    """A form for the code; what is typed into it comes back as the page of that code."""
    typed = request.args.get("code")
    code = fold_verify_code(typed) if typed else None
    if code:
        return redirect(url_for("verify.show", code=code), 303)
    return _page([say("verify.no_code")] if typed else [])


@pages.get("/verify/<code>")
@public(_WHY)
@security.limiter.limit(_LIMIT)
def show(code: str) -> tuple[str, int]:
    """Whose the message is and when it was sent, or that it is none of ours."""
    with services().database.reading() as tx:
        found = verification.find(tx, services().board_id, code)
    answer = found or NotOurs()
    return _page(answer.words, real=found is not None), 200 if found else 404


def _page(words: Sequence[Words], *, real: bool = False) -> str:
    said = [render(each, spoken_language()) for each in words]
    return render_template("verify.html", board=board(), said=said, real=real)
