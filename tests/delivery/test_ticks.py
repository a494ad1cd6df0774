"""The ticks: one that fails holds up no other, and what they cost does not grow with what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from itertools import product
from threading import Event

import pytest

from actions import admissions, emergencies
from delivery import aftermath, schedule
from delivery.admissions import tick_admissions
from delivery.troubles import signs_of
from domain.emergencies import Waiting, next_step
from storage import admissions as stored
from storage import attempts, people, staff
from storage.database import Database, Transaction
from storage.tables import (
    Admission,
    Board,
    Broadcast,
    EmergencyReport,
)
from tests.actions import city as scene
from tests.actions.city import City
from tests.databases import Clock
from tests.delivery.city import MAIL, approved, counting, found

TICKS = ("due", "lapse", "withdrawn", "resent", "expire", "finish", "escalate", "admissions")


def test_a_step_that_fails_stops_no_other(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def failing(name: str) -> Callable[..., int]:
        def step(*_: object) -> int:
            taken.append(name)
            raise RuntimeError(name)

        return step

    for name in TICKS:
        monkeypatch.setattr(schedule, f"tick_{name}", failing(name))
    schedule.tick(sqlite_database, MAIL)
    assert taken == list(TICKS)


def test_what_is_sent_does_not_wait_for_what_comes_after(sqlite_database: Database) -> None:
    jobs = schedule.ticking(sqlite_database, MAIL, lambda: None).get_jobs()
    assert [(job.func, job.max_instances) for job in jobs] == [
        (schedule.tick_starts, 1),
        (schedule.tick_statistics, 1),
        (schedule.tick_at_once, 1),
        (schedule.tick_soon, 1),
    ]


def test_statistics_hold_up_no_freezing(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A VACUUM against wraparound holds its lock for hours, and gives way to nobody."""
    frozen = Event()
    with database.writing() as tx:
        city = found(tx, 1)
        broadcast_ids = [approved(tx, city), approved(tx, city)]
    heard: list[bool] = []

    def begun() -> None:
        heard.append(frozen.is_set())
        frozen.set()

    schedule.tick_starts(database, MAIL, begun)
    assert len(heard) == len(broadcast_ids)
    with _vacuumed(database):
        schedule.tick_statistics(database, frozen)
    assert not frozen.is_set()
    assert "failed" not in capsys.readouterr().out
    frozen.set()
    monkeypatch.setattr(database, "writing", lambda: 1 / 0)
    schedule.tick_statistics(database, frozen)


@contextmanager
def _vacuumed(database: Database) -> Iterator[None]:
    """As if a VACUUM was at work on the deliveries."""
    with ExitStack() as stack:
        if not database.is_sqlite:
            connection = stack.enter_context(database.engine.begin())
            connection.exec_driver_sql("LOCK TABLE deliveries IN SHARE UPDATE EXCLUSIVE MODE")
        yield


@pytest.mark.parametrize(
    ("tick", "waiting", "act"),
    [
        (schedule.tick_lapse, "storage.freezing.lapsed", "actions.broadcasts.expire"),
        (schedule.tick_finish, "storage.closing.exhausted", "delivery.schedule._finish"),
        (
            aftermath.tick_withdrawn,
            "storage.withdrawing.not_finished",
            "delivery.aftermath._finish_withdrawn",
        ),
        (
            lambda database: aftermath.tick_resent(database, MAIL),
            "storage.resending.uncut",
            "storage.resending.cut",
        ),
    ],
    ids=["lapse", "finish", "withdrawn", "resent"],
)
def test_one_that_fails_holds_up_no_other(
    sqlite_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    tick: Callable[[Database], int],
    waiting: str,
    act: str,
) -> None:
    def one(_: Transaction, number: int, *_rules: object) -> int:
        if number == 1:
            raise RuntimeError("broken")
        return number

    monkeypatch.setattr(waiting, lambda _: [1, 2, 3])
    monkeypatch.setattr(act, one)
    assert tick(sqlite_database) == 5


# Requests to register.


def asking(tx: Transaction, city: City, number: int) -> Admission:
    point = people.contact_point(tx, city.board, "webchat", "webchat", f"asker{number}")
    wanted = {"children": [{"class": city.class_a, "number": 20 + number}], "clubs": []}
    return stored.add(tx, point, city.school, wanted)


def states(database: Database) -> list[str]:
    with database.reading() as tx:
        return [row.state for row in tx.session.query(Admission).order_by(Admission.id)]


