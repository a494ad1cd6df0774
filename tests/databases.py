"""A fresh, migrated database for each test, on SQLite and on PostgreSQL.

`database` runs a test on both; `sqlite_database` on SQLite only, for what cannot differ.
Time stands still in `Clock` until a test moves it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import Database
from storage.migrate import upgrade
from storage.vault import Vault

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


@pytest.fixture
def postgresql_database(postgresql_url: str, clock: Clock) -> Iterator[Database]:
    database = Database(postgresql_url, VAULT, SECRET, clock)
    upgrade(database)
    yield database
    database.close()


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def database(request: pytest.FixtureRequest) -> Database:
    """The same test on both databases."""
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened
