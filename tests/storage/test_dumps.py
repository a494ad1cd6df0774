"""A copy is whole only if nothing in it refers to what is not there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine, text

from storage import dumps
from storage.database import Database
from tests.delivery import city

WIRE = import_module("storage.migrations.versions.0004_the_wire")


@pytest.mark.parametrize(
    ("table", "column"),
    [(table, column) for table, columns in WIRE.UNCHECKED.items() for column in columns],
)
def test_what_the_database_does_not_check_itself(
    database: Database, tmp_path: Path, table: str, column: str
) -> None:
    city.frozen(database, 2)
    with database.writing() as tx:
        tx.session.execute(
            text("INSERT INTO audience_ways SELECT 1, guardian_id, 1, 1 FROM audience_members")
        )
    _look_through(database, tmp_path)
    with database.writing() as tx:
        one = f"WHERE {column} = (SELECT min({column}) FROM {table})"
        tx.session.execute(text(f"UPDATE {table} SET {column} = 10000000 {one}"))
    with pytest.raises(dumps.DumpBroken):
        _look_through(database, tmp_path)


def _look_through(database: Database, folder: Path) -> None:
    if database.is_sqlite:
        dumps.dump(database, folder)
    else:
        dumps._look_through_loaded(database.engine)


def test_a_copy_of_an_old_release_lacks_tables() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE broadcasts (id INTEGER PRIMARY KEY)")
        dumps.look_through(connection)


def test_an_upgrade_that_fails_leaves_no_schema_writable() -> None:
    with create_engine("sqlite://").connect() as connection:
        for table in WIRE.UNCHECKED:
            connection.execute(text(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY)"))
        context = MigrationContext.configure(connection)
        with Operations.context(context), pytest.raises(LookupError):
            WIRE._refer_unchecked()
        assert connection.scalar(text("PRAGMA writable_schema")) == 0
