"""The watch: what it sees, whom it tells, and that it tells it once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select, update

from delivery.troubles import Watch, can_be_written, signs_of
from domain import troubles as rules
from domain.roles import Role
from domain.speech import speak
from domain.troubles import Kind
from domain.wording import Plain
from storage import chunks, ledger, people, quotas, replies, troubles
from storage.audit import entries_of
from storage.database import Database, Transaction
from storage.ledger import Want
from storage.tables import Broadcast, Chunk, Delivery, Inbox, StaffRole, Trouble
from tests.actions import city as scene
from tests.actions.city import City, told
from tests.databases import Clock
from tests.delivery import city as ledger_city

PLENTY = 10**12


@pytest.fixture
def city(database: Database) -> City:
    """A centre with one person, beside a board with another."""
    made = scene.build(database, families=1)
    with database.writing() as tx:
        for name, role in (("centre", Role.CENTRE), ("board", Role.BOARD)):
            scene.add_staff(tx, made, name, role, None)
    return made


class Disk:
    def __init__(self, free: int = PLENTY) -> None:
        self.free = free

    def __call__(self, folder: Path) -> int:
        return self.free


def watching(database: Database, folder: Path, disk: Disk) -> Watch:
    return Watch(database, [folder], disk)


def heard(database: Database, city: City, name: str = "centre") -> list[str]:
    return told(database, city.contacts[name])


def seen(database: Database) -> dict[Kind, dict[str, int]]:
    return {sign.kind: dict(sign.details) for sign in signs_of(database, [], Disk())}


def opened(database: Database) -> list[str]:
    with database.reading() as tx:
        return [trouble.sign.kind.value for trouble in troubles.open_ones(tx)]


def approve(database: Database, due_in: timedelta) -> None:
    with database.writing() as tx:
        board = troubles.boards(tx)[0]
        row = Broadcast(
            board_id=board,
            state="approved",
            purpose="event",
            subject="s",
            body="b",
            audience=[],
            content_hash="0" * 64,
            due_at=tx.now + due_in,
            created_at=tx.now,
            updated_at=tx.now,
        )
        tx.session.add(row)


def call_off(database: Database) -> None:
    with database.writing() as tx:
        tx.session.execute(update(Broadcast).values(state="cancelled"))


def test_a_trouble_is_told_once_daily_and_when_it_is_over(
    database: Database, city: City, clock: Clock, tmp_path: Path
) -> None:
    watch = watching(database, tmp_path, Disk())
    approve(database, timedelta(seconds=-20))
    watch.look()
    assert heard(database, city) == []
    clock.forward(seconds=20)
    for _ in range(3):
        watch.look()
        clock.forward(seconds=30)
    (said,) = heard(database, city)
    assert "始まっていません" in said
    assert "renrakumo doctor" in said
    assert heard(database, city, "board") == []
    clock.forward(days=1)
    watch.look()
    assert len(heard(database, city)) == 2
    call_off(database)
    clock.forward(minutes=9)
    watch.look()
    assert len(heard(database, city)) == 2
    clock.forward(minutes=2)
    watch.look()
    watch.look()
    assert len(heard(database, city)) == 3
    assert "解消" in heard(database, city)[-1]
    with database.reading() as tx:
        verbs = [entry.verb for entry in entries_of(tx, f"board:{city.board}")]
    assert verbs[-2:] == ["open_trouble", "close_trouble"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_comes_and_goes_is_told_rarely(
    database: Database, city: City, clock: Clock, tmp_path: Path
) -> None:
    """Twelve minutes well, five minutes ill, for three hours."""
    disk = Disk()
    watch = watching(database, tmp_path, disk)
    for minute in range(180):
        disk.free = 100_000_000 if minute % 17 < 5 else PLENTY
        watch.look()
        clock.forward(minutes=1)
    # Told, over, told again; from then on it has to stay away for an hour.
    assert len(heard(database, city)) <= 3


def test_a_disk_that_is_a_little_better_is_not_well(
    database: Database, city: City, clock: Clock, tmp_path: Path
) -> None:
    disk = Disk(rules.DISK_LEAST + 1)
    watch = watching(database, tmp_path, disk)
    watch.look()
    assert opened(database) == []
    disk.free = rules.DISK_LEAST - 1
    watch.look()
    assert opened(database) == ["disk_full"]
    disk.free = rules.DISK_ENOUGH - 1
    clock.forward(minutes=30)
    watch.look()
    assert opened(database) == ["disk_full"]
    disk.free = PLENTY
    clock.forward(minutes=30)
    watch.look()
    assert opened(database) == []


def test_a_folder_that_cannot_be_written_is_seen(
    database: Database, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_be_written(tmp_path)
    monkeypatch.setattr("delivery.troubles.tempfile.TemporaryFile", _refusing)
    found = signs_of(database, [tmp_path], Disk())
    assert {sign.kind for sign in found} == {Kind.DISK_UNWRITABLE}


def _refusing(**_: object) -> None:
    raise OSError(30, "Read-only file system")


def test_without_centre_the_board_hears(
    database: Database, city: City, clock: Clock, tmp_path: Path
) -> None:
    with database.writing() as tx:
        centre = select(StaffRole).where(StaffRole.role == "centre")
        tx.session.scalars(centre).one().ends_at = tx.now
    approve(database, timedelta(minutes=-1))
    watching(database, tmp_path, Disk()).look()
    assert heard(database, city) == []
    assert len(heard(database, city, "board")) == 1


def test_several_watches_at_once_open_one_trouble(
    database: Database, city: City, clock: Clock, tmp_path: Path
) -> None:
    approve(database, timedelta(minutes=-1))
    watches = [watching(database, tmp_path, Disk()) for _ in range(4)]
    threads = [Thread(target=watch.look) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened(database) == ["worker_gone"]
    assert len(heard(database, city)) == 1


# What is seen.


def test_a_quiet_installation_shows_nothing(database: Database, city: City) -> None:
    approve(database, timedelta(hours=1))
    assert seen(database) == {}


def test_conversations_that_hang_are_seen(database: Database, city: City, clock: Clock) -> None:
    with database.writing() as tx:
        for number in range(3):
            point = people.contact_point(tx, city.board, "telegram", "telegram", f"t{number}")
            replies.queue(tx, point.id, speak(Plain("hello")))
            replies.queue(tx, scene.contact(tx, city, "centre"), speak(Plain("in the browser")))
        for state, number in (("new", 1), ("parked", 2), ("done", 3)):
            tx.session.add(_came_in(tx, city, state, number))
    assert seen(database) == {Kind.PARKED_TURN: {"count": 1}}
    clock.forward(minutes=6)
    assert seen(database) == {
        Kind.PARKED_TURN: {"count": 1},
        Kind.REPLIES_WAITING: {"count": 3, "minutes": 6},
        Kind.INBOX_WAITING: {"count": 1, "minutes": 6},
    }
    with database.writing() as tx:
        for answer in replies.claim(tx, "telegram", timedelta(minutes=1)):
            replies.put_off(tx, answer.ids, tx.now + timedelta(minutes=1))
    clock.forward(seconds=61)
    with database.writing() as tx:
        replies.claim(tx, "telegram", timedelta(minutes=1))
    assert seen(database)[Kind.REPLIES_FAILING] == {"count": 3, "minutes": 7}
    assert Kind.REPLIES_WAITING not in seen(database)


def _came_in(tx: Transaction, city: City, state: str, number: int) -> Inbox:
    return Inbox(
        board_id=city.board,
        channel="line",
        account="line",
        event_id=str(number),
        sender_index=b"x",
        state=state,
        at=tx.now,
        received_at=tx.now,
    )


def test_mail_waits_rightly_behind_other_mail_of_its_lane(
    sqlite_database: Database, clock: Clock
) -> None:
    """A carrier that takes eight a second keeps a large city's mail for longer than that."""
    ledger_city.frozen(sqlite_database, 16, size=2)
    clock.forward(minutes=11)
    with sqlite_database.writing() as tx:
        lanes = sorted({chunk.lane for chunk in tx.session.scalars(select(Chunk))})
        wants = [Want("email", 1, lane) for lane in lanes]
        assert len(ledger.lease(tx, "a", wants, timedelta(minutes=1))) == len(lanes)
    assert seen(sqlite_database) == {}
    clock.forward(minutes=2)
    assert Kind.DELIVERIES_WAITING in seen(sqlite_database)


