"""The message page: one broadcast behind the personal link that came with it, or its own link.

A personal link that somebody opened proves that mail arrives there; which broadcast it was is not
kept, and neither is who read what.

The personal link names who it was sent to, so that the page can offer to leave; the broadcast's
own link went to many in one request and names nobody.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request
from prometheus_client import Counter
from werkzeug.exceptions import NotFound

from actions import arrivals
from domain import copies, paths
from domain.wording import render
from storage.database import Transaction
from storage.pages import Following, MessagePage, broadcast_page, message_page
from web import links, notices
from web.context import clocked, language, services, spoken_language, use_language
from web.routes import authenticated

pages = Blueprint("message_page", __name__)

# All that is known of who opened it: how often, of all broadcasts together.
OPENINGS = Counter(
    "renrakumo_broadcast_page_openings_total", "Openings of broadcasts' own pages, by anyone."
)


@pages.get("/m/<token>")
@authenticated("a sealed token that names the delivery or broadcast; who has the link may read")
def show(token: str) -> str:
    """Show the message as it stands now. Who read it is not recorded."""
    with services().database.reading() as tx:
        seen = _personal(tx, token) or _common(tx, token)
        now = tx.now
    if seen is None:
        raise NotFound
    _note_arrival(seen)
    if seen.contact_point_id is None and request.method == "GET":
        OPENINGS.inc()
    use_language(language(seen.language))
    return render_template(
        "message.html",
        page=seen,
        sender=seen.school or seen.board,
        sent=clocked(seen.sent_at, seen.zone),
        until=clocked(seen.valid_until, seen.zone) if seen.valid_until else None,
        withdrawn=clocked(seen.withdrawn_at, seen.zone) if seen.withdrawn_at else None,
        lead=_lead(seen),
        following=_following_path(seen.following) if seen.following else None,
        standing=notices.standing(seen.state, seen.valid_until, now),
        purpose=notices.purpose_words(seen.purpose),
        tone=notices.tone(seen.purpose),
        pictures=links.pictures(seen.pictures),
        leave=_leave_path(seen),
    )


def _note_arrival(seen: MessagePage) -> None:
    """Note that mail arrives there, if a person's browser opened the page and it is news.

    Programs that follow every link in a mail do not say that they open a document (Fetch Metadata
    Request Headers, Sec-Fetch-Dest). A browser too old to say so proves nothing, and no harm done.
    """
    contact_id = seen.contact_point_id
    if contact_id is None or request.headers.get("Sec-Fetch-Dest") != "document":
        return
    with services().database.reading() as tx:
        is_news = arrivals.is_news(tx, contact_id, seen.sent_at)
    if is_news:
        with services().database.writing() as tx:
            arrivals.note_opened(tx, contact_id, seen.sent_at)


def _personal(tx: Transaction, token: str) -> MessagePage | None:
    numbers = links.read(paths.PAGE, token, 1)
    return message_page(tx, numbers[0]) if numbers else None


def _common(tx: Transaction, token: str) -> MessagePage | None:
    numbers = links.read(paths.BROADCAST_PAGE, token, 1)
    return broadcast_page(tx, numbers[0]) if numbers else None


def _lead(seen: MessagePage) -> str:
    """Which earlier message this one corrects or replaces, as every copy says it."""
    words = copies.lead(seen.origin, seen.zone)
    return render(words, spoken_language()) if words else ""


def _following_path(following: Following) -> str:
    """The reader's own page of what follows; the common one where they have none."""
    if following.delivery_id is not None:
        return links.page_path(following.delivery_id)
    return paths.broadcast(services().secret, following.broadcast_id)


def _leave_path(seen: MessagePage) -> str | None:
    if seen.contact_point_id is None:
        return None
    return links.leave_path(seen.contact_point_id, seen.school_id)
