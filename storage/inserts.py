"""Inserting a row that another transaction may be inserting at the same moment."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Transaction
from storage.tables import Table


def insert_if_new(tx: Transaction, table: type[Table], **values: Any) -> bool:
    """Insert a row unless one with its key is there; tell whether it was new.

    On PostgreSQL this waits for a transaction that is inserting the same key, so that
    whoever gets False finds the other's row.
    """
    tx.flush()
    name = tx.session.get_bind().dialect.name
    insert = sqlite.insert if name == "sqlite" else postgresql.insert
    statement = insert(table).values(**values).on_conflict_do_nothing()
    result = cast(CursorResult[Any], tx.session.execute(statement))
    return result.rowcount == 1
