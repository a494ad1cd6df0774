"""確認しました on the personal page of a message: a button, because link scanners follow links.

Only the form's POST confirms; whoever merely opens the page has not said that they read it.
"""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from actions import confirmations
from actions.confirmations import Standing
from domain import paths
from storage import confirmations as stored
from storage.database import Transaction
from web import links
from web.context import services
from web.routes import authenticated

pages = Blueprint("confirm", __name__)


@pages.post("/m/<token>/confirm")
@authenticated("a sealed token that names the delivery: the link that came to this recipient")
def do(token: str) -> Response:
    """Confirm, and show the page again, which then says so or why it could not be."""
    with services().database.writing() as tx:
        broadcast_id, contact_point_id = _named(tx, token)
        confirmations.confirm(tx, broadcast_id, contact_point_id)
    return redirect(url_for("message_page.show", token=token), 303)


@pages.app_template_global("confirming")
def standing() -> Standing:
    """How the reader of this page stands to the question; empty on a page that names nobody."""
    token = (request.view_args or {}).get("token", "")
    with services().database.reading() as tx:
        named = _found(tx, token)
        return confirmations.state_of(tx, *named) if named else ""


def _named(tx: Transaction, token: str) -> tuple[int, int]:
    named = _found(tx, token)
    if named is None:
        raise NotFound
    return named


def _found(tx: Transaction, token: str) -> tuple[int, int] | None:
    numbers = links.read(paths.PAGE, token, 1)
    return stored.recipient_of(tx, numbers[0]) if numbers else None
