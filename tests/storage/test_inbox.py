"""The inbox: what is kept of an event, and whose turn is next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select, text

from actions import boards
from channels.base import Incoming
from storage import inbox
from storage.database import Database, Transaction
from storage.tables import Inbox
from tests.databases import START, Clock

MANY = 10_000


@pytest.fixture
def board_id(database: Database) -> int:
    with database.writing() as tx:
        return boards.open_board(tx, "city", "City").id


def said(event_id: str, seconds: float = 0, sender: str = "a", **more: object) -> Incoming:
    at = START + timedelta(seconds=seconds)
    return replace(Incoming("line", "line", event_id, sender, "text", at), **more)  # type: ignore[arg-type]


def keep(database: Database, board_id: int, *arrivals: Incoming) -> None:
    with database.writing() as tx:
        inbox.store_all(tx, board_id, arrivals)


def heads(tx: Transaction, most: int = 9) -> list[str]:
    claimed = [sealed.id for sealed in inbox.claim_heads(tx, most)]
    rows = tx.session.scalars(select(Inbox).where(Inbox.id.in_(claimed)).order_by(Inbox.id))
    return [row.event_id for row in rows]


def test_everything_that_was_parsed_is_kept(database: Database, board_id: int) -> None:
    arrival = said(
        "e",
        5,
        text="花子",
        token="t",
        picture=b"\0\xff",
        media="m",
        answer_token="r",
        raw=b"{}\xff",
    )
    keep(database, board_id, arrival)
    with database.reading() as tx:
        item = inbox.read(tx, 1)
        row = tx.session.get_one(Inbox, 1)
    names = ("channel", "account", "sender", "kind", "at", "text", "token", "picture", "media")
    for name in (*names, "answer_token", "raw"):
        assert getattr(item, name) == getattr(arrival, name), name
    assert item.received_at == START
    assert "花子" not in repr(row.__dict__)


def test_an_item_of_an_earlier_version_can_be_read(database: Database, board_id: int) -> None:
    keep(database, board_id, said("e"))
    with database.writing() as tx:
        old = {"sender": "a", "kind": "text", "text": "x", "token": "", "picture": ""}
        row = tx.session.get_one(Inbox, 1)
        row.payload_cipher = tx.vault.seal_json(old, "inbox.payload")
    with database.reading() as tx:
        item = inbox.read(tx, 1)
    assert (item.text, item.media, item.answer_token, item.raw) == ("x", "", "", b"")


@pytest.mark.parametrize("event_id", ["x" * 201, "a\0b", "\ud83d", "長" * 300])
def test_an_event_id_that_does_not_fit_is_still_one(
    database: Database, board_id: int, event_id: str
) -> None:
    for _ in range(2):
        keep(database, board_id, said(event_id, text="\ud83d", sender="\udc00"))
    with database.reading() as tx:
        assert inbox.count(tx, "new") == 1
        assert inbox.read(tx, 1).text == "?"


def test_one_persons_items_by_the_providers_times(database: Database, board_id: int) -> None:
    arrivals = [said("third", 3), said("first", 1), said("other", 9, "b"), said("second", 2)]
    for arrival in arrivals:
        keep(database, board_id, arrival)
    taken: list[list[str]] = []
    for _ in range(3):
        with database.writing() as tx:
            claimed = inbox.claim_heads(tx, 9)
            taken.append([tx.session.get_one(Inbox, sealed.id).event_id for sealed in claimed])
            inbox.finish(tx, [sealed.id for sealed in claimed])
    assert taken == [["first", "other"], ["second"], ["third"]]


def test_what_nobody_sent_waits_for_nothing(database: Database, board_id: int) -> None:
    keep(database, board_id, *(said(str(number), sender="") for number in range(3)))
    with database.writing() as tx:
        assert heads(tx) == ["0", "1", "2"]


def test_nothing_of_a_sender_is_taken_while_one_is_in_hand(
    database: Database, board_id: int, clock: Clock
) -> None:
    keep(database, board_id, said("in hand", 5))
    with database.writing() as tx:
        assert inbox.hold(tx, 1) == 1
    keep(database, board_id, said("earlier", 1), said("later", 9))
    with database.writing() as tx:
        assert heads(tx) == []
        inbox.hold_back(tx, 1, timedelta(seconds=5))
    clock.forward(seconds=4)
    with database.writing() as tx:
        assert heads(tx) == []
        assert not inbox.is_waiting(tx) or heads(tx) == []
    clock.forward(seconds=1)
    with database.writing() as tx:
        assert heads(tx) == ["earlier"]


def test_what_was_set_aside_is_not_finished(database: Database, board_id: int) -> None:
    keep(database, board_id, said("e"), said("f", sender="b"))
    with database.writing() as tx:
        assert inbox.park(tx, 1) == board_id
        inbox.finish(tx, [1, 2])
    with database.reading() as tx:
        assert (inbox.count(tx, "parked"), inbox.count(tx, "done")) == (1, 1)
        assert inbox.sender_of(tx, 1) == ("line", "line", "a")
        assert inbox.sender_of(tx, 2) is None


def test_ten_thousand_waiting_rows_are_not_read_one_by_one(
    sqlite_database: Database, clock: Clock
) -> None:
    """Every person is looked up by index; and no more rows are looked at than are taken."""
    plans: list[list[str]] = []
    with sqlite_database.writing() as tx:
        board_id = boards.open_board(tx, "city", "City").id
        tx.session.execute(insert(Inbox), [_row(board_id, number) for number in range(MANY)])

    def explain(conn: object, cursor: object, statement: str, given: object, *_: object) -> None:
        if statement.startswith("SELECT"):
            raw = sqlite_database.engine.raw_connection()
            rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall()
            plans.append([row[3] for row in rows])
            raw.close()

    event.listen(sqlite_database.engine, "before_cursor_execute", explain)
    with sqlite_database.reading() as tx:
        assert inbox.is_waiting(tx)
        assert [sealed.id for sealed in inbox.claim_heads(tx, 25)] == list(range(1, 51, 2))
    event.remove(sqlite_database.engine, "before_cursor_execute", explain)
    steps = [step for plan in plans for step in plan]
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps
    assert any("sender_index=? AND state=?" in step for step in steps), steps
    with sqlite_database.reading() as tx:
        assert tx.session.scalar(text("SELECT count(*) FROM inbox")) == MANY


def _row(board_id: int, number: int) -> dict[str, object]:
    """Two for each of 5,000 people, one after the other."""
    return {
        "board_id": board_id,
        "channel": "line",
        "account": "line",
        "event_id": str(number),
        "sender_index": str(number // 2).encode(),
        "payload_cipher": b"x",
        "state": "new",
        "tries": 0,
        "at": START,
        "received_at": START,
    }
