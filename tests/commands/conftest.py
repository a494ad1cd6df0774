"""Installations that are closed in the end, and a Telegram that knows their public address."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands.installed import PUBLIC, Installation
from tests.telegram_standin import TelegramStandin, telegram_standin

Install = Callable[..., Installation]


@pytest.fixture
def install(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Install]:
    """Makes an installation with these settings; of two in one test, both have one database."""
    made: list[Installation] = []
    shutil.copy(migrated_sqlite, tmp_path / "x.db")

    def one(**settings: str) -> Installation:
        made.append(Installation(tmp_path, **settings))
        return made[-1]

    yield one
    for each in made:
        each.house.close()


@pytest.fixture(scope="module")
def running_telegram() -> Iterator[TelegramStandin]:
    """Nothing listens where the public address leads to."""
    with telegram_standin(f"--map={PUBLIC}=http://127.0.0.1:9") as standin:
        yield standin
