"""Replies leave in order, and each outcome comes to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import select

from channels.base import Message
from delivery.replies import Replies
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from domain.speech import speak
from domain.wording import Plain
from storage import people, replies
from storage.database import Database
from storage.tables import Board, Reply
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel


def queue(
    database: Database, *texts: str, channel: str = "email", address: str = "a@example.jp"
) -> None:
    with database.writing() as tx:
        board_id = tx.session.scalar(select(Board.id)) or city.found(tx).board_id
        contact = people.contact_point(tx, board_id, channel, channel, address)
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


class Hanging(FakeChannel):
    """A provider that keeps one address waiting until told otherwise."""

    def __init__(self, *addresses: str) -> None:
        super().__init__()
        self.addresses = addresses
        self.asked = Event()
        self.go_on = Event()

    def reply(self, account: str, address: str, messages: Sequence[Message]) -> Outcome:
        if address in self.addresses:
            self.asked.set()
            assert self.go_on.wait(20)
        return super().reply(account, address, messages)

    @property
    def texts(self) -> list[str]:
        with self.lock:
            return [message.text for _, message in self.replied]


@contextmanager
def running(database: Database, channel: FakeChannel) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=loop(database, channel).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        if isinstance(channel, Hanging):
            channel.go_on.set()
        thread.join()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_replies_to_one_person_leave_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So far apart are the polls that none can have waited for one.
    monkeypatch.setattr("delivery.replies._EVERY", 5)
    queue(database, *"123456")
    channel = Hanging("a@example.jp")
    with running(database, channel):
        assert channel.asked.wait(10)
        time.sleep(0.3)
        channel.go_on.set()
        until(lambda: len(channel.texts) == 6)
    assert channel.texts == list("123456")
    assert states(database) == [("done", 1)] * 6


def test_one_slow_reply_holds_up_nobody_else(database: Database) -> None:
    queue(database, "slow", address="slow@example.jp")
    channel = Hanging("slow@example.jp")
    with running(database, channel):
        assert channel.asked.wait(10)
        queue(database, "1", "2", address="quick@example.jp")
        until(lambda: channel.texts == ["1", "2"])
        until(lambda: states(database) == [("new", 1), ("done", 1), ("done", 1)])
    assert states(database) == [("done", 1)] * 3


def test_a_reply_on_its_way_is_not_sent_by_another(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("delivery.replies._KEEP", 0.02)
    queue(database, "slow")
    channel = Hanging("a@example.jp")
    with running(database, channel):
        assert channel.asked.wait(10)
        for _ in range(4):
            clock.forward(minutes=1.5)
            time.sleep(0.3)
            assert loop(database, FakeChannel()).run_once() == 0
    assert channel.texts == ["slow"]


def test_stopping_finishes_what_is_on_its_way(database: Database) -> None:
    queue(database, "1", "2")
    channel = Hanging("a@example.jp")
    with running(database, channel):
        assert channel.asked.wait(10)
    assert channel.texts == ["1"]
    assert states(database) == [("done", 1), ("new", 0)]
