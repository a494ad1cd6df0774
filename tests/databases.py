"""A fresh, migrated database for each test, on SQLite and on PostgreSQL.

`database` runs a test on both; `sqlite_database` on SQLite only, for what cannot differ.
Time stands still in `Clock` until a test moves it. What many tests begin with is `prepared`.
"""

from __future__ import annotations

import copy
import functools
import os
import shutil
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString, TypeVar

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine, event, make_url, select, text
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

import storage.database
from commands.house import House
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


@pytest.fixture(scope="session")
def kept_postgresql(migrated_postgresql: str) -> Iterator[KeptPostgresql]:
    """That database with connections that outlast a test, because opening one takes longer."""
    kept = KeptPostgresql(migrated_postgresql)
    yield kept
    kept.close()


@pytest.fixture
def postgresql_database(kept_postgresql: KeptPostgresql, clock: Clock) -> Iterator[Database]:
    database = Database(kept_postgresql.url, VAULT, SECRET, clock)
    database.engine = kept_postgresql.engine
    yield database
    kept_postgresql.empties()


class KeptPostgresql:
    """An engine for all tests of a process, and how everything that a test left is put away."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = storage.database._engine(url)
        self._ours: set[int] = set()
        event.listen(self.engine, "connect", self._keep)
        dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._beside = psycopg.connect(dsn, autocommit=True)
        self._beside.execute("SET session_replication_role = replica")
        self._beside.execute(_EMPTYING.encode())

    def _keep(self, connection: Any, _record: object) -> None:
        self._ours.add(connection.info.backend_pid)

    def empties(self) -> None:
        """Delete every row and start all counters anew, ending what a test left open."""
        if self._beside.execute(_END_OTHERS, [list(self._ours)]).fetchall():
            self.engine.dispose()
        self._beside.execute("SELECT pg_temp.empty_all()")

    def close(self) -> None:
        self.engine.dispose()
        self._beside.close()


# Whoever is in the middle of something, and whoever opened connections of their own.
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
AND (state <> 'idle' OR pid <> ALL (%s))
"""
# A function, because its plans are kept; most tables are empty, and looking takes less.
_EMPTYING = f"""
CREATE FUNCTION pg_temp.empty_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    {
    "".join(
        f"IF EXISTS (SELECT FROM {table.name}) THEN DELETE FROM {table.name}; END IF;"
        for table in Table.metadata.sorted_tables
    )
}
    PERFORM setval(seqrelid::regclass, 1, false) FROM pg_sequence
    WHERE pg_sequence_last_value(seqrelid) IS NOT NULL;
END $$
"""


# What tests begin with.

Made = TypeVar("Made")


@dataclass(frozen=True)
class _Kept:
    """What making something left: its answer, all rows, and where the counters stand."""

    made: Any
    rows: list[tuple[Any, list[dict[str, Any]]]]
    counters: list[tuple[str, int]]


_kept: dict[tuple[object, ...], _Kept] = {}


def prepared(database: Database, name: object, make: Callable[[], Made]) -> Made:
    """What `make` puts into an empty database and answers, made once for each name and moment.

    Every other time its rows are put back as they were, which takes a tenth of the time.
    """
    key = (name, database.is_sqlite, database.clock())
    kept = _kept.get(key)
    with database.engine.begin() as connection:
        if kept is not None:
            _put_back(connection, kept)
            return copy.deepcopy(kept.made)  # type: ignore[no-any-return]
    made = make()
    with database.engine.begin() as connection:
        _kept[key] = _Kept(copy.deepcopy(made), _rows(connection), _counters(connection))
    return made


def _rows(connection: Connection) -> list[tuple[Any, list[dict[str, Any]]]]:
    found = [
        (table, connection.execute(select(table).order_by(*table.primary_key.columns)))
        for table in Table.metadata.sorted_tables
    ]
    return [(table, rows) for table, each in found if (rows := [dict(r) for r in each.mappings()])]


def _counters(connection: Connection) -> list[tuple[str, int]]:
    """SQLite goes on from the highest row there is."""
    if connection.dialect.name == "sqlite":
        return []
    query = "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
    return [(row[0], row[1]) for row in connection.execute(text(query))]


def _put_back(connection: Connection, kept: _Kept) -> None:
    for table, rows in kept.rows:
        connection.execute(table.insert(), rows)
    if kept.counters:
        statement = text("SELECT setval(cast(:name AS regclass), :value)")
        for name, value in kept.counters:
            connection.execute(statement, {"name": name, "value": value})


# Speed.


@pytest.fixture(scope="session", autouse=True)
def one_memory_of_statements() -> Iterator[None]:
    """Let all engines of a kind share what SQLAlchemy has compiled.

    A test opens a database of its own, some open theirs anew after every step, and each would
    compile the same statements again: a quarter of all the time that tests take.
    """
    statements: LRUCache[Any, Any] = LRUCache(2000)
    open_engine = storage.database._engine

    def _engine(url: str) -> Engine:
        engine = open_engine(url)
        engine._compiled_cache = statements
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _do_not_wait_for_the_disk)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage.database, "_engine", _engine)
        for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
            # A part of the key under which a statement is kept.
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other))
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_memory_of_authorities() -> Iterator[None]:
    """Let all clients that trust one file of certificates read it once; it takes 20 ms."""
    make = ssl.create_default_context
    read = functools.cache(lambda file: make(cafile=file))

    def create(*args: Any, **options: Any) -> ssl.SSLContext:
        wants_file_only = not args and options.keys() == {"cafile"} and options["cafile"]
        context: ssl.SSLContext = (
            read(options["cafile"]) if wants_file_only else make(*args, **options)
        )
        return context

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", create)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_migration_for_all_houses(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let an installation that is new begin with the empty file that was migrated once.

    Programs that are started migrate theirs for real, and so does what calls storage.migrate.
    """

    prepare = House.prepare

    def prepare_copy(house: House) -> None:
        if house.database.is_sqlite:
            with closing(sqlite3.connect(str(make_url(house.database.url).database))) as there:
                if not there.execute("SELECT * FROM sqlite_master").fetchone():
                    empty: Path = request.getfixturevalue("migrated_sqlite")
                    with closing(sqlite3.connect(empty)) as here:
                        here.backup(there)
        prepare(house)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(House, "prepare", prepare_copy)
        yield


def _do_not_wait_for_the_disk(connection: Any, _record: object) -> None:
    """What is written here need not outlive a power cut; processes of their own do wait."""
    connection.execute("PRAGMA synchronous=OFF")


def _sql(statement: LiteralString, *names: str) -> sql.Composed:
    return sql.SQL(statement).format(*map(sql.Identifier, names))


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases."""
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened
