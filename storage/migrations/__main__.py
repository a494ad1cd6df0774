"""Write a new version from what storage.tables says: `python -m storage.migrations "why"`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from storage.database import Database
from storage.migrate import MIGRATIONS, alembic_config, upgrade
from storage.vault import Vault


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'draft.db'}"
        database = Database(url, Vault({1: bytes(32)}, bytes(32)), bytes(32))
        upgrade(database)
        config = alembic_config()
        with database.engine.connect() as connection:
            config.attributes["connection"] = connection
            number = f"{len(list((MIGRATIONS / 'versions').glob('0*.py'))) + 1:04}"
            command.revision(config, message, autogenerate=True, rev_id=number)
        database.close()


if __name__ == "__main__":
    main(sys.argv[1])
