"""Rows as they lie in a database, whatever today's classes say of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData, select

from storage.database import Database

Rows = dict[str, list[dict[str, Any]]]


def rows(database: Database) -> Rows:
    """All that is in a database, by its tables."""
    with database.engine.connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in tables.sorted_tables
            if table.name != "alembic_version"
        }


class Release:
    """Writes into the tables as they are; all rows are of the one board, made at one moment."""

    def __init__(self, database: Database, then: datetime) -> None:
        self._database = database
        self._then = then
        self._tables = MetaData()
        self._tables.reflect(database.engine)

    def write(self, table: str, *rows: Mapping[str, object], **shared: object) -> None:
        columns = self._tables.tables[table].columns.keys()
        ours = {"board_id": 1, "created_at": self._then, "updated_at": self._then}
        given = {name: value for name, value in ours.items() if name in columns}
        with self._database.engine.begin() as connection:
            for row in rows or ({},):
                whole = {**given, **shared, **row}
                kept = {name: self._kept(value) for name, value in whole.items()}
                connection.execute(self._tables.tables[table].insert(), kept)

    def _kept(self, value: object) -> object:
        """SQLite has neither zones nor keys of this kind."""
        if isinstance(value, datetime) and self._database.is_sqlite:
            return value.replace(tzinfo=None)
        if isinstance(value, UUID) and self._database.is_sqlite:
            return value.hex
        return value


@dataclass(frozen=True)
class Upgraded:
    """A database at the newest schema, what was in it before, and where its journals lie.

    The tests go on with it, each with something else, in any order; `after` is how it was at first.
    """

    database: Database
    before: Rows
    after: Rows
    journals: Path
