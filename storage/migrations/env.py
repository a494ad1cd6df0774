"""How Alembic runs our migrations: always over the connection that storage.migrate gives.

To write a new version: `python -m storage.migrations "what changes"`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, text

from storage.tables import Table


@contextmanager
def _references_checked_last(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, so meanwhile nothing stands where rows refer to.

    Its checks can be turned off outside a transaction only; what they would have said is asked
    for before the commit.
    """
    _outside(connection, "PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()
        _outside(connection, "PRAGMA foreign_keys=ON")


def _outside(connection: Connection, pragma: str) -> None:
    connection.execute(text(pragma))
    connection.commit()


def _migrate_sqlite(connection: Connection) -> None:
    with _references_checked_last(connection):
        with context.begin_transaction():
            # The driver begins nothing by itself here (see storage.database).
            connection.execute(text("BEGIN IMMEDIATE"))
            context.run_migrations()
        lost = connection.execute(text("PRAGMA foreign_key_check")).all()
        if lost:
            raise LookupError(f"after migrating, rows refer to what is not there: {lost[:5]}")
        connection.commit()


def _migrate_postgresql(connection: Connection) -> None:
    with context.begin_transaction():
        # Two programs starting at once must not migrate at once; the key is arbitrary.
        connection.execute(text("SELECT pg_advisory_xact_lock(20121025)"))
        context.run_migrations()
    connection.commit()


_connection: Connection = context.config.attributes["connection"]
_is_sqlite = _connection.dialect.name == "sqlite"
context.configure(
    connection=_connection,
    target_metadata=Table.metadata,
    render_as_batch=_is_sqlite,
    transaction_per_migration=False,
)
if _is_sqlite:
    _migrate_sqlite(_connection)
else:
    _migrate_postgresql(_connection)
