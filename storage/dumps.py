"""Copying a whole database out, and putting a copy in the place of what is there.

SQLite by its own online backup, PostgreSQL by its own programs. Either way the copy is of one
moment, however much is written meanwhile, and what was there before a restore is kept aside.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psycopg
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.exc import SQLAlchemyError

from storage import postgresql_programs as postgresql
from storage.database import Database
from storage.tables import Broadcast, Guardian, School, Staff

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# What a disk or a database may raise; their words may quote rows, so that nobody is shown them.
ERRORS = (OSError, SQLAlchemyError, sqlite3.Error, psycopg.Error)


# The references that the database does not check itself (see storage.tables.AudienceMember).
_UNCHECKED = (
    ("audience_members", "broadcast_id", "broadcasts"),
    ("audience_members", "guardian_id", "guardians"),
    ("audience_ways", "broadcast_id", "broadcasts"),
    ("audience_ways", "guardian_id", "guardians"),
    ("deliveries", "broadcast_id", "broadcasts"),
    ("deliveries", "contact_point_id", "contact_points"),
)
_STRAY = (
    "SELECT 1 FROM {table} WHERE NOT EXISTS"
    " (SELECT 1 FROM {other} WHERE {other}.id = {table}.{column}) LIMIT 1"
)


class DumpBroken(Exception):
    """A copy of a database is not whole."""


class InUse(Exception):
    """Somebody works with the database that is to be replaced."""


def kind(database: Database) -> str:
    return SQLITE if database.is_sqlite else POSTGRESQL


def dump(database: Database, folder: Path) -> Path:
    """Copy the database into a file of this folder and look whether it is whole."""
    to = folder / f"database.{kind(database)}"
    if database.is_sqlite:
        _copy_file(_path(database), to)
    else:
        postgresql.dump(database.engine, to)
    return to


def _copy_file(path: Path, to: Path) -> None:
    """All pages in one step, under one read lock: writers go on in the WAL meanwhile."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
        _fold(target)
        look_through(target)


def _fold(connection: sqlite3.Connection) -> None:
    """Put what stands in a WAL into the one file; raises InUse if others have it open."""
    try:
        (mode,) = connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        raise InUse("the database is open in another process") from error
    if mode != "delete":
        raise InUse("the database is open in another process")


def look_through(connection: sqlite3.Connection) -> None:
    """Raises DumpBroken unless every page and every reference is sound."""
    try:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()
        strays = connection.execute("PRAGMA foreign_key_check").fetchone()
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in names}
        _refuse_strays(tables, lambda query: connection.execute(query).fetchone())
    except sqlite3.DatabaseError as error:
        raise DumpBroken("the copy is no database") from error
    if found != ("ok",) or strays is not None:
        raise DumpBroken("the copy is not whole")


def _refuse_strays(tables: Collection[str], ask: Callable[[str], object | None]) -> None:
    """Raises DumpBroken for a row that refers to one that is not there; old copies lack tables."""
    for table, column, other in _UNCHECKED:
        query = _STRAY.format(table=table, column=column, other=other)
        if table in tables and ask(query) is not None:
            raise DumpBroken(f"the copy is not whole: {table}.{column}")


def _look_through_loaded(engine: Engine) -> None:
    """PostgreSQL looks at all else while it loads."""
    tables = inspect(engine).get_table_names()
    with engine.connect() as connection:
        _refuse_strays(tables, lambda query: connection.execute(text(query)).first())


# What is there.


def holds_data(database: Database) -> bool:
    """Whether a restore would replace anything but a fresh, empty installation."""
    if database.is_sqlite and not _path(database).exists():
        return False
    try:
        if not inspect(database.engine).has_table(School.__tablename__):
            return False
        with database.reading() as tx:
            tables = (School, Staff, Guardian, Broadcast)
            return any(tx.session.scalar(select(func.count()).select_from(t)) for t in tables)
    except SQLAlchemyError:
        # What cannot be read may hold anything.
        return True


def refuse_if_in_use(database: Database) -> None:
    """Raises InUse; the database must not be used through `database` meanwhile."""
    database.close()
    if database.is_sqlite:
        _refuse_if_open(_path(database))
    elif others := postgresql.others(database.engine):
        raise InUse(f"{others} other connections to the database are open")


def _refuse_if_open(path: Path) -> None:
    if not path.exists():
        return
    # A file that is broken is restored over all the same.
    with (
        closing(sqlite3.connect(path, timeout=1)) as connection,
        suppress(sqlite3.DatabaseError),
    ):
        _fold(connection)


# Putting a copy in its place.


@contextmanager
def replaced(
    database: Database, copy: Path, at: datetime, open_at: Callable[[str], Database]
) -> Iterator[tuple[Database, str]]:
    """The copy as a database to be made ready, and where the old one is kept ("" if none was).

    It takes the old one's place when the block ends; if it raises, everything is as before.
    `open_at` opens a database at another address with the same keys.
    """
    database.close()
    stamp = f"{at:%Y%m%d%H%M%S}"
    if database.is_sqlite:
        with _file_replaced(_path(database), copy, stamp, open_at) as found:
            yield found
    else:
        with _schema_replaced(database, copy, stamp) as found:
            yield found


@contextmanager
def _file_replaced(
    path: Path, copy: Path, stamp: str, open_at: Callable[[str], Database]
) -> Iterator[tuple[Database, str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.restoring-{stamp}")
    aside = path.with_name(f"{path.name}.before-restore-{stamp}")
    try:
        shutil.copyfile(copy, draft)
        draft.chmod(0o600)
        with closing(sqlite3.connect(draft)) as connection:
            look_through(connection)
        restored = open_at(f"sqlite:///{draft}")
        try:
            yield restored, str(aside) if path.exists() else ""
        finally:
            restored.close()
        with closing(sqlite3.connect(draft)) as connection:
            _fold(connection)
            look_through(connection)
        _swap(path, draft, aside)
    finally:
        for left in path.parent.glob(f"{draft.name}*"):
            left.unlink()


def _swap(path: Path, draft: Path, aside: Path) -> None:
    """At every moment a whole database lies under its name."""
    _refuse_if_open(path)
    if path.exists():
        aside.hardlink_to(path)
    for ending in ("-wal", "-shm"):
        # Only a broken database still has them; a WAL must never meet another database's file.
        left = path.with_name(path.name + ending)
        if left.exists():
            left.rename(aside.with_name(aside.name + ending))
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _schema_replaced(database: Database, copy: Path, stamp: str) -> Iterator[tuple[Database, str]]:
    aside = f"before_restore_{stamp}"
    postgresql.set_aside(database.engine, aside)
    try:
        postgresql.load(database.engine, copy)
        _look_through_loaded(database.engine)
        yield database, f"schema {aside}"
    except BaseException:
        database.close()
        postgresql.put_back(database.engine, aside)
        raise


def _path(database: Database) -> Path:
    return Path(str(database.engine.url.database))
