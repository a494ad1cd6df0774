"""届きました: a test mail arrived, says whoever opens the link in it and presses the button.

The token is the right, so no cookie and no CSRF token is asked for. A GET shows a page and changes
nothing, because link scanners follow it, and they read mail that a person never gets to see.
"""

from __future__ import annotations

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from actions import arrivals
from domain import paths
from storage.database import Transaction
from web import links
from web.context import board, language, services, use_language
from web.routes import authenticated

pages = Blueprint("arrival", __name__)
_BY_LINK = "a sealed token that names the mailbox and when the test mail was sent to it"


@pages.get("/arrived/<token>")
@authenticated(_BY_LINK)
def ask(token: str) -> str:
    """One button, and nothing happens until it is pressed."""
    contact_id, _ = _numbers(token)
    with services().database.reading() as tx:
        return _page(tx, contact_id, token, done=False)


@pages.post("/arrived/<token>")
@authenticated(_BY_LINK)
def do(token: str) -> str:
    """Note that it arrived; pressing again changes nothing."""
    contact_id, sent = _numbers(token)
    with services().database.writing() as tx:
        arrivals.open_link(tx, contact_id, sent)
        return _page(tx, contact_id, token, done=True)


def _numbers(token: str) -> tuple[int, int]:
    numbers = links.read(paths.ARRIVAL, token, 2)
    if numbers is None:
        raise NotFound
    return numbers[0], numbers[1]


def _page(tx: Transaction, contact_id: int, token: str, *, done: bool) -> str:
    mailbox = arrivals.mailbox_of(tx, contact_id)
    if mailbox is None:
        raise NotFound
    use_language(language(mailbox.language))
    return render_template("arrival.html", board=board(), token=token, done=done)
