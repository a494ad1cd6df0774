"""Recovery: a dead worker's journal is settled at once, a living one's is left alone."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from delivery.journal import Journal, host_id
from delivery.recovery import Recovery
from domain.outcomes import Accepted
from storage import journals, ledger
from storage.database import Database
from storage.ledger import Again, Lease, Want
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import deliveries


class Dying:
    """A worker that holds a chunk and a journal, until it dies."""

    def __init__(self, database: Database, directory: Path, name: str = "dying") -> None:
        self.database = database
        self.host = host_id(directory)
        self.journal = Journal(directory, name)
        with database.writing() as tx:
            journals.opened(tx, name, self.host, str(self.journal.path))
            (self.held,) = ledger.lease(tx, name, [Want("email", 1)], timedelta(seconds=30))
            self.members = [m.delivery_id for m in ledger.members(tx, self.held.chunk_id)]

    @property
    def key(self) -> tuple[int, int]:
        return self.held.chunk_id, self.held.epoch

    def die(self) -> None:
        os.close(self.journal._fd)


def recovery(database: Database, directory: Path) -> Recovery:
    again = Again(city.MAIL)
    return Recovery(database, directory, host_id(directory), lambda: again)


@pytest.fixture
def broadcast_id(database: Database) -> int:
    return city.frozen(database, 16, size=16)


@pytest.fixture
def dying(database: Database, broadcast_id: int, tmp_path: Path) -> Dying:
    return Dying(database, tmp_path)


def lease_again(database: Database) -> list[Lease]:
    with database.writing() as tx:
        return ledger.lease(tx, "next", [Want("email", 9)], timedelta(seconds=30))


def test_the_dead_are_settled_without_waiting(
    database: Database, tmp_path: Path, broadcast_id: int, dying: Dying
) -> None:
    accepted, asked, untouched, *_ = dying.members
    dying.journal.intents(*dying.key, [accepted])
    dying.journal.outcomes(*dying.key, [(accepted, Accepted("yes"))])
    dying.journal.intents(*dying.key, [asked])
    dying.die()
    assert recovery(database, tmp_path).run() == 1
    found = {row.id: (row.state, row.doubtful) for row in deliveries(database, broadcast_id)}
    assert found[accepted] == ("accepted", 0)
    assert found[asked] == ("waiting", 1)
    assert found[untouched] == ("waiting", 0)
    assert not dying.journal.path.exists()
    assert dying.held.chunk_id in [held.chunk_id for held in lease_again(database)]


def test_settling_again_finds_nothing(database: Database, tmp_path: Path, dying: Dying) -> None:
    dying.journal.intents(*dying.key, [dying.members[0]])
    dying.die()
    assert recovery(database, tmp_path).run() == 1
    assert recovery(database, tmp_path).run() == 0


def test_the_living_keep_their_chunks(
    database: Database, tmp_path: Path, clock: Clock, dying: Dying
) -> None:
    dying.journal.intents(*dying.key, [dying.members[0]])
    clock.forward(hours=1)
    assert recovery(database, tmp_path).run() == 0
    assert dying.journal.path.exists()
    assert dying.held.chunk_id not in [held.chunk_id for held in lease_again(database)]
    dying.die()


def test_a_lost_journal_makes_everything_open_doubtful(
    database: Database, tmp_path: Path, dying: Dying
) -> None:
    dying.journal.path.unlink()
    dying.die()
    assert recovery(database, tmp_path).run() == len(dying.members)


def test_another_hosts_worker_is_waited_for(
    database: Database, tmp_path: Path, clock: Clock, dying: Dying
) -> None:
    dying.die()
    elsewhere = tmp_path / "elsewhere"
    assert recovery(database, elsewhere).run() == 0
    clock.forward(minutes=1)
    assert recovery(database, elsewhere).run() == len(dying.members)
    assert recovery(database, tmp_path).run() == 0


def test_a_stray_journal_is_removed(database: Database, tmp_path: Path) -> None:
    host_id(tmp_path)
    stray = Journal(tmp_path, "stray")
    recovery(database, tmp_path).run()
    assert stray.path.exists()
    os.close(stray._fd)
    recovery(database, tmp_path).run()
    assert not stray.path.exists()


def test_an_older_lease_in_the_journal_counts_for_nothing(
    database: Database, tmp_path: Path, broadcast_id: int, dying: Dying
) -> None:
    chunk_id, epoch = dying.key
    dying.journal.intents(chunk_id, epoch - 1, [dying.members[0]])
    dying.die()
    assert recovery(database, tmp_path).run() == 0
    assert all(row.doubtful == 0 for row in deliveries(database, broadcast_id))


def test_a_journal_that_cannot_be_read_keeps_no_other_from_being_settled(
    sqlite_database: Database, tmp_path: Path
) -> None:
    city.frozen(sqlite_database, 4, size=2)
    bad, good = (Dying(sqlite_database, tmp_path, name) for name in ("bad", "good"))
    for each in (bad, good):
        each.journal.intents(*each.key, [each.members[0]])
        each.die()
    content = bad.journal.path.read_bytes()
    bad.journal.path.unlink()
    bad.journal.path.mkdir()
    settling = recovery(sqlite_database, tmp_path)
    assert [settling.run(), settling.run()] == [1, 0]
    assert (bad.journal.path.exists(), good.journal.path.exists()) == (True, False)
    bad.journal.path.rmdir()
    bad.journal.path.write_bytes(content)
    assert settling.run() == 1, "what it knew was not lost"


def test_what_a_journal_says_can_always_be_written_down(
    database: Database, tmp_path: Path, broadcast_id: int, dying: Dying
) -> None:
    first, second, third, *_ = dying.members
    chunk_id, epoch = dying.key
    said = {first: '["l","\\u0000",1e13]', second: '["u","\\ud800"]', third: '["l","x",-1e13]'}
    with dying.journal.path.open("a") as file:
        file.writelines(f"o {chunk_id} {epoch} {one} {what}\n" for one, what in said.items())
    dying.die()
    recovery(database, tmp_path).run()
    assert not dying.journal.path.exists()
    found = {row.id: row.reason for row in deliveries(database, broadcast_id)}
    assert [found[one] for one in said] == [" ", " ", "x"]
