"""Replies to say, by mail and by LINE, and what became of them."""

from __future__ import annotations

from sqlalchemy import select

from channels.base import Limits
from delivery.replies import Replies
from domain.outcomes import Accepted, Outcome
from domain.speech import speak
from domain.wording import Plain
from storage import people, replies
from storage.database import Database
from storage.tables import Board, Inbox, Reply
from tests.delivery import city
from tests.delivery.city import FakeChannel

ASKED_BACK = ("登録しました。", "お子さんのクラスは？")


def queue(
    database: Database, *texts: str, channel: str = "email", address: str = "a@example.jp"
) -> None:
    with database.writing() as tx:
        board_id = tx.session.scalar(select(Board.id)) or city.found(tx).board_id
        contact = people.contact_point(tx, board_id, channel, channel, address)
        for text in texts:
            replies.queue(tx, contact.id, speak(Plain(text)))


def states(database: Database) -> list[tuple[str, int]]:
    with database.reading() as tx:
        rows = tx.session.execute(select(Reply.state, Reply.tries).order_by(Reply.id))
        return [(state, tries) for state, tries in rows.tuples()]


def answer_turn(
    database: Database, *texts: str, token: str = "leave to answer", address: str = "U1"
) -> None:
    """Something came in by LINE, and a turn answered it."""
    with database.writing() as tx:
        board_id = tx.session.scalar(select(Board.id)) or city.found(tx).board_id
        contact = people.contact_point(tx, board_id, "line", "line", address)
        item = Inbox(
            board_id=board_id,
            channel="line",
            account="line",
            event_id=f"{address} {texts[0]}",
            sender_index=b"",
            at=tx.now,
            received_at=tx.now,
        )
        tx.session.add(item)
        tx.flush()
        for text in texts:
            replies.queue(tx, contact.id, speak(Plain(text)), item.id, token)


LINE = Limits(text_units=5000, buttons=13, pictures=4, recipients=500, keyed=True)


def line(*outcomes: Outcome) -> FakeChannel:
    left = list(outcomes)
    return FakeChannel("line", LINE, lambda _: left.pop(0) if left else Accepted())


def by_line(database: Database, channel: FakeChannel) -> Replies:
    return Replies(database, {"line": channel}, lambda: 0.0, "https://a.jp")
