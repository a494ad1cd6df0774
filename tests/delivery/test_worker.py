"""A whole worker with a provider in the same process: real threads, a real ledger."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Event, Thread, current_thread

import pytest

from channels.base import Channel, Limits, SendChunk, SendLog
from delivery import schedule
from delivery.recorder import Pace, Recorder
from delivery.render import Addresses
from delivery.worker import Worker, WorkerFailed
from domain.deliveries import ChunkRule
from domain.outcomes import Accepted, Outcome, Placed, Refused, TryLater, Unknown
from storage import ledger
from storage.database import Database, Transaction
from storage.ledger import Want
from storage.tables import ContactPoint
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel, deliveries


def made(database: Database, folder: Path, *channels: Channel, name: str = "worker") -> Worker:
    return Worker(
        database=database,
        channels={channel.name: channel for channel in channels},
        name=name,
        journal_dir=folder / "journal",
        addresses=Addresses("https://renraku.example.jp"),
        jitter=lambda: 0.0,
    )


@contextmanager
def working(
    database: Database, folder: Path, *channels: Channel, name: str = "worker"
) -> Iterator[Worker]:
    worker = made(database, folder, *channels, name=name)
    stop = Event()
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join()


def until(condition: Callable[[], bool], patience: float = 20) -> None:
    """Wait for what other threads do; fails when it does not come."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def sent(database: Database, broadcast_id: int) -> Callable[[], bool]:
    return lambda: city.broadcast(database, broadcast_id).state == "sent"


def test_everyone_is_sent_to_once(database: Database, tmp_path: Path) -> None:
    channel = FakeChannel()
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 230))
    with working(database, tmp_path, channel):
        until(sent(database, broadcast_id))
    rows = deliveries(database, broadcast_id)
    assert Counter(number for number, _ in channel.sent) == {row.id: 1 for row in rows}
    assert {(row.state, row.attempts, row.doubtful) for row in rows} == {("accepted", 1, 0)}
    assert {row.reference for row in rows} == {f"250 ok {row.id}" for row in rows}
    assert not list((tmp_path / "journal").glob("*.journal"))


def test_each_outcome_comes_to_its_end(
    sqlite_database: Database, tmp_path: Path, clock: Clock
) -> None:
    broadcast_id = city.frozen(sqlite_database, 5, size=5)
    ids = [row.id for row in deliveries(sqlite_database, broadcast_id)]
    first: dict[int, Outcome] = dict(
        zip(
            ids,
            [
                Accepted(),
                Placed(),
                Refused("no_mailbox"),
                TryLater("busy"),
                Unknown("no_answer"),
            ],
            strict=True,
        )
    )
    channel = FakeChannel(answer=lambda number: first.pop(number, Accepted("late")))
    with working(sqlite_database, tmp_path, channel):
        until(lambda: len(channel.sent) == 5)
        until(
            lambda: not any(row.attempts == 0 for row in deliveries(sqlite_database, broadcast_id))
        )
        clock.forward(minutes=2)
        until(sent(sqlite_database, broadcast_id))
    rows = {row.id: row for row in deliveries(sqlite_database, broadcast_id)}
    found = [(rows[number].state, rows[number].attempts, rows[number].doubtful) for number in ids]
    assert found == [
        ("accepted", 1, 0),
        ("placed", 1, 0),
        ("refused", 1, 0),
        ("accepted", 2, 0),
        ("accepted", 2, 1),
    ]
    again = Counter(name for number, name in channel.sent if number == ids[4])
    assert list(again.values()) == [2], "the Message-ID is the same the second time"


def test_two_broadcasts_go_side_by_side(database: Database, tmp_path: Path) -> None:
    with database.writing() as tx:
        where = city.found(tx, 150)
        both = [city.approved(tx, where), city.approved(tx, where)]
    with working(database, tmp_path, FakeChannel()):
        for broadcast_id in both:
            until(sent(database, broadcast_id))
    assert [len(deliveries(database, broadcast_id)) for broadcast_id in both] == [150, 150]


def test_two_workers_share_the_work(database: Database, tmp_path: Path) -> None:
    channel = FakeChannel()
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 300))
    with (
        working(database, tmp_path, channel, name="one"),
        working(database, tmp_path, channel, name="two"),
    ):
        until(sent(database, broadcast_id))
    assert max(Counter(number for number, _ in channel.sent).values()) == 1
    assert len(channel.sent) == 300


