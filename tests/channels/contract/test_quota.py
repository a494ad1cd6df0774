"""A provider's month is used up: people still get answers, and what is due to them comes along."""

from __future__ import annotations

import pytest

from domain.roles import Role
from storage import replies
from tests.channels.contract import stories
from tests.channels.contract.kit import photo
from tests.channels.contract.rig import Counts
from tests.channels.contract.stage import Actor, Stage


@pytest.fixture
def teacher(stage: Stage, counts: Counts) -> Actor:
    stage.town.families()
    return stage.staff(counts, 2, Role.OPERATOR, "山田花子")


@pytest.fixture
def principal(stage: Stage, counts: Counts) -> Actor:
    return stage.staff(counts, 3, Role.MANAGER, "佐藤一郎")


def waiting(stage: Stage, counts: Counts) -> int:
    with stage.database.reading() as tx:
        return replies.put_off_count(tx, counts.name)


def test_the_card_comes_with_whatever_the_principal_asks(
    stage: Stage, counts: Counts, teacher: Actor, principal: Actor
) -> None:
    counts.uses_up_quota()
    stories.composes_shortly(teacher)
    principal.looks()
    assert not principal.newest
    assert waiting(stage, counts) == 1
    principal.says("メニュー")
    first, *_, last = principal.newest
    assert stories.SUBJECT in first.text
    assert "何をしますか" in last.text
    assert waiting(stage, counts) == 0
    principal.taps("承認")
    principal.hears("承認しました")
    # So it is for the author, and nothing comes twice.
    teacher.looks()
    assert not teacher.newest
    teacher.says("メニュー")
    teacher.hears("佐藤一郎さんが承認しました", "何をしますか")
    teacher.says("メニュー")
    teacher.does_not_hear("承認しました")


def test_answers_go_on_however_much_waits(
    stage: Stage, counts: Counts, teacher: Actor, principal: Actor
) -> None:
    counts.uses_up_quota()
    for _ in range(6):
        stories.composes_shortly(teacher)
    assert waiting(stage, counts) == 6
    while waiting(stage, counts):
        before = waiting(stage, counts)
        principal.says("メニュー")
        principal.hears("承認をお願いします", "何をしますか")
        assert waiting(stage, counts) < before


def test_what_waited_comes_by_itself_once_there_is_quota(
    stage: Stage, counts: Counts, teacher: Actor, principal: Actor
) -> None:
    counts.uses_up_quota()
    stories.composes_shortly(teacher)
    counts.gets_quota()
    stage.passes(minutes=31)
    stage.goes_on()
    principal.looks()
    principal.hears(stories.SUBJECT)
    assert waiting(stage, counts) == 0


def test_a_preview_with_four_pictures_is_free(
    stage: Stage, counts: Counts, teacher: Actor, principal: Actor
) -> None:
    counts.uses_up_quota()
    teacher.says("作成", "行事の中止・変更", "学校全体", stories.SUBJECT, stories.BODY)
    for colour in ("red", "green", "blue", "white"):
        teacher.sends_picture(photo(colour))
    teacher.says("完了", "いますぐ")
    teacher.hears(stories.SUBJECT, stories.BODY)
    assert teacher.pictures == 4
    teacher.taps("承認を依頼")
    teacher.hears("承認を依頼しました")


def test_a_free_answer_that_was_throttled_is_still_free(
    stage: Stage, counts: Counts, teacher: Actor
) -> None:
    counts.uses_up_quota()
    counts.throttles()
    teacher.says("メニュー")
    assert not teacher.newest
    counts.recovers()
    stage.passes(seconds=5)
    stage.goes_on()
    teacher.looks()
    teacher.hears("何をしますか")
