"""An installation of the previous release, brought to today's schema once for each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from psycopg import sql

from storage import migrate
from storage.database import Database
from tests import needs
from tests.databases import SECRET, VAULT
from tests.house import previous, sealed
from tests.house.rows import Upgraded, rows

_NOW = previous.THEN + timedelta(minutes=5)


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('upgrade')}/previous.db"


@pytest.fixture(scope="module")
def on_postgresql() -> Iterator[str]:
    name = f"renrakumo_upgrade_{os.getpid()}"
    with needs.connect_postgresql() as server:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C'")
        server.execute(made.format(sql.Identifier(name)))
        url = needs.postgresql_server().set(database=name)
        yield url.render_as_string(hide_password=False)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))],
)
def upgraded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgraded]:
    url: str = request.getfixturevalue(f"on_{request.param}")
    journals = tmp_path_factory.mktemp("journals")
    with closing(Database(url, VAULT, SECRET, lambda: _NOW)) as database:
        _install_previous(database, journals / "dead.journal")
        before = rows(database)
        migrate.upgrade(database)
        assert migrate.is_current(database)
        yield Upgraded(database, before, rows(database), journals)


def _install_previous(database: Database, journal_path: Path) -> None:
    config = migrate.alembic_config()
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, previous.SCHEMA)
    assert migrate.current(database) == previous.SCHEMA
    journal_path.write_bytes(sealed.JOURNAL)
    previous.fill(database, journal_path)