def test_a_slow_channel_holds_up_no_other(database: Database, tmp_path: Path) -> None:
    slow_ones = ((city.telegram(number),) for number in range(30))
    others = ((city.address(number),) for number in range(130))
    rules = {**city.EVERYTHING, "telegram": ChunkRule(5, slots=1, keyed=False)}
    broadcast_id = city.sending(database, *slow_ones, *others, rules=rules, telegram=True)
    go_on, reached = Event(), Event()

    def stuck(_delivery_id: int) -> None:
        reached.set()
        assert go_on.wait(20)

    limits = Limits(text_units=4096, buttons=8, pictures=4, recipients=5, slots=3)
    slow = FakeChannel(name="telegram", limits=limits, before_each=stuck)
    mail = FakeChannel()
    with working(database, tmp_path, slow, mail):
        assert reached.wait(20)
        until(lambda: len(mail.sent) == 130)
        assert slow.sent == []
        go_on.set()
        until(sent(database, broadcast_id))
    assert len(slow.sent) == 30


def test_each_channel_sends_as_many_chunks_at_once_as_it_has_slots(
    sqlite_database: Database, tmp_path: Path
) -> None:
    broadcast_id = city.frozen(sqlite_database, 24, size=2)
    all_there, threads = Barrier(3), set[str]()

    def meet(_delivery_id: int) -> None:
        threads.add(current_thread().name)
        with suppress(BrokenBarrierError):
            all_there.wait(5)

    limits = replace(city.LIMITS, slots=3)
    with working(sqlite_database, tmp_path, FakeChannel(limits=limits, before_each=meet)):
        until(sent(sqlite_database, broadcast_id))
    assert not all_there.broken
    assert len(threads) == 3


def test_stopping_gives_the_rest_back(sqlite_database: Database, tmp_path: Path) -> None:
    broadcast_id = city.frozen(sqlite_database, 40, size=40)
    reached = Event()

    def slowly(_delivery_id: int) -> None:
        # What is being sent is finished although the worker is told to stop meanwhile.
        reached.set()
        time.sleep(0.02)

    slow = FakeChannel(before_each=slowly)
    with working(sqlite_database, tmp_path, slow):
        assert reached.wait(20)
    states = Counter(row.state for row in deliveries(sqlite_database, broadcast_id))
    assert states["accepted"] == len(slow.sent) < 40
    assert {chunk.state for chunk in city.chunks(sqlite_database, broadcast_id)} <= {
        "ready",
        "done",
    }
    with working(sqlite_database, tmp_path, FakeChannel()):
        until(sent(sqlite_database, broadcast_id))
    assert all(row.doubtful == 0 for row in deliveries(sqlite_database, broadcast_id))


class Breaking(FakeChannel):
    """A provider's channel with a bug: it breaks off after the first intent."""

    broken = False

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        if not self.broken:
            self.broken = True
            log.intent(chunk.recipients[0].delivery_id)
            raise RuntimeError("a bug")
        super().send(chunk, log)


def test_a_channel_that_breaks_is_tried_again(
    sqlite_database: Database, tmp_path: Path, clock: Clock
) -> None:
    broadcast_id = city.frozen(sqlite_database, 4, size=4)
    channel = Breaking()
    with working(sqlite_database, tmp_path, channel):
        until(lambda: "unknown" in city.states(sqlite_database, broadcast_id))
        clock.forward(minutes=2)
        until(sent(sqlite_database, broadcast_id))
    assert sorted(row.doubtful for row in deliveries(sqlite_database, broadcast_id)) == [0, 0, 0, 1]


def test_an_unreadable_address_holds_nobody_up(sqlite_database: Database, tmp_path: Path) -> None:
    broadcast_id = city.frozen(sqlite_database, 3, size=3)
    spoiled = deliveries(sqlite_database, broadcast_id)[0]
    with sqlite_database.writing() as tx:
        contact = tx.session.get_one(ContactPoint, spoiled.contact_point_id)
        contact.address_cipher = b"\1spoiled"
    with working(sqlite_database, tmp_path, FakeChannel()):
        until(sent(sqlite_database, broadcast_id))
    found = [(row.state, row.reason) for row in deliveries(sqlite_database, broadcast_id)]
    assert found[0] == ("refused", "address_unreadable")
    assert {state for state, _ in found[1:]} == {"accepted"}


