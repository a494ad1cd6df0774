"""Replies leave in order, and each outcome comes to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from delivery.replies import Replies
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from domain.speech import speak
from domain.wording import Plain
from storage import people, replies
from storage.database import Database
from storage.tables import Reply
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel


def queue(database: Database, *texts: str, channel: str = "email") -> None:
    with database.writing() as tx:
        where = city.found(tx)
        contact = people.contact_point(tx, where.board_id, channel, channel, "a@example.jp")
        for text in texts:
            replies.queue(tx, contact.id, speak(Plain(text)))


def loop(database: Database, channel: FakeChannel) -> Replies:
    return Replies(database, {"email": channel, "webchat": channel}, lambda: 0.0)


def states(database: Database) -> list[tuple[str, int]]:
    with database.reading() as tx:
        rows = tx.session.execute(select(Reply.state, Reply.tries).order_by(Reply.id))
        return [(state, tries) for state, tries in rows.tuples()]


def test_a_reply_leaves_once(database: Database) -> None:
    queue(database, "登録しました。")
    channel = FakeChannel()
    assert loop(database, channel).run_once() == 1
    assert loop(database, channel).run_once() == 0
    ((address, message),) = channel.replied
    assert (address, message.text) == ("a@example.jp", "登録しました。")
    assert states(database) == [("done", 1)]


def test_web_chat_fetches_its_own(database: Database) -> None:
    queue(database, "登録しました。", channel="webchat")
    assert loop(database, FakeChannel()).run_once() == 0


def test_a_refused_reply_is_given_up(database: Database) -> None:
    queue(database, "登録しました。")
    loop(database, FakeChannel(answer=lambda _: Refused("no_mailbox"))).run_once()
    assert states(database) == [("refused", 1)]


@pytest.mark.parametrize(("outcome", "tries"), [(TryLater("busy"), 6), (Unknown("no_answer"), 2)])
def test_others_are_tried_again_but_not_for_ever(
    database: Database, clock: Clock, outcome: Outcome, tries: int
) -> None:
    queue(database, "登録しました。")
    channel = FakeChannel(answer=lambda _: outcome)
    for _ in range(10):
        loop(database, channel).run_once()
        clock.forward(hours=1)
    assert len(channel.replied) == tries
    assert states(database) == [("unknown", tries)]


def test_the_provider_says_when(database: Database, clock: Clock) -> None:
    queue(database, "登録しました。")
    answers: list[Outcome] = [TryLater("busy", timedelta(minutes=5)), Accepted()]
    channel = FakeChannel(answer=lambda _: answers.pop(0))
    loop(database, channel).run_once()
    clock.forward(minutes=4)
    assert loop(database, channel).run_once() == 0
    clock.forward(minutes=1)
    assert loop(database, channel).run_once() == 1
    assert states(database) == [("done", 2)]
