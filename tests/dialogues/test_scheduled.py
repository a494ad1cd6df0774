"""予約一覧, the validity of a broadcast, and undoing an approval."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions import broadcasts
from domain.content import wants_confirmation
from domain.roles import Role
from domain.speech import render
from storage import boards, freezing
from storage import broadcasts as stored
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import ASKED, composes, the_broadcast

TOMORROW = (*ASKED, "運動会は中止です", "雨のため中止します。", "なし", "明日7:00")


@pytest.fixture
def scheduled(town: Town, teacher: Person, principal: Person) -> int:
    """A broadcast that is approved for tomorrow."""
    town.families()
    composes(teacher, *TOMORROW)
    teacher.taps("承認を依頼")
    principal.taps("承認")
    return the_broadcast(town).id


@pytest.mark.usefixtures("scheduled")
def test_what_is_scheduled_is_listed_shown_and_called_off(
    town: Town, teacher: Person, principal: Person
) -> None:
    bot = Bot(teacher)
    teacher.says("予約一覧")
    bot.answers("予約は1件です", "7:00 運動会は中止です")
    teacher.says("1")
    bot.answers("雨のため中止します。", "全校（第一小学校）", "変更する", "取り消す")
    teacher.says("取り消す")
    bot.answers("よろしいですか")
    teacher.says("はい")
    assert the_broadcast(town).state == "cancelled"
    principal.listens()
    Bot(principal).answers("取り消しました")
    teacher.says("/scheduled")
    bot.answers("予約されている連絡はありません")


def test_a_change_goes_back_to_approval(
    town: Town, teacher: Person, principal: Person, scheduled: int
) -> None:
    for words in ("予約一覧", "1", "変更する", "修正する", "件名", "運動会は延期です"):
        teacher.says(words)
    row = the_broadcast(town)
    assert (row.id, row.state, row.due_at) == (scheduled, "draft", None)
    principal.listens()
    Bot(principal).answers("運動会は中止です")
    teacher.taps("承認を依頼")
    principal.listens()
    Bot(principal).answers("件名：運動会は延期です")
    principal.taps("承認")
    assert the_broadcast(town).state == "approved"


@pytest.mark.usefixtures("scheduled")
def test_what_has_begun_meanwhile_is_no_longer_in_the_list(town: Town, teacher: Person) -> None:
    teacher.says("予約一覧")
    town.clock.forward(days=2)
    with town.database.writing() as tx:
        row = freezing.claim(tx, the_broadcast(town).id)
        assert row is not None
        freezing.start(tx, row)
    teacher.says("予約一覧")
    Bot(teacher).answers("予約されている連絡はありません")


def test_only_staff_see_what_is_scheduled(town: Town, scheduled: int) -> None:
    stranger = town.person("だれか")
    stranger.says("予約一覧")
    Bot(stranger).does_not_say("運動会")
    other = town.staff("隣の校長", Role.MANAGER, _another_school(town))
    other.says("予約一覧")
    Bot(other).answers("予約されている連絡はありません")
    assert the_broadcast(town).id == scheduled


def _another_school(town: Town) -> int:
    with town.database.writing() as tx:
        return town.opens_school(tx, "第二小学校", ["1年1組"], [])


@pytest.mark.usefixtures("scheduled")
def test_whoever_wrote_it_can_undo_the_approval_with_one_tap(town: Town, teacher: Person) -> None:
    teacher.listens()
    Bot(teacher).answers("承認しました")
    teacher.taps("取り消し")
    assert the_broadcast(town).state == "cancelled"


def test_valid_until_and_the_confirm_button_are_chosen_by_who_wants_them(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    bot = composes(teacher)
    bot.does_not_say("有効期限", "ボタンがつきます")
    for words in ("修正する", "いつまで有効か", "今日の23:30"):
        teacher.says(words)
    bot.answers("有効期限：", "23:30")
    for words in ("修正する", "「確認しました」ボタン", "はい"):
        teacher.says(words)
    bot.answers("有効期限：", "「確認しました」ボタンがつきます")
    teacher.taps("承認を依頼")
    principal.listens()
    Bot(principal).answers("有効期限：", "「確認しました」ボタンがつきます")
    row = the_broadcast(town)
    assert row.valid_until is not None
    assert wants_confirmation(row.options)


def test_extras_can_be_taken_back_and_outlive_another_edit(town: Town, teacher: Person) -> None:
    composes(teacher)
    for words in (
        "修正する",
        "いつまで有効か",
        "明日17時",
        "修正する",
        "「確認しました」ボタン",
        "はい",
    ):
        teacher.says(words)
    teacher.says("下書きのまま終える")
    teacher.says("下書き")
    teacher.says("1")
    Bot(teacher).answers("有効期限：", "ボタンがつきます")
    for words in ("修正する", "いつまで有効か", "期限なし"):
        teacher.says(words)
    Bot(teacher).answers("ボタンがつきます")
    Bot(teacher).does_not_say("有効期限")


def test_past_its_validity_nothing_is_sent_and_that_is_reported(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher)
    for words in ("修正する", "いつまで有効か", "今日の23:30"):
        teacher.says(words)
    teacher.taps("承認を依頼")
    town.clock.forward(days=1)
    with town.database.writing() as tx:
        assert freezing.lapsed(tx) == [the_broadcast(town).id]
        assert broadcasts.expire(tx, the_broadcast(town).id)
    principal.taps("承認")
    Bot(principal).answers("期限切れ")
    teacher.listens()
    assert the_broadcast(town).state == "expired"


def test_the_board_decides_how_long_an_approval_can_be_undone(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    with town.database.writing() as tx:
        boards.set_settings(tx, town.board_id, {"undo_seconds": 120})
    composes(teacher)
    teacher.taps("承認を依頼")
    principal.taps("承認")
    row = the_broadcast(town)
    assert row.due_at == town.clock() + timedelta(seconds=120)
    with town.database.reading() as tx:
        card = broadcasts.preview(tx, row.id)
        assert render(broadcasts.card(tx, card), "en").text
        assert stored.find(tx, row.id) is not None