def test_a_full_disk_ends_the_worker(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast_id = city.frozen(sqlite_database, 4)
    channel = FakeChannel()
    worker = made(sqlite_database, tmp_path, channel)

    def full(_fd: int, _line: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("delivery.journal.os.write", full)
    with pytest.raises(WorkerFailed):
        worker.run(Event())
    assert channel.sent == []
    assert city.states(sqlite_database, broadcast_id) == {"waiting"}


def test_a_worker_paused_beyond_its_lease_sends_no_more(
    sqlite_database: Database, clock: Clock
) -> None:
    city.frozen(sqlite_database, 1)
    now = [0.0]
    recorder = Recorder(
        sqlite_database,
        "slow",
        city.MAIL,
        lambda: 0.0,
        Pace(timedelta(seconds=30), timedelta(seconds=5)),
        clock=lambda: now[0],
    )
    recorder._demand.idle["email"] = 1
    recorder.commit()
    held = recorder._demand.granted["email"].popleft()
    assert not recorder.is_lost(held)
    now[0] = 24.0
    assert not recorder.is_lost(held)
    now[0] = 25.0
    assert recorder.is_lost(held)


@contextmanager
def commits_unanswered(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is committed stays, but the answer to it is lost."""
    writing = database.writing

    @contextmanager
    def unanswered() -> Iterator[Transaction]:
        with writing() as tx:
            yield tx
        raise ConnectionError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(database, "writing", unanswered)
        yield


def test_a_lease_whose_commit_was_not_answered_is_given_back(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast_id = city.frozen(database, 2, size=1)
    now = [100.0]
    recorder = Recorder(database, "w", city.MAIL, lambda: 0.0, clock=lambda: now[0])
    recorder._demand.idle["email"] = 1
    with commits_unanswered(database, monkeypatch), pytest.raises(ConnectionError):
        recorder.commit()
    assert {chunk.state for chunk in city.chunks(database, broadcast_id)} == {"ready", "leased"}
    for _ in range(3):
        clock.forward(seconds=3)
        now[0] += 3
        recorder._demand.idle["email"] = 2
        recorder.commit()
    chunks = city.chunks(database, broadcast_id)
    assert {held.lease.chunk_id for held in recorder._demand.granted["email"]} == {
        chunk.id for chunk in chunks
    }
    assert sorted(chunk.epoch for chunk in chunks) == [1, 2]


def test_an_idle_worker_notices_such_a_lease_too(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast_id = city.frozen(database, 1)
    now = [100.0]
    recorder = Recorder(database, "w", city.MAIL, lambda: 0.0, clock=lambda: now[0])
    recorder._demand.idle["email"] = 1
    with commits_unanswered(database, monkeypatch), pytest.raises(ConnectionError):
        recorder.commit()
    recorder.stop()
    now[0] += 3
    recorder.commit()
    assert [chunk.state for chunk in city.chunks(database, broadcast_id)] == ["ready"]


def test_a_worker_that_ends_leaves_no_lease(database: Database, tmp_path: Path) -> None:
    broadcast_id = city.frozen(database, 1)
    other = FakeChannel(name="other")
    with working(database, tmp_path, other) as worker, database.writing() as tx:
        assert ledger.lease(tx, worker.name, [Want("email", 1)], timedelta(minutes=1))
    assert [chunk.state for chunk in city.chunks(database, broadcast_id)] == ["ready"]


def test_a_full_disk_forgets_no_outcome(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while messages are on their way; their outcomes are in the ledger."""
    broadcast_id = city.frozen(sqlite_database, 4)
    write = os.write

    def full(fd: int, line: bytes) -> int:
        if line.startswith(b"o "):
            raise OSError(28, "No space left on device")
        return write(fd, line)

    monkeypatch.setattr("delivery.journal.os.write", full)
    channel = FakeChannel()
    with pytest.raises(WorkerFailed):
        made(sqlite_database, tmp_path, channel).run(Event())
    accepted = [r.id for r in deliveries(sqlite_database, broadcast_id) if r.state == "accepted"]
    assert accepted == sorted(number for number, _ in channel.sent) != []


def test_the_ticks_are_idle_without_work(database: Database) -> None:
    assert schedule.tick_due(database, city.MAIL) == 0
    assert schedule.tick_lapse(database) == 0
    assert schedule.tick_expire(database) == 0
    assert schedule.tick_finish(database) == 0


def test_an_empty_audience_is_finished_at_once(database: Database) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx))
    schedule.tick(database, city.MAIL)
    assert city.broadcast(database, broadcast_id).state == "sent"