def test_deliveries_that_nobody_takes_are_seen(database: Database, clock: Clock) -> None:
    ledger_city.frozen(database, 16, size=8)
    clock.forward(minutes=9)
    assert seen(database) == {}
    clock.forward(minutes=2)
    assert seen(database) == {Kind.DELIVERIES_WAITING: {"count": 16, "minutes": 11}}
    clock.forward(days=2)
    assert seen(database) == {}


@pytest.mark.parametrize(("failing", "told_of"), [(4, False), (8, True)])
def test_a_channel_that_fails_is_told_from_full_mailboxes(
    database: Database, failing: int, told_of: bool
) -> None:
    """Of 32, so many were tried twice in vain; the others were accepted."""
    broadcast_id = ledger_city.frozen(database, 32, size=32)
    ids = [row.id for row in ledger_city.deliveries(database, broadcast_id)]
    with database.writing() as tx:
        whole = tx.session.scalars(select(Chunk)).all()
        again = chunks.new_chunk(tx, whole[0], tx.now + timedelta(minutes=2), failing)
        moved = update(Delivery).where(Delivery.id.in_(ids[:failing]))
        tx.session.execute(moved.values(attempts=2, chunk_id=again.id))
        taken = update(Delivery).where(Delivery.id.in_(ids[failing:]))
        tx.session.execute(taken.values(state="accepted", settled_at=tx.now))
        for chunk in whole:
            chunk.state = chunks.DONE
    expected = {Kind.CHANNEL_FAILING: {"count": failing, "accepted": 32 - failing}}
    assert seen(database) == (expected if told_of else {})


