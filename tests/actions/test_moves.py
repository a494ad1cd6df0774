"""What storage changes by itself: states only by the table of moves, and loose images."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from actions import broadcasts
from domain.broadcasts import State, Verb, next_state
from domain.images import PreparedImage
from storage import broadcasts as stored
from storage import freezing
from storage.database import Database
from storage.tables import Attachment
from tests.actions import city as scene
from tests.actions.city import Cast, City
from tests.databases import START, Clock

IMAGE = PreparedImage(b"data", "image/png", 4, 3, b"preview", "5" * 64)


@pytest.fixture
def built(sqlite_database: Database) -> tuple[City, Cast]:
    return scene.build_with_cast(sqlite_database)


@pytest.fixture
def city(built: tuple[City, Cast]) -> City:
    return built[0]


@pytest.fixture
def cast(built: tuple[City, Cast]) -> Cast:
    return built[1]


@pytest.mark.parametrize("state", [s for s in State if next_state(s, Verb.OUTGROW) is None])
def test_an_audience_only_outgrows_where_the_table_says_so(
    sqlite_database: Database, city: City, cast: Cast, state: State
) -> None:
    row = in_state(sqlite_database, city, cast, state)
    with sqlite_database.writing() as tx, pytest.raises(ValueError, match="outgrow"):
        stored.ask_again(tx, stored.broadcast(tx, row), 12)


@pytest.mark.parametrize("state", [s for s in State if next_state(s, Verb.START) is None])
def test_sending_only_starts_where_the_table_says_so(
    sqlite_database: Database, city: City, cast: Cast, state: State
) -> None:
    row = in_state(sqlite_database, city, cast, state)
    with sqlite_database.writing() as tx, pytest.raises(ValueError, match="start"):
        freezing.start(tx, stored.broadcast(tx, row))


@pytest.mark.parametrize("state", [s for s in State if next_state(s, Verb.EDIT) is None])
def test_text_only_changes_where_the_table_says_so(
    sqlite_database: Database, city: City, cast: Cast, state: State
) -> None:
    row = in_state(sqlite_database, city, cast, state)
    changed = scene.content(city, "遠足の中止")
    with sqlite_database.writing() as tx, pytest.raises(ValueError, match="edit"):
        stored.rewrite(tx, stored.broadcast(tx, row), cast.teacher.staff_id, changed)


def in_state(database: Database, city: City, cast: Cast, state: State) -> int:
    ref = scene.draft(database, city, cast.teacher)
    with database.writing() as tx:
        stored.broadcast(tx, ref.broadcast_id).state = state.value
    return ref.broadcast_id


def test_loose_images_are_erased_after_a_time(
    sqlite_database: Database, city: City, cast: Cast, clock: Clock
) -> None:
    with sqlite_database.writing() as tx:
        taken_up, _ = (broadcasts.attach(tx, city.board, IMAGE) for _ in range(2))
        wanted = scene.content(city)
        broadcasts.save_draft(tx, cast.teacher, city.school, wanted, (taken_up,))
    clock.forward(days=1)
    with sqlite_database.writing() as tx:
        newer = broadcasts.attach(tx, city.board, IMAGE)
        assert stored.erase_loose_attachments(tx, START) == 0
        assert stored.erase_loose_attachments(tx, START + timedelta(hours=1)) == 1
        left = tx.session.scalars(select(Attachment.id)).all()
    assert set(left) == {taken_up, newer}
