"""A worker whose channel breaks as it starts a chunk, and one that stops during a long tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread

import pytest

from channels.base import GatheredLog, LaneState, SendChunk
from delivery import schedule
from delivery.sending import LeaseLost
from storage.database import Database
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel
from tests.delivery.test_worker import made, sent, until, working


class Startled(FakeChannel):
    """A channel that sends without threads, and breaks as it takes a chunk over."""

    broken = True
    late: Callable[[BaseException | None], None]

    def start(
        self, chunk: SendChunk, log: GatheredLog, done: Callable[[BaseException | None], None]
    ) -> None:
        if self.broken:
            self.broken, self.late, self.log = False, done, log
            raise RuntimeError("a bug")
        self.late(None)
        with pytest.raises(LeaseLost):
            self.log.intents([chunk.recipients[0].delivery_id])
        self.send(chunk, log)
        done(None)

    def lanes(self) -> Sequence[LaneState]:
        return ()

    def set_lanes(self, known: Sequence[LaneState]) -> None:
        raise NotImplementedError


def test_a_channel_that_breaks_as_it_starts_ends_nobody(
    sqlite_database: Database, tmp_path: Path, clock: Clock
) -> None:
    """Its other chunks go on; and though it tells of its end after all, that is told once."""
    broadcast_id = city.sending(sqlite_database, (city.address(4),), (city.address(8),))
    channel = Startled()
    with working(sqlite_database, tmp_path, channel) as worker:
        until(lambda: not channel.broken)
        until(lambda: city.chunks(sqlite_database, broadcast_id)[0].state == "ready")
        clock.forward(minutes=1)
        until(sent(sqlite_database, broadcast_id))
        assert worker._failure is None
    assert len(channel.sent) == 2


def test_a_worker_that_stops_leases_nothing_while_a_tick_runs(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = Event(), Event()

    def long_tick(*_: object) -> int:
        begun.set()
        assert go_on.wait(20)
        return 0

    monkeypatch.setattr(schedule, "tick_due", long_tick)
    worker, stop = made(sqlite_database, tmp_path, FakeChannel()), Event()
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    assert begun.wait(20)
    stop.set()
    until(lambda: worker._recorder._stopping)
    broadcast_id = city.frozen(sqlite_database, 1)
    assert worker._recorder.take("email") is None
    assert thread.is_alive()
    go_on.set()
    thread.join()
    assert [chunk.epoch for chunk in city.chunks(sqlite_database, broadcast_id)] == [0]
