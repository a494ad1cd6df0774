"""Withdrawing while workers are sending: nothing leaves a second later, and what left is told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from actions import withdrawals
from actions.previews import ref_of
from actions.withdrawals import Withdrawn
from channels.base import SendChunk, SendLog
from channels.email.channel import EmailChannel, MailWays
from channels.email.session import Timeouts
from delivery import aftermath, schedule
from delivery.journal import Journal
from domain.addresses import ChatAddress
from domain.outcomes import Accepted, Outcome, TryLater, Unknown
from domain.roles import Actor, Grant, Role
from storage import broadcasts, staff
from storage.chunks import LEASED
from storage.database import Database
from storage.tables import Broadcast, ContactPoint, Staff
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel, deliveries
from tests.delivery.test_worker import until, working
from tests.smtp_standin import SmtpStandin


def author_of(database: Database, broadcast_id: int) -> Actor:
    """The author, made an operator of the school."""
    with database.writing() as tx:
        row = broadcasts.broadcast(tx, broadcast_id)
        member = tx.session.get_one(Staff, row.submitted_by)
        staff.add_role(tx, member, Role.OPERATOR, row.school_id)
        return Actor(member.id, row.board_id, (Grant(Role.OPERATOR, row.school_id),))


def withdraw(database: Database, broadcast_id: int, author: Actor) -> float:
    """Withdraw a broadcast; the moment in which that was committed."""
    with database.writing() as tx:
        ref = ref_of(broadcasts.broadcast(tx, broadcast_id))
        assert isinstance(withdrawals.withdraw(tx, author, ref, "誤送信"), Withdrawn)
    return time.monotonic()


def finished(database: Database, broadcast_id: int) -> Callable[[], bool]:
    return lambda: city.broadcast(database, broadcast_id).finished_at is not None


@pytest.fixture
def intents(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each message was about to be sent."""
    moments: list[float] = []
    intents = Journal.intents

    def noting(journal: Journal, chunk_id: int, epoch: int, delivery_ids: Sequence[int]) -> None:
        moments.append(time.monotonic())
        intents(journal, chunk_id, epoch, delivery_ids)

    monkeypatch.setattr(Journal, "intents", noting)
    return moments


def is_all_told(database: Database, broadcast_id: int) -> None:
    """Every delivery is settled, and nothing is left that anybody could send."""
    rows = deliveries(database, broadcast_id)
    assert all(row.settled_at is not None for row in rows)
    spared = {row.reason for row in rows if row.state == "expired"}
    assert spared == {"withdrawn"}
    assert {chunk.state for chunk in city.chunks(database, broadcast_id)} == {"done"}


def test_two_workers_stop_within_a_second(
    database: Database, tmp_path: Path, clock: Clock, intents: list[float]
) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 1200))
    author = author_of(database, broadcast_id)
    channel = FakeChannel(before_each=lambda _: time.sleep(0.005))
    with (
        working(database, tmp_path, channel, name="one"),
        working(database, tmp_path, channel, name="two"),
    ):
        until(lambda: len(channel.sent) > 20)
        at = withdraw(database, broadcast_id, author)
        until(finished(database, broadcast_id))
        assert max(intents) - at < 1
        reached = len(channel.sent)
        clock.forward(hours=1)
        schedule.tick(database, city.MAIL)
    assert len(channel.sent) == reached < 1200
    states = Counter(row.state for row in deliveries(database, broadcast_id))
    assert states == {"accepted": reached, "expired": 1200 - reached}
    assert city.broadcast(database, broadcast_id).state == "withdrawn"
    is_all_told(database, broadcast_id)


@dataclass
class InFlight(FakeChannel):
    """A provider that answers the first messages only when it is told to."""

    outcomes: list[Outcome] = field(default_factory=list)
    go_on: Event = field(default_factory=Event)
    logs: list[SendLog] = field(default_factory=list)

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        self.logs.append(log)
        super().send(chunk, log)

    def wait(self, _delivery_id: int) -> Outcome:
        outcome = self.outcomes.pop()
        assert self.go_on.wait(20)
        return outcome


