"""Writing and editing: who may, what is refused, and what an edit undoes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions import broadcasts
from domain.audience import CITY, Part
from domain.broadcasts import State
from domain.cards import CardRef
from domain.content import Content
from domain.images import PreparedImage
from domain.roles import Actor, Role
from storage import broadcasts as stored
from storage.database import Database
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, recorded
from tests.databases import START

IMAGE = PreparedImage(b"data", "image/png", 4, 3, b"preview", "5" * 64)


@pytest.fixture
def built(database: Database) -> tuple[City, Cast]:
    return scene.build_with_cast(database)


@pytest.fixture
def city(built: tuple[City, Cast]) -> City:
    return built[0]


@pytest.fixture
def cast(built: tuple[City, Cast]) -> Cast:
    return built[1]


def save(
    database: Database,
    actor: Actor,
    school_id: int | None,
    content: Content,
    images: tuple[int, ...] = (),
    editing: CardRef | None = None,
) -> object:
    with database.writing() as tx:
        return broadcasts.save_draft(tx, actor, school_id, content, images, editing)


def attach(database: Database, city: City, count: int = 1) -> tuple[int, ...]:
    with database.writing() as tx:
        return tuple(broadcasts.attach(tx, city.board, IMAGE) for _ in range(count))


def test_a_draft_survives_and_an_edit_is_a_new_version(
    database: Database, city: City, cast: Cast
) -> None:
    ref = scene.draft(database, city, cast.teacher)
    edited = scene.content(city, "遠足の中止", send_at=START + timedelta(hours=3))
    saved = save(database, cast.deputy, city.school, edited, (), ref)
    assert isinstance(saved, broadcasts.Saved)
    assert saved.ref.version == 2
    row = scene.row(database, ref)
    assert (row.state, row.subject) == (State.DRAFT, "遠足の中止")
    assert row.author_ids == sorted([cast.teacher.staff_id, cast.deputy.staff_id])
    with database.reading() as tx:
        assert stored.hash_now(tx, row) == row.content_hash
    verbs = [verb for _, verb, _ in recorded(database, city, f"broadcast:{ref.broadcast_id}")]
    assert verbs == ["edit", "edit"]


def test_images_are_kept_in_their_order_and_taken_off(
    database: Database, city: City, cast: Cast
) -> None:
    first, second = attach(database, city, 2)
    saved = save(database, cast.teacher, city.school, scene.content(city), (second, first))
    assert isinstance(saved, broadcasts.Saved)
    with database.reading() as tx:
        assert broadcasts.preview(tx, saved.ref.broadcast_id).picture_ids == (second, first)
    number = saved.ref.broadcast_id
    save(database, cast.teacher, city.school, scene.content(city), (first,), saved.ref)
    with database.reading() as tx:
        assert stored.attachment_ids(tx, number) == (first,)
        row = stored.broadcast(tx, number)
        assert stored.hash_now(tx, row) == row.content_hash


def test_images_that_cannot_be_used(database: Database, city: City, cast: Cast) -> None:
    five = attach(database, city, 5)
    content = scene.content(city)
    assert code(save(database, cast.teacher, city.school, content, five)) == "too_many_images"
    assert code(save(database, cast.teacher, city.school, content, (999,))) == "unknown_image"
    save(database, cast.teacher, city.school, content, five[:1])
    assert code(save(database, cast.teacher, city.school, content, five[:1])) == "unknown_image"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"subject": " \n "}, "no_subject"),
        ({"body": "\0"}, "no_body"),
        ({"subject": "長" * 201}, "long_subject"),
        ({"body": "長" * 20_001}, "long_body"),
        ({"audience": ()}, "wrong_audience"),
        ({"audience": (CITY,)}, "wrong_audience"),
        ({"audience": (Part("group", 9999),)}, "wrong_audience"),
    ],
)
def test_contents_that_are_refused(
    database: Database, city: City, cast: Cast, change: dict[str, object], refused: str
) -> None:
    content = scene.content(city, **change)  # type: ignore[arg-type]
    assert code(save(database, cast.teacher, city.school, content)) == refused
    me = f"staff:{cast.teacher.staff_id}"
    assert recorded(database, city, "broadcast:0") == [(me, "edit", refused)]


def test_who_may_not_write(database: Database, city: City, cast: Cast) -> None:
    with database.writing() as tx:
        centre = scene.add_staff(tx, city, "centre", Role.CENTRE, None)
        elsewhere = scene.add_staff(tx, city, "elsewhere", Role.OPERATOR, city.other_school)
    content = scene.content(city)
    for stranger in (centre, elsewhere):
        assert code(save(database, stranger, city.school, content)) == "not_allowed"
    to_city = scene.content(city, audience=(CITY,))
    assert code(save(database, cast.principal, None, to_city)) == "not_allowed"
    assert isinstance(save(database, centre, None, to_city), broadcasts.Saved)


def test_a_preview_says_who_gets_what_and_when(database: Database, city: City, cast: Cast) -> None:
    audience = (Part("group", city.class_a), Part("group", city.club))
    content = scene.content(city, audience=audience, send_at=START + timedelta(hours=21))
    saved = save(database, cast.teacher, city.school, content)
    assert isinstance(saved, broadcasts.Saved)
    with database.reading() as tx:
        shown = broadcasts.preview(tx, saved.ref.broadcast_id)
        words = scene.in_japanese(broadcasts.preview_words(shown))
    assert shown.families == 6
    for part in ("第一小学校", "1年1組、合唱部（6家庭）", "11月25日（水）7:00", "teacher", "行事"):
        assert part in words
