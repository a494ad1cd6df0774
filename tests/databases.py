"""A fresh, migrated database for each test, on SQLite and on PostgreSQL.

`database` runs a test on both; `sqlite_database` on SQLite only, for what cannot differ.
Time stands still in `Clock` until a test moves it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import sql
from sqlalchemy import make_url, text

from storage.database import Database
from storage.migrate import upgrade
from storage.tables import Table
from storage.vault import Vault
from tests import needs

SECRET = b"a secret of the tests, 32 bytes."
VAULT = Vault({1: b"k" * 32}, b"i" * 32)
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # Tuesday, 10:00 in Tokyo


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite file at the newest schema: copied, because migrating takes longer."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    database = Database(f"sqlite:///{path}", VAULT, SECRET)
    upgrade(database)
    database.close()
    return path


@pytest.fixture
def sqlite_database(migrated_sqlite: Path, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    path = tmp_path / "renrakumo.db"
    shutil.copy(migrated_sqlite, path)
    database = Database(f"sqlite:///{path}", VAULT, SECRET, clock)
    yield database
    database.close()


@pytest.fixture(scope="session")
def migrated_postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL database at the newest schema, one for each test process.

    Making one for each test would take a second and more; emptying it takes a few
    milliseconds. Nothing here outlives the tests, so commits need not wait for the disk.
    """
    name = f"renrakumo_test_{os.getpid()}"
    with needs.connect_postgresql() as connection:
        connection.execute(_sql("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C'", name))
        connection.execute(_sql("ALTER DATABASE {} SET synchronous_commit = off", name))
        url = needs.postgresql_server().set(database=name)
        database = Database(url.render_as_string(hide_password=False), VAULT, SECRET)
        upgrade(database)
        database.close()
        yield database.url
        connection.execute(_sql("DROP DATABASE {} WITH (FORCE)", name))


@pytest.fixture
def postgresql_database(migrated_postgresql: str, clock: Clock) -> Iterator[Database]:
    database = Database(migrated_postgresql, VAULT, SECRET, clock)
    yield database
    _empty(database)
    database.close()


def _empty(database: Database) -> None:
    """Delete every row and start all counters anew, ending what a test left open."""
    with needs.connect_postgresql() as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [make_url(database.url).database],
        )
    database.engine.dispose()
    with database.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in Table.metadata.sorted_tables:
            connection.execute(table.delete())
        sequences = "SELECT setval(c.oid::regclass, 1, false) FROM pg_class c WHERE relkind = 'S'"
        connection.execute(text(sequences))


def _sql(statement: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases."""
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened
