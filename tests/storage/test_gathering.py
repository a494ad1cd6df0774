"""Many requests stored in one transaction: each is told the truth about its own."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from actions import boards
from channels.base import Incoming
from storage import inbox
from storage.database import Database
from storage.gathering import Gathering
from storage.tables import Inbox
from tests.databases import START


def _event(number: int) -> Incoming:
    return Incoming("line", "line", f"e{number}", f"U{number}", "text", START, text="はい")


@pytest.fixture
def gathering(database: Database) -> Gathering:
    with database.writing() as tx:
        board = boards.open_board(tx, "city", "市")
    return Gathering(database, board.id)


def _stored(database: Database) -> int:
    with database.reading() as tx:
        return tx.session.scalar(select(func.count()).select_from(Inbox)) or 0


def test_everything_brought_at_once_is_stored(database: Database, gathering: Gathering) -> None:
    threads = [
        threading.Thread(target=gathering.store, args=([_event(number)],)) for number in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _stored(database) == 30


def test_what_comes_twice_is_kept_once(database: Database, gathering: Gathering) -> None:
    gathering.store([_event(1), _event(1)])
    gathering.store([_event(1), _event(2)])
    assert _stored(database) == 2


@pytest.mark.parametrize("error", [OSError("no disk"), SystemExit(1)])
def test_nobody_is_told_of_storing_that_did_not_happen(
    database: Database,
    gathering: Gathering,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    inside, go = threading.Event(), threading.Event()

    def broken(*_: object) -> None:
        inside.set()
        go.wait(10)
        raise error

    told: list[str] = []

    def bring(number: int) -> None:
        try:
            gathering.store([_event(number)])
            told.append("stored")
        except BaseException as raised:
            told.append(type(raised).__name__)

    with monkeypatch.context() as patch:
        patch.setattr(inbox, "store_all", broken)
        first = threading.Thread(target=bring, args=(1,))
        first.start()
        assert inside.wait(10)
        go.set()
        first.join(10)
    assert told == [type(error).__name__]
    assert _stored(database) == 0
    bring(2)
    assert told[-1] == "stored"
    assert _stored(database) == 1
