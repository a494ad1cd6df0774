"""Leasing by what is wanted: lanes, urgency, and its cost however many chunks are ready."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from delivery.freeze import freeze
from domain.deliveries import ORDINARY, URGENT, ChunkRule
from storage import ledger, recording
from storage.database import Database, Transaction
from storage.ledger import Again, Lease, Want
from storage.recording import Told
from storage.tables import Broadcast, Chunk
from tests.delivery import city

MINUTE = timedelta(minutes=1)
LANES = {"au", "docomo", "gmail", "other"}


def lease(database: Database, *wants: Want) -> list[Lease]:
    with database.writing() as tx:
        return ledger.lease(tx, "a", wants, MINUTE)


def is_due(database: Database, *wants: Want) -> bool:
    with database.reading() as tx:
        return ledger.anything_due(tx, wants)


def test_only_the_wanted_lane_is_leased(database: Database) -> None:
    city.frozen(database, 24, size=2)
    assert is_due(database, Want("email", 9, "gmail"))
    assert [held.lane for held in lease(database, Want("email", 9, "gmail"))] == ["gmail"] * 3
    assert not is_due(database, Want("email", 9, "gmail"), Want("line", 1), Want("email", 0))
    taken = lease(database, Want("email", 1, "au"), Want("email", 1, "yahoo"), Want("email", 4))
    assert taken[0].lane == "au"
    assert {held.lane for held in taken} <= LANES - {"gmail"}
    assert len({held.chunk_id for held in taken}) == 5


def test_of_any_lane_those_are_leased_first_that_were_cut_first(database: Database) -> None:
    city.frozen(database, 24, size=2)
    taken = lease(database, Want("email", 8))
    assert [held.chunk_id for held in taken] == sorted(held.chunk_id for held in taken)
    assert [held.lane for held in taken] == sorted(LANES) * 2


def test_broadcasts_take_turns_in_a_lane(database: Database) -> None:
    """A school's notice does not wait for all of a large one that was there before."""
    large = city.frozen(database, 24, size=2)
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, large)
        small = city.approved(tx, city.City(row.board_id, row.school_id or 0, 0))
        freeze(tx, small, {"email": ChunkRule(2, slots=8, keyed=False)})
    leased = lease(database, Want("email", 4, "gmail"))
    assert sorted(held.broadcast_id for held in leased) == [large, large, small, small]


def test_what_is_urgent_is_leased_by_itself(database: Database) -> None:
    ordinary = city.frozen(database, 8, size=8)
    urgent = Want("email", 9, urgent=True)
    assert not is_due(database, urgent)
    assert lease(database, urgent) == []
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, ordinary)
        where = city.City(row.board_id, row.school_id or 0, 0)
        emergency = city.approved(tx, where, emergency=True)
        freeze(tx, emergency, city.MAIL)
    assert is_due(database, urgent)
    taken = lease(database, Want("email", 1, "gmail"), urgent)
    assert {(held.broadcast_id, held.priority, held.urgent) for held in taken} == {
        (emergency, URGENT, True)
    }
    assert [held.lane for held in taken].count("gmail") == 1
    (left, *_) = lease(database, Want("email", 9))
    assert (left.broadcast_id, left.priority, left.urgent) == (ordinary, ORDINARY, False)


@pytest.mark.parametrize("finished", [False, True])
def test_outcomes_of_many_leases_are_told_at_once(database: Database, finished: bool) -> None:
    broadcast_id = city.frozen(database, 24, size=2)
    lost, *taken = lease(database, Want("email", 12))
    lease_again(database, lost)
    told = [Told(lost, [], finished)]
    for held in taken:
        with database.reading() as tx:
            ids = [member.delivery_id for member in ledger.members(tx, held.chunk_id)]
        told.append(Told(held, [(one, city.accepting(one)) for one in ids], finished))
    with database.writing() as tx:
        stale = recording.record_all(tx, told, Again(city.MAIL))
    assert stale == {(lost.chunk_id, lost.epoch)}
    rows = city.deliveries(database, broadcast_id)
    accepted = {row.id: row.reference for row in rows if row.state == "accepted"}
    assert accepted == {row.id: f"250 ok {row.id}" for row in rows if row.chunk_id != lost.chunk_id}
    states = {chunk.id: chunk.state for chunk in city.chunks(database, broadcast_id)}
    assert states.pop(lost.chunk_id) == "leased"
    assert set(states.values()) == {"done" if finished else "leased"}


def lease_again(database: Database, held: Lease) -> None:
    with database.writing() as tx:
        assert ledger.release(tx, held)
        assert ledger.lease(tx, "b", [Want("email", 1, held.lane)], MINUTE)


def test_thousands_that_are_ready_are_not_looked_at(database: Database) -> None:
    """Each lane's first ones by the queue's own index, without a sort; each delivery by its key."""
    broadcast_id = city.frozen(database, 8, size=2)
    with database.writing() as tx:
        board_id = tx.session.get_one(Broadcast, broadcast_id).board_id
        tx.session.execute(insert(Chunk), _thousands(tx, board_id, broadcast_id))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE chunks"))
    said: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        said.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    wants = [Want("email", 2), Want("email", 2, "gmail", urgent=True)]
    assert is_due(database, *wants)
    (first, *_) = lease(database, *wants)
    with database.writing() as tx:
        recording.record_all(tx, [Told(first, [(1, city.accepting(1))])], Again(city.MAIL))
    event.remove(database.engine, "before_cursor_execute", note)
    plans = {statement: _plan(database, statement, values) for statement, values in said}
    asked = [plan for statement, plan in plans.items() if "not_before <=" in statement]
    assert len(asked) >= 2
    assert all("ix_chunks_queue" in plan for plan in asked)
    assert not any("TEMP B-TREE" in plan or "Sort" in plan for plan in asked)
    (accepting,) = (
        plan for statement, plan in plans.items() if statement.startswith("UPDATE deliveries")
    )
    assert "INTEGER PRIMARY KEY" in accepting or "pk_deliveries" in accepting


def _plan(database: Database, statement: str, values: Any) -> str:
    """What stands for a statement of no plan (BEGIN) is empty."""
    if not statement.startswith(("SELECT", "UPDATE", "WITH")):
        return ""
    how = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            # As it is chosen where there are very many.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = connection.exec_driver_sql(how + statement, values)
        return "\n".join(str(row[-1]) for row in rows)


def _thousands(tx: Transaction, board_id: int, broadcast_id: int) -> list[dict[str, object]]:
    kind = {"channel": "email", "account": "email", "variant": "ja", "size": 1}
    times = {"not_before": tx.now, "deadline": tx.now + MINUTE}
    of = {"board_id": board_id, "broadcast_id": broadcast_id, "priority": ORDINARY}
    return [of | kind | times | {"lane": f"lane{number % 7}"} for number in range(3000)]
