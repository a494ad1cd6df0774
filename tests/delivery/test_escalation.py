"""Emergencies that nobody took note of, with several workers at once, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from actions import emergencies
from delivery.escalation import tick_escalate
from delivery.schedule import tick
from domain.roles import Role
from storage.database import Database, Transaction
from storage.tables import Broadcast, EmergencyReport
from tests.actions import city as scene
from tests.actions.city import Cast, City
from tests.actions.test_emergencies import heard, sent
from tests.databases import Clock
from tests.delivery.city import EVERYTHING

WORKERS = 3


def built(database: Database) -> tuple[City, Cast]:
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        scene.add_staff(tx, city, "member", Role.BOARD, None)
    return city, cast


def at_once(act: Callable[[], int]) -> list[int]:
    """What several do at the same moment."""
    gate = Barrier(WORKERS)

    def run(_: int) -> int:
        gate.wait(timeout=10)
        return act()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))


def test_of_several_workers_one_reminds_and_one_tells_the_board(
    database: Database, clock: Clock
) -> None:
    city, cast = built(database)
    sent(database, city, cast.teacher)
    taken = []
    for minutes in (9, 1, 10, 10, 10):
        clock.forward(minutes=minutes)
        taken.append(sorted(at_once(lambda: tick_escalate(database))))
    once, never = [0, 0, 1], [0, 0, 0]
    assert taken == [never, once, once, once, never]
    assert [heard(database, city, name) for name in ("principal", "deputy", "member")] == [3, 3, 1]


def test_of_two_who_take_note_at_once_one_is_noted(database: Database) -> None:
    """Whoever acknowledges while it is being escalated either stops that or is told afterwards."""
    city, cast = built(database)
    ref = sent(database, city, cast.teacher)
    people = [cast.principal, cast.deputy, cast.deputy]

    def press() -> int:
        actor = people.pop()
        with database.writing() as tx:
            return isinstance(emergencies.acknowledge(tx, actor, ref), emergencies.Case)

    assert sorted(at_once(press)) == [0, 0, 1]


def test_when_it_is_sent_the_figures_are_told_once(sqlite_database: Database, clock: Clock) -> None:
    """By the same ticks that freeze and finish it: web chat is read, then it is over."""
    city, cast = built(sqlite_database)
    ref = sent(sqlite_database, city, cast.teacher)
    for _ in range(3):
        tick(sqlite_database, {"email": EVERYTHING["email"]})
        clock.forward(seconds=1)
    with sqlite_database.reading() as tx:
        row = tx.session.get_one(Broadcast, ref.broadcast_id)
        assert (row.state, row.finished_at is not None) == ("sent", True)
        assert tx.session.get_one(EmergencyReport, row.id).reported_at is not None
    for name in ("principal", "deputy", "teacher"):
        said = scene.told(sqlite_database, city.contacts[name])
        assert len([each for each in said if "送信が終わりました" in each]) == 1, name


def test_a_case_that_fails_holds_up_no_other(
    sqlite_database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    city, cast = built(sqlite_database)
    broken = sent(sqlite_database, city, cast.teacher)
    sent(sqlite_database, city, cast.teacher, body="体育館にいます。")
    take = emergencies.take_step

    def take_step(tx: Transaction, broadcast_id: int) -> Any:
        if broadcast_id == broken.broadcast_id:
            raise RuntimeError("broken")
        return take(tx, broadcast_id)

    monkeypatch.setattr("actions.emergencies.take_step", take_step)
    clock.forward(minutes=10)
    assert tick_escalate(sqlite_database) == 1
    monkeypatch.undo()
    assert tick_escalate(sqlite_database) == 1
