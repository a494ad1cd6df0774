"""What the author and the approver are told of a monthly quota, and when it is refused."""

from __future__ import annotations

import pytest

from actions import boards, broadcasts, registration
from domain.cards import CardRef
from domain.roles import Actor
from storage import people, quotas
from storage.database import Database
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, told


@pytest.fixture
def city(database: Database) -> City:
    """Four families at LINE, one of which has mail as well; six in web chat."""
    made = scene.build(database)
    with database.writing() as tx:
        for number in range(4):
            line = people.contact_point(tx, made.board, "line", "line", f"U{number}")
            registration.register(tx, line.id, made.school, made.class_b, number + 1)
        (person,) = people.guardians_of(tx, line.id)
        box = people.contact_point(tx, made.board, "email", "email", "a@example.jp")
        people.link_contact(tx, person, box.id)
        people.link_contact(tx, person, line.id)
    return made


@pytest.fixture
def cast(database: Database, city: City) -> Cast:
    return scene.cast(database, city)


def known(database: Database, limit: int | None, used: int, *others: str) -> None:
    with database.writing() as tx:
        quotas.note(tx, "line", "line", limit, used)
        for account in others:
            quotas.note(tx, "line", account, None, 0)
        for name in ("email", "webchat"):
            quotas.note(tx, name, name, None, 0)


def chosen(database: Database, city: City, rule: str) -> None:
    with database.writing() as tx:
        boards.change_settings(tx, city.board, over_quota=rule)


def shown(database: Database, ref: CardRef) -> str:
    with database.reading() as tx:
        seen = broadcasts.preview(tx, ref.broadcast_id)
        return scene.in_japanese(broadcasts.preview_words(seen))


def submit(database: Database, actor: Actor, ref: CardRef) -> object:
    with database.writing() as tx:
        return broadcasts.submit(tx, actor, ref)


def test_the_author_and_the_approver_see_what_it_uses(
    database: Database, city: City, cast: Cast
) -> None:
    known(database, 200, 150)
    words = "LINE：この配信で4通を使います（今月の残りは50通）。"
    ref = scene.draft(database, city, cast.teacher)
    assert words in shown(database, ref)
    submit(database, cast.teacher, ref)
    assert words in told(database, city.contacts["principal"])[-1]


def test_some_are_kept_for_the_staffs_cards_and_reports(
    database: Database, city: City, cast: Cast
) -> None:
    known(database, 100, 94)
    words = shown(database, scene.draft(database, city, cast.teacher))
    assert "残りは6通" in words
    assert "残して" not in words
    known(database, 100, 96)
    words = shown(database, scene.draft(database, city, cast.teacher))
    assert "4通）。\nこのうち2通は、承認の依頼や結果のお知らせのために残して" in words
    assert "別の方法もない1人" in words or "1人にはメール" in words


@pytest.mark.parametrize(("limit", "used"), [(None, 10), (200, 0)])
def test_nothing_alarming_is_said_where_it_fits(
    database: Database, city: City, cast: Cast, limit: int | None, used: int
) -> None:
    known(database, limit, used)
    words = shown(database, scene.draft(database, city, cast.teacher))
    assert ("LINE" in words) == (limit is not None)
    assert "足り" not in words


def test_nothing_is_said_where_nothing_is_known(database: Database, city: City, cast: Cast) -> None:
    assert "LINE" not in shown(database, scene.draft(database, city, cast.teacher))


@pytest.mark.parametrize(
    ("rule", "left", "parts", "missing"),
    [
        ("mail", 3, ["1人にはメールなど"], ["別の方法もない"]),
        ("mail", 1, ["1人にはメールなど", "別の方法もない2人"], []),
        ("send", 1, ["残りを3通超えますが、そのまま送信"], ["メールなど"]),
        ("refuse", 1, ["残りが3通足りない"], ["メールなど"]),
    ],
)
def test_what_becomes_of_those_it_does_not_suffice_for(
    database: Database,
    city: City,
    cast: Cast,
    rule: str,
    left: int,
    parts: list[str],
    missing: list[str],
) -> None:
    known(database, left, 0)
    chosen(database, city, rule)
    words = shown(database, scene.draft(database, city, cast.teacher))
    assert all(part in words for part in parts), words
    assert not any(part in words for part in missing), words


def test_a_board_can_refuse_what_does_not_fit(database: Database, city: City, cast: Cast) -> None:
    known(database, 3, 0)
    chosen(database, city, "refuse")
    ref = scene.draft(database, city, cast.teacher)
    refused = submit(database, cast.teacher, ref)
    assert code(refused) == "over_quota"
    assert scene.row(database, ref).state == "draft"
    known(database, 4, 0)
    assert isinstance(submit(database, cast.teacher, ref), broadcasts.Submitted)
    # It shrank while it waited: what was let through is not refused any more.
    known(database, 3, 0)
    assert "1人にはメールなど" in shown(database, ref)


def test_of_several_accounts_each_is_named(database: Database, city: City, cast: Cast) -> None:
    known(database, 200, 0, "second")
    assert "LINE（line）：" in shown(database, scene.draft(database, city, cast.teacher))


def test_privacy_is_fixed_when_the_draft_is_saved(
    database: Database, city: City, cast: Cast
) -> None:
    before = scene.draft(database, city, cast.teacher)
    with database.writing() as tx:
        boards.change_settings(tx, city.board, privacy="headline")
    after = scene.draft(database, city, cast.teacher)
    assert before.mark != after.mark
    assert scene.row(database, before).options == {}
    assert scene.row(database, after).options == {"privacy": "headline"}
    assert "「本文を見る」のボタンだけ" in shown(database, after)
    assert "「本文を見る」のボタンだけ" not in shown(database, before)
    with database.writing() as tx:
        boards.change_settings(tx, city.board, privacy="full")
        kept = scene.content(city, options={"privacy": "headline"})
        broadcasts.save_draft(tx, cast.teacher, city.school, kept, (), after)
    assert scene.row(database, after).options == {}
