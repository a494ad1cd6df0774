"""The message page: one broadcast behind the personal link that came with it."""

from __future__ import annotations

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from storage.pages import message_page
from web import links, notices
from web.context import clocked, language, services, use_language
from web.routes import authenticated

pages = Blueprint("message_page", __name__)


@pages.get("/m/<token>")
@authenticated("a sealed token that names the delivery; whoever has the link may read")
def show(token: str) -> str:
    """Show the message as it stands now. Reading it is not recorded."""
    numbers = links.read(links.PAGE, token, 1)
    with services().database.reading() as tx:
        seen = message_page(tx, numbers[0]) if numbers else None
        now = tx.now
    if seen is None:
        raise NotFound
    use_language(language(seen.language))
    return render_template(
        "message.html",
        page=seen,
        sender=seen.school or seen.board,
        sent=clocked(seen.sent_at, seen.zone),
        until=clocked(seen.valid_until, seen.zone) if seen.valid_until else None,
        standing=notices.standing(seen.state, seen.valid_until, now),
        purpose=notices.purpose_words(seen.purpose),
        tone=notices.tone(seen.purpose),
        pictures=links.pictures(seen.pictures),
        leave=links.leave_path(seen.contact_point_id, seen.school_id),
    )
