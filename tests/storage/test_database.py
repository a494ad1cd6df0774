"""Transactions, times and the schema, on both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from storage.database import Database
from storage.migrate import current, is_current, newest, upgrade
from storage.tables import Board, Table
from tests.databases import START


def _add_board(database: Database, code: str, at: datetime = START) -> None:
    with database.writing() as tx:
        tx.session.add(Board(code=code, name="市", created_at=at))


def test_a_migrated_database_is_at_the_newest_schema(database: Database) -> None:
    assert current(database) == newest()
    upgrade(database)  # A second run changes nothing.
    assert is_current(database)


def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_a_transaction_commits_at_its_end(database: Database) -> None:
    _add_board(database, "koshigaya")
    with database.reading() as tx:
        assert [board.code for board in tx.session.query(Board)] == ["koshigaya"]


def test_an_exception_rolls_everything_back(database: Database) -> None:
    def fail_half_way() -> None:
        with database.writing() as tx:
            tx.session.add(Board(code="lost", name="市", created_at=START))
            tx.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with database.reading() as tx:
        assert tx.session.query(Board).count() == 0


def test_times_come_back_in_utc(database: Database) -> None:
    tokyo = timezone(timedelta(hours=9))
    _add_board(database, "zone", datetime(2026, 11, 24, 10, 0, tzinfo=tokyo))
    with database.reading() as tx:
        stored = tx.session.query(Board).one().created_at
    assert stored == START
    assert stored.tzinfo is UTC


def test_a_time_without_a_zone_is_a_bug(database: Database) -> None:
    with pytest.raises(Exception, match="aware"):
        _add_board(database, "naive", START.replace(tzinfo=None))


def test_a_transaction_reads_the_clock_once(database: Database) -> None:
    with database.reading() as tx:
        assert tx.now == START


def test_what_was_read_stays_readable_afterwards(database: Database) -> None:
    _add_board(database, "koshigaya")
    with database.reading() as tx:
        board = tx.session.query(Board).one()
    assert board.name == "市"
