"""The people of the scripts."""

from __future__ import annotations

import pytest

from domain.roles import Role
from storage.database import Database
from tests.databases import Clock
from tests.dialogues.kit import Bot, Person, Town


@pytest.fixture
def town(sqlite_database: Database, clock: Clock) -> Town:
    return Town(sqlite_database, clock).opens()


@pytest.fixture
def guardian(town: Town) -> Person:
    return town.person("guardian")


@pytest.fixture
def teacher(town: Town) -> Person:
    return town.staff("山田先生", Role.OPERATOR)


@pytest.fixture
def principal(town: Town) -> Person:
    return town.staff("校長", Role.MANAGER)


@pytest.fixture
def bot(guardian: Person) -> Bot:
    """What the guardian is answered."""
    return Bot(guardian)
