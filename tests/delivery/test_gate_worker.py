"""A whole worker whose gate is closed: what is due by mail waits, and leaves once it opens."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

from sqlalchemy import select

from delivery.gate import Gate
from delivery.render import Addresses
from delivery.worker import Worker
from domain.mail_checks import CHECKS, Checked, Result, Subject
from storage.database import Database
from storage.tables import Chunk
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import FakeChannel
from tests.delivery.test_worker import sent, until


def test_a_broadcast_waits_at_the_gate_and_counts_no_try(
    sqlite_database: Database, tmp_path: Path, clock: Clock
) -> None:
    results = dict.fromkeys(CHECKS, Result.PASSED) | {"SPF": Result.FAILED}
    gate = Gate(
        sqlite_database,
        Subject("city.jp", dict.fromkeys(CHECKS, "basis")),
        lambda: [Checked(name, result, "") for name, result in results.items()],
    )
    gate.check()
    channel = FakeChannel()
    broadcast_id = city.frozen(sqlite_database, 7, size=3)
    worker = Worker(
        database=sqlite_database,
        channels={"email": channel},
        name="worker",
        journal_dir=tmp_path / "journal",
        addresses=Addresses("https://renraku.example.jp"),
        gate=gate,
    )
    stop = Event()
    thread = Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        until(lambda: _waiting(sqlite_database, clock) == 7)
        assert channel.sent == []
        results["SPF"] = Result.PASSED
        clock.forward(minutes=10)
        gate.check()
        until(sent(sqlite_database, broadcast_id))
    finally:
        stop.set()
        thread.join()
    assert len(channel.sent) == 7
    assert {row.attempts for row in city.deliveries(sqlite_database, broadcast_id)} == {1}


def _waiting(database: Database, clock: Clock) -> int:
    """How many deliveries were put off for five minutes."""
    with database.reading() as tx:
        later = Chunk.not_before == clock.now + timedelta(minutes=5)
        waiting = tx.session.scalars(select(Chunk.size).where(Chunk.state == "ready", later))
        return sum(waiting)