def test_what_is_on_its_way_is_recorded_as_it_was_and_never_tried_again(
    database: Database, tmp_path: Path, clock: Clock
) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 300))
    author = author_of(database, broadcast_id)
    outcomes: list[Outcome] = [Accepted(), TryLater("busy"), Unknown("no_answer")]
    channel = InFlight(limits=replace(city.LIMITS, slots=3), outcomes=outcomes)
    channel.answer = channel.wait
    with working(database, tmp_path, channel):
        until(lambda: len(channel.sent) == 3)
        withdraw(database, broadcast_id, author)
        aftermath.tick_withdrawn(database)
        assert not finished(database, broadcast_id)(), "three are still on their way"
        until(lambda: all(each.stopping() for each in channel.logs))
        channel.go_on.set()
        until(finished(database, broadcast_id))
        clock.forward(hours=2)
        schedule.tick(database, city.MAIL)
        assert LEASED not in {chunk.state for chunk in city.chunks(database, broadcast_id)}
    assert len(channel.sent) == 3
    states = Counter(row.state for row in deliveries(database, broadcast_id))
    assert states == {"accepted": 1, "unknown": 1, "expired": 298}
    is_all_told(database, broadcast_id)


def test_mail_stops_at_the_relay(
    sqlite_database: Database, tmp_path: Path, standin: SmtpStandin, intents: list[float]
) -> None:
    with sqlite_database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 400))
    author = author_of(sqlite_database, broadcast_id)
    standin.fault(phase="dot", delay=0.02)
    quick = Timeouts(connect=10, command=10, answer=10, quit=1)
    mail = EmailChannel(MailWays(standin.url, timeouts=quick), "renraku@city.example.jp")
    with working(sqlite_database, tmp_path, mail):
        standin.wait(lambda figures: figures["messages"] > 5)
        at = withdraw(sqlite_database, broadcast_id, author)
        until(finished(sqlite_database, broadcast_id))
    mail.close()
    assert max(intents) - at < 1
    taken = standin.stats()["messages"]
    states = Counter(row.state for row in deliveries(sqlite_database, broadcast_id))
    assert states == {"accepted": taken, "expired": 400 - taken}
    assert taken < 400


def test_what_lies_undisplayed_in_web_chat_is_taken_away(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        city.settle_guardians(tx, where, (ChatAddress("webchat", "webchat", "a"),))
        broadcast_id = city.approved(tx, where)
    schedule.tick(database, city.EVERYTHING)
    with database.writing() as tx:
        (row,) = deliveries(database, broadcast_id)
        tx.session.merge(row).state = "placed"
        (chunk,) = city.chunks(database, broadcast_id)
        tx.session.merge(chunk).state = "placed"
    author = author_of(database, broadcast_id)
    schedule.tick_finish(database)
    assert city.broadcast(database, broadcast_id).state == "sent"
    withdraw(database, broadcast_id, author)
    schedule.tick(database, city.EVERYTHING)
    is_all_told(database, broadcast_id)


def test_nobody_else_is_moved_to_another_way_afterwards(database: Database, tmp_path: Path) -> None:
    """A refusal that comes after the withdrawal opens no other way."""
    broadcast_id = city.sending(database, (city.telegram(1), city.address(1)), telegram=True)
    author = author_of(database, broadcast_id)
    withdraw(database, broadcast_id, author)
    with database.reading() as tx:
        assert tx.session.get_one(Broadcast, broadcast_id).state == "withdrawn"
        used = [row.contact_point_id for row in deliveries(database, broadcast_id)]
        assert [tx.session.get_one(ContactPoint, one).channel for one in used] == ["telegram"]
    mail = FakeChannel()
    with working(database, tmp_path, mail):
        until(finished(database, broadcast_id))
    assert mail.sent == []
