"""Replies leave in order, and each outcome comes to its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import select

from channels.base import Answer, Button
from delivery import answering
from delivery import replies as replies_loop
from delivery.replies import Replies
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from domain.speech import Speech, SpeechButton, open_page
from domain.wording import Plain
from storage import people, replies
from storage.database import Database
from storage.tables import ContactPoint
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel
from tests.delivery.replying import ASKED_BACK, answer_turn, by_line, line, queue, states


def loop(database: Database, channel: FakeChannel) -> Replies:
    channels = {"email": channel, "webchat": channel}
    return Replies(database, channels, lambda: 0.0, "https://a.jp/")


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

    def reply(self, answer: Answer) -> Outcome:
        if answer.address in self.addresses:
            self.asked.set()
            assert self.go_on.wait(20)
        return super().reply(answer)

    @property
    def texts(self) -> list[str]:
        with self.lock:
            return [message.text for _, message in self.replied]


@contextmanager
def running(database: Database, channel: FakeChannel, **others: FakeChannel) -> Iterator[Event]:
    stop = Event()
    channels: Mapping[str, FakeChannel] = {"email": channel, **others}
    loops = Replies(database, channels, lambda: 0.0)
    thread = Thread(target=loops.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for each in channels.values():
            if isinstance(each, Hanging):
                each.go_on.set()
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


# Answers: one turn, one request, and the provider's leave to answer while it is fresh.


def test_one_turn_is_one_request_with_the_leave_to_answer(database: Database) -> None:
    answer_turn(database, *ASKED_BACK)
    channel = line()
    assert by_line(database, channel).run_once() == 1
    (answer,) = channel.answers
    assert tuple(message.text for message in answer.messages) == ASKED_BACK
    assert (answer.account, answer.address, answer.token) == ("line", "U1", "leave to answer")
    assert states(database) == [("done", 1), ("done", 1)]


@pytest.mark.parametrize(("seconds", "token"), [(49, "leave to answer"), (50, "")])
def test_leave_to_answer_is_used_only_while_it_holds(
    database: Database, clock: Clock, seconds: int, token: str
) -> None:
    answer_turn(database, *ASKED_BACK)
    clock.forward(seconds=seconds)
    channel = line()
    by_line(database, channel).run_once()
    assert [answer.token for answer in channel.answers] == [token]


def test_an_unknown_end_is_asked_again_at_once_without_leave(
    database: Database, clock: Clock
) -> None:
    answer_turn(database, *ASKED_BACK)
    channel = line(Unknown("no_answer"), Unknown("no_answer"), Accepted())
    by_line(database, channel).run_once()
    clock.forward(seconds=0.6)
    by_line(database, channel).run_once()
    clock.forward(seconds=6)
    by_line(database, channel).run_once()
    assert [answer.token for answer in channel.answers] == ["leave to answer", "", ""]
    assert len({answer.key for answer in channel.answers}) == 1
    assert len({answer.messages for answer in channel.answers}) == 1
    assert states(database) == [("done", 3), ("done", 3)]


def test_under_a_key_an_unknown_end_is_not_given_up_early(database: Database, clock: Clock) -> None:
    answer_turn(database, "登録しました。")
    channel = line(*[Unknown("server_error")] * 10)
    for _ in range(10):
        by_line(database, channel).run_once()
        clock.forward(hours=1)
    assert states(database) == [("unknown", 6)]


def test_who_blocked_us_is_written_to_no_more(database: Database, clock: Clock) -> None:
    answer_turn(database, "登録しました。")
    by_line(database, line(Refused("blocked"))).run_once()
    assert states(database) == [("refused", 1)]
    with database.reading() as tx:
        contact = tx.session.scalars(select(ContactPoint)).one()
        assert (contact.state, contact.state_at) == ("blocked", clock.now)


def test_buttons_say_whether_they_last_and_what_they_open(database: Database) -> None:
    with database.writing() as tx:
        contact = people.contact_point(tx, city.found(tx).board_id, "line", "line", "U1")
        buttons = (
            SpeechButton(Plain("承認"), "card", lasting=True),
            SpeechButton(Plain("はい"), "yes"),
            open_page(Plain("本文を見る"), "/m/abc"),
        )
        replies.queue(tx, contact.id, Speech((Plain("お願いします"),), buttons))
    channel = line()
    by_line(database, channel).run_once()
    ((_, message),) = channel.replied
    assert message.text.endswith("本文を見る\nhttps://a.jp/m/abc")
    assert message.buttons == (
        Button("承認", "card", lasting=True),
        Button("はい", "yes"),
        Button("本文を見る", url="https://a.jp/m/abc"),
    )


def test_nothing_taken_leaves_the_leave_as_good_as_before(database: Database, clock: Clock) -> None:
    answer_turn(database, *ASKED_BACK)
    channel = line(TryLater("unreachable"), TryLater("rate", timedelta(seconds=3)))
    for seconds in (3, 4, 0):
        by_line(database, channel).run_once()
        clock.forward(seconds=seconds)
    assert [answer.token for answer in channel.answers] == ["leave to answer"] * 3
    assert states(database) == [("done", 3), ("done", 3)]


def test_no_leave_outlasts_the_hold_of_a_killed_worker() -> None:
    """Whether that worker used it nobody knows."""
    assert replies_loop._HOLD > answering._FRESH


def slow_city(database: Database) -> Hanging:
    """Twenty answers by mail, more than there are slots, and a relay that hangs."""
    addresses = [f"slow{number}@example.jp" for number in range(20)]
    for each in addresses:
        queue(database, "slow", address=each)
    return Hanging(*addresses)


def test_a_slow_relay_holds_up_no_other_channel(database: Database) -> None:
    mail, quick = slow_city(database), line()
    with running(database, mail, line=quick):
        assert mail.asked.wait(10)
        answer_turn(database, "1")
        answer_turn(database, "2")
        until(lambda: [message.text for _, message in quick.replied] == ["1", "2"])
        until(lambda: states(database)[-2:] == [("done", 1)] * 2)


def test_what_was_not_begun_when_it_stops_is_given_back_untried(database: Database) -> None:
    mail = slow_city(database)
    untried = [("new", 0)] * 16
    with running(database, mail) as stop:
        until(lambda: states(database).count(("new", 1)) == 12)
        stop.set()
        until(lambda: sorted(states(database)) == untried + [("new", 1)] * 4)
    assert sorted(states(database)) == [("done", 1)] * 4 + untried


class Failing(FakeChannel):
    """A provider whose library breaks."""

    def reply(self, answer: Answer) -> Outcome:
        super().reply(answer)
        raise RuntimeError("boom")


def test_a_channel_that_breaks_is_an_unknown_end(database: Database, clock: Clock) -> None:
    queue(database, "登録しました。")
    for _ in range(3):
        loop(database, Failing()).run_once()
        clock.forward(minutes=1)
    assert states(database) == [("unknown", 2)]


def test_replies_go_on_after_trouble_with_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent and could not be noted is noted at the next try, and not sent again."""
    monkeypatch.setattr("delivery.replies._TROUBLE", 0.01)
    failures = [RuntimeError("locked"), RuntimeError("locked")]
    settle = replies.settle

    def failing(*args: Any) -> None:
        if failures:
            raise failures.pop()
        settle(*args)

    monkeypatch.setattr("delivery.answering.replies.settle", failing)
    queue(database, "1", "2")
    channel = FakeChannel()
    with running(database, channel):
        until(lambda: states(database) == [("done", 1), ("done", 1)])
    assert [message.text for _, message in channel.replied] == ["1", "2"]
