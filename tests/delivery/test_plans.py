"""What the ticks and the watch ask goes by an index where a city has very many rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import event

from delivery import schedule
from delivery.freeze import freeze
from delivery.troubles import signs_of
from storage import attempts, people
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.tables import Admission, Broadcast, Chunk, Delivery, Inbox, Reply, School
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import MAIL
from tests.delivery.test_ticks import _copy, cases

BULK = 6000
LARGE = ("deliveries", "replies", "inbox", "audience_members", "chunks", "admissions")


def test_no_statement_of_tick_and_watch_reads_a_large_table_whole(
    database: Database, clock: Clock
) -> None:
    with database.writing() as tx:
        _fill(tx, cases(tx, 20))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    said = _statements(database)
    assert len(said) > 25
    whole = [
        (table, line, statement)
        for statement, values in said
        for line in _plan(database, statement, values)
        for table in LARGE
        if _reads_whole(line, table)
    ]
    assert whole == []


def _statements(database: Database) -> list[tuple[str, Any]]:
    said: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            said.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", note)
    schedule.tick(database, MAIL)
    signs_of(database, [])
    event.remove(database.engine, "before_cursor_execute", note)
    return said


def _plan(database: Database, statement: str, values: Any) -> list[str]:
    how = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.engine.connect() as connection:
        return [str(row[-1]) for row in connection.exec_driver_sql(how + statement, values)]


def _reads_whole(line: str, table: str) -> bool:
    """Of an index too: of a partial one only what it holds."""
    words = line.split()
    if "Seq Scan on" in line:
        return words[words.index("on") + 1] == table
    few = ("ix_inbox_open", "ix_admissions_failed", "ix_admissions_decided")
    is_partial = any(name in line for name in few)
    return words[:2] == ["SCAN", table] and not is_partial


def _fill(tx: Transaction, board_id: int) -> None:
    """A year of a city: nearly all is done, and browsers have not fetched everything."""

    def add(table: Any, rows: list[dict[str, Any]]) -> None:
        tx.session.execute(table.__table__.insert(), rows)

    numbers = range(1, BULK + 1)
    points = [
        people.contact_point(tx, board_id, channel, channel, f"p{number}").id
        for number in range(20)
        for channel in ("email", "webchat")
    ]
    one = tx.session.query(Broadcast).first()
    school = tx.session.query(School).first()
    assert one is not None
    assert school is not None
    board = {"board_id": board_id}
    broadcasts = [_copy(tx, one).id for _ in range(BULK // 40)]
    ever, century = tx.now - timedelta(days=90), tx.now + timedelta(days=36500)
    times = {"created_at": ever, "not_before": ever}
    add(
        Reply,
        [
            board
            | times
            | {"contact_point_id": points[n % 40], "payload_cipher": b"", "tries": 1}
            | ({"state": "new", "not_before": century} if n % 40 == 1 else {"state": "done"})
            for n in numbers
        ],
    )
    add(
        Inbox,
        [
            board
            | {"channel": "line", "account": "line", "event_id": str(n), "sender_index": b"x"}
            | {"state": "parked" if n % 1000 == 0 else "done", "at": ever, "received_at": ever}
            | {"tries": 0}
            for n in numbers
        ],
    )
    add(
        Chunk,
        [
            board
            | {"broadcast_id": broadcasts[n % len(broadcasts)], "channel": "email", "lane": "x"}
            | {"account": "email", "variant": "ja", "priority": 5, "size": 100, "epoch": 1}
            | {"state": "placed" if n % 20 == 0 else "done"}
            | {"not_before": ever, "deadline": century}
            for n in numbers
        ],
    )
    add(
        Delivery,
        [
            board
            | {"broadcast_id": broadcasts[n // 40 % len(broadcasts)], "chunk_id": n}
            | {"contact_point_id": points[n % 40], "state": "accepted", "settled_at": ever}
            for n in range(BULK - 1)
        ],
    )
    add(
        Admission,
        [
            board
            | {"school_id": school.id, "contact_point_id": points[n % 40], "asked_at": tx.now}
            | {"state": "waiting" if n % 3 == 0 else "admitted"}
            for n in numbers
        ],
    )
    attempts.add(tx, board_id, f"told:admissions:{school.id}")


def test_freezing_looks_at_nobody_else_and_at_nobody_twice(sqlite_database: Database) -> None:
    """Each statement goes by keys, and none makes an index for itself."""
    with sqlite_database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 40))
    plans: dict[str, list[str]] = {}

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith(("INSERT", "SELECT", "UPDATE")) and values not in ((), []):
            cursor = connection.connection.cursor()
            rows = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans[statement] = [row[-1] for row in rows]

    event.listen(sqlite_database.engine, "before_cursor_execute", explain)
    with sqlite_database.writing() as tx:
        assert isinstance(freeze(tx, broadcast_id, MAIL), Frozen)
    event.remove(sqlite_database.engine, "before_cursor_execute", explain)
    lines = [line for plan in plans.values() for line in plan]
    people = ("contact_points", "guardians", "guardian_contacts")
    assert not [line for line in lines if line.split()[:2] in [["SCAN", t] for t in people]]
    assert not [line for line in lines if "AUTOMATIC" in line or _reads_whole(line, "deliveries")]
    (filling,) = (plan for said, plan in plans.items() if said.startswith("INSERT INTO deliveries"))
    assert filling[-1].startswith("SEARCH points_being_frozen USING INTEGER PRIMARY KEY")