def test_a_quota_that_runs_out_is_seen(database: Database, city: City) -> None:
    with database.writing() as tx:
        quotas.note(tx, "email", "email", None, 10**6)
        quotas.note(tx, "line", "west", 5000, 4499)
        quotas.note(tx, "line", "main", 5000, 4500)
    (sign,) = signs_of(database, [], Disk())
    assert (sign.kind, sign.subject) == (Kind.QUOTA, "line:main")
    assert sign.details == {"used": 4500, "allowed": 5000}


def test_a_school_without_approver_is_seen(database: Database, city: City, clock: Clock) -> None:
    with database.writing() as tx:
        scene.add_staff(tx, city, "teacher", Role.OPERATOR, city.school)
    assert seen(database) == {}
    clock.forward(days=2)
    assert seen(database) == {Kind.NO_APPROVER: {"count": 1}}
    with database.reading() as tx:
        assert troubles.schools_without_approver(tx) == [(city.board, "k01")]
    with database.writing() as tx:
        scene.add_staff(tx, city, "principal", Role.MANAGER, city.school)
    assert seen(database) == {}


def test_every_kind_has_its_words(database: Database, city: City, tmp_path: Path) -> None:
    """Told in both languages, whatever its numbers are called."""
    numbers = ["count", "minutes", "accepted", "megabytes", "used", "allowed", "broadcasts"]
    numbers += ["days", "percent"]
    of_checks = (Kind.MAIL_SLIPPED, Kind.MAIL_ACCEPTANCE_ENDS)
    with database.writing() as tx:
        for kind in Kind:
            row = Trouble(
                board_id=city.board,
                kind=kind.value,
                subject="SPF" if kind in of_checks else "line:main",
                details=dict.fromkeys(numbers, 7),
                opened_at=tx.now,
                seen_at=tx.now - timedelta(hours=1),
                told_at=tx.now,
            )
            tx.session.add(row)
    watching(database, tmp_path, Disk()).look()
    assert len(heard(database, city)) == len(Kind)
    assert opened(database) == []