def test_a_broken_request_is_parked_told_and_tried_again(
    database: Database, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    city = scene.build(database, families=1)
    with database.writing() as tx:
        rows = [asking(tx, city, number) for number in range(3)]
        for row in rows:
            row.state, row.decided_at = "admitting", tx.now
        whole = rows[0].request_cipher
        rows[0].request_cipher = b"broken"
    assert tick_admissions(database) == 2
    assert states(database) == ["admitting", "admitted", "admitted"]
    for _ in range(2):
        assert _signs(database) == []
        tick_admissions(database)
    assert _signs(database) == [("admission_stuck", {"count": 1})]
    with database.writing() as tx:
        first = tx.session.get_one(Admission, rows[0].id)
        assert first.tries == 3
        first.request_cipher = whole
    assert tick_admissions(database) == 0
    clock.forward(hours=1)
    assert tick_admissions(database) == 1
    assert _signs(database) == []


def _signs(database: Database) -> list[tuple[str, dict[str, int]]]:
    return [(sign.kind.value, dict(sign.details)) for sign in signs_of(database, [])]


def test_who_asks_again_is_not_kept_by_what_is_parked(database: Database) -> None:
    city = scene.build(database, families=1)
    with database.writing() as tx:
        broken = asking(tx, city, 1)
        broken.state, broken.request_cipher = "admitting", b"broken"
    for _ in range(3):
        tick_admissions(database)
    with database.writing() as tx:
        asking(tx, city, 1).state = "admitting"
    assert tick_admissions(database) == 1
    assert states(database) == ["replaced", "admitted"]
    assert _signs(database) == []


def test_one_that_cannot_lapse_holds_up_no_other(
    sqlite_database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = scene.build(sqlite_database, families=1)
    with sqlite_database.writing() as tx:
        first, second = (asking(tx, city, number).id for number in range(2))
    lapse = admissions.lapse

    def broken(tx: Transaction, admission_id: int) -> bool:
        lapse(tx, admission_id)
        if admission_id == first:
            raise RuntimeError("broken")
        return True

    monkeypatch.setattr("actions.admissions.lapse", broken)
    clock.forward(days=14)
    assert tick_admissions(sqlite_database) == 1
    assert states(sqlite_database) == ["waiting", "lapsed"]
    with sqlite_database.reading() as tx:
        assert [tx.session.get_one(Admission, one).tries for one in (first, second)] == [1, 0]


# Cost.


def cases(tx: Transaction, count: int) -> int:
    """Emergencies that were sent and that nobody has taken note of; the board's number."""
    city = found(tx)
    sender = staff.add_staff(tx, city.board_id, "田中")
    for _ in range(count):
        row = tx.session.get_one(Broadcast, approved(tx, city, emergency=True))
        row.state, row.finished_at = "sent", tx.now
        _case(tx, row, sender.id, tx.now)
    return city.board_id


def _case(
    tx: Transaction, row: Broadcast, sent_by: int, opened_at: datetime, **at: datetime | None
) -> None:
    report = EmergencyReport(
        broadcast_id=row.id,
        board_id=row.board_id,
        sent_by=sent_by,
        opened_at=opened_at,
        reported_at=tx.now,
        **at,
    )
    tx.session.add(report)
    tx.flush()


def test_a_tick_costs_the_same_however_many_wait(database: Database, clock: Clock) -> None:
    city = scene.build(database, families=1)
    with database.writing() as tx:
        cases(tx, 2)
        _waiting(tx, city, range(2))
    few = _tick(database)
    with database.writing() as tx:
        author = tx.session.query(EmergencyReport).first()
        assert author is not None
        one = tx.session.get_one(Broadcast, author.broadcast_id)
        for _ in range(48):
            row = _copy(tx, one)
            _case(tx, row, author.sent_by, tx.now)
        _waiting(tx, city, range(2, 50))
    assert _tick(database) == few
    with database.reading() as tx:
        assert (tx.session.query(EmergencyReport).count(), len(states(database))) == (50, 50)


def _waiting(tx: Transaction, city: City, numbers: Sequence[int]) -> None:
    for number in numbers:
        asking(tx, city, number)
    attempts.add(tx, city.board, f"told:admissions:{city.school}")


def _copy(tx: Transaction, one: Broadcast) -> Broadcast:
    values = {c.name: getattr(one, c.name) for c in Broadcast.__table__.columns if c.name != "id"}
    row = Broadcast(**values)
    tx.session.add(row)
    tx.flush()
    return row


def _tick(database: Database) -> list[str]:
    with counting(database) as said:
        schedule.tick(database, MAIL)
    return said


def test_what_is_due_in_sql_is_what_the_rule_says(database: Database, clock: Clock) -> None:
    """Every case of a grid, at three boards: patient, impatient, and never reminding."""
    ages = (None, *(timedelta(minutes=m) for m in (1, 10, 29, 30, 1439, 1440, 3000)))
    minutes = ((10, 30), (1, 1440), (0, 30))
    expected = set()
    with database.writing() as tx:
        board_id = cases(tx, 1)
        first = tx.session.query(EmergencyReport).one()
        first.acknowledged_at = tx.now
        one = tx.session.get_one(Broadcast, first.broadcast_id)
        for number, (acknowledge, escalate) in enumerate(minutes):
            chosen = {"acknowledge_minutes": acknowledge, "escalate_minutes": escalate}
            board = Board(code=f"b{number}", name="b", settings=chosen, created_at=tx.now)
            tx.session.add(board)
            tx.flush()
            for opened, reminded, escalated in product(ages[1:], ages, ages):
                row = _copy(tx, one)
                row.board_id = board.id
                asked = [tx.now - age if age else None for age in (opened, reminded, escalated)]
                assert asked[0] is not None
                _case(tx, row, first.sent_by, asked[0], reminded_at=asked[1], escalated_at=asked[2])
                waiting = Waiting(asked[0], asked[1], asked[2])
                if next_step(waiting, tx.now, **chosen):
                    expected.add(row.id)
        assert board_id
        over = _copy(tx, one)
        over.options = {}
        _case(tx, over, first.sent_by, tx.now - timedelta(days=9))
    with database.reading() as tx:
        due = emergencies.due_steps(tx)
    assert set(due) == expected
    assert 0 < len(expected) < len(minutes) * 7 * 8 * 8
