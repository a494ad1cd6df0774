"""Whether a database is at the newest schema, told without loading what brings it there.

Each migration's file begins with its number, and numbers rise; a house test holds that.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect, text

from storage.database import Database

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def is_newest(database: Database) -> bool:
    newest = max(path.name.partition("_")[0] for path in _VERSIONS.glob("[0-9]*_*.py"))
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [newest]
