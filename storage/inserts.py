"""Inserting a row that another transaction may be inserting at the same moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import literal_column
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Transaction
from storage.tables import Table


def insert_if_new(tx: Transaction, table: type[Table], **values: Any) -> bool:
    """Insert a row unless one with its key is there; tell whether it was new.

    On PostgreSQL this waits for a transaction that is inserting the same key, so that
    whoever gets False finds the other's row.
    """
    tx.flush()
    on_sqlite = tx.session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert(table) if on_sqlite else postgresql.insert(table)
    statement = insert.values(**values).on_conflict_do_nothing()
    # A returned row tells it on both; the count of rows is not to be had on PostgreSQL.
    return tx.session.scalar(statement.returning(literal_column("1"))) is not None


def insert_all_new(tx: Transaction, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows with the same columns, passing over those whose key is there already."""
    on_sqlite = tx.session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert(table) if on_sqlite else postgresql.insert(table)
    tx.session.connection().execute(insert.on_conflict_do_nothing(), list(rows))
