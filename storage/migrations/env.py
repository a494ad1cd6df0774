"""How Alembic runs our migrations: always over the connection that storage.migrate gives.

To write a new version: `python -m storage.migrations "what changes"`.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from storage.tables import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=False,
)
with context.begin_transaction():
    if connection.dialect.name == "sqlite":
        # The driver begins nothing by itself here (see storage.database).
        connection.execute(text("BEGIN IMMEDIATE"))
    else:
        # Two programs starting at once must not migrate at once; the key is arbitrary.
        connection.execute(text("SELECT pg_advisory_xact_lock(20121025)"))
    context.run_migrations()
connection.commit()
