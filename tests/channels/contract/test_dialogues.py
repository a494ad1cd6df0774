"""Every dialogue of the first issue, unchanged, by every channel that people talk by."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from domain.roles import Role
from storage.tables import Broadcast, GuardianContact
from tests.channels.contract import stories
from tests.channels.contract.kit import photo
from tests.channels.contract.rig import PUBLIC_URL, Talks
from tests.channels.contract.stage import Actor, Stage


@pytest.fixture
def guardian(stage: Stage, talks: Talks) -> Actor:
    return Actor(stage, talks, talks.person(1))


@pytest.fixture
def teacher(stage: Stage, talks: Talks) -> Actor:
    return stage.staff(talks, 2, Role.OPERATOR, "山田花子")


@pytest.fixture
def principal(stage: Stage, talks: Talks) -> Actor:
    return stage.staff(talks, 3, Role.MANAGER, "佐藤一郎")


@pytest.fixture
def families(stage: Stage) -> None:
    """As many as a broadcast needs so as not to single anybody out."""
    stage.town.families()


def state_of(stage: Stage, number: int = 1) -> str:
    with stage.database.reading() as tx:
        return tx.session.get_one(Broadcast, number).state


# Guardians.


def test_a_guardian_registers(stage: Stage, guardian: Actor) -> None:
    stories.a_guardian_registers(stage, guardian)
    with stage.database.reading() as tx:
        assert tx.session.scalar(select(func.count()).select_from(GuardianContact)) == 2


def test_a_guardian_registers_though_everything_comes_twice(stage: Stage, guardian: Actor) -> None:
    guardian.rig.repeats()
    stories.a_guardian_registers(stage, guardian)


def test_a_link_brings_the_school_along(stage: Stage, guardian: Actor) -> None:
    guardian.says(f"/start {stage.school_code.replace('-', '')}")
    guardian.hears("第一小学校でよろしいですか")
    guardian.sees("はい", "いいえ")


def test_back_and_cancel(stage: Stage, guardian: Actor) -> None:
    guardian.says(stage.school_code)
    guardian.taps("はい")
    guardian.says("3-1")
    guardian.hears("出席番号")
    guardian.says("戻る")
    guardian.hears("お子さんの組")
    guardian.says("もどる")
    guardian.hears("第一小学校でよろしいですか")
    guardian.sees("はい")
    guardian.says("ｷｬﾝｾﾙ")
    guardian.hears("やめました")
    guardian.says("登録内容")
    guardian.hears("まだ登録がありません")


def test_another_language(stage: Stage, guardian: Actor) -> None:
    guardian.says("English")
    guardian.hears("I will speak English now")
    guardian.says(stage.school_code)
    guardian.hears("is that right?", "1 Yes", "2 No")
    guardian.taps("Yes")
    guardian.hears("Which class")
    guardian.says("言語")
    guardian.taps("日本語")
    guardian.hears("日本語でご案内します", "お子さんの組")


def test_menu_help_status_and_leaving(stage: Stage, guardian: Actor) -> None:
    guardian.says("メニュー")
    guardian.hears("何をしますか", "1 登録")
    guardian.taps("登録")
    guardian.hears("学校ID")
    guardian.says("ヘルプ")
    guardian.hears("いつでも使えることば", "学校ID")
    stories.registers_shortly(stage, guardian)
    guardian.says("登録内容")
    guardian.hears("【第一小学校】", "・3年2組")
    guardian.says("退会")
    guardian.hears("退会しますか", "・第一小学校")
    guardian.taps("はい")
    guardian.hears("退会しました")
    guardian.says("登録内容")
    guardian.hears("まだ登録がありません")


def test_a_sticker_in_the_middle(stage: Stage, guardian: Actor) -> None:
    guardian.says(stage.school_code)
    guardian.sends_sticker()
    guardian.hears("スタンプ", "第一小学校でよろしいですか")
    guardian.taps("はい")
    guardian.hears("お子さんの組")


def test_a_button_of_yesterday(stage: Stage, guardian: Actor) -> None:
    guardian.says(stage.school_code)
    yesterday = guardian.tap("はい")
    guardian.presses(yesterday)
    guardian.presses(yesterday)
    guardian.hears("期限が切れました", "お子さんの組")
    guardian.sees("3年1組")
    stage.passes(days=3)
    guardian.presses(yesterday)
    guardian.hears("時間がたった", "期限が切れました")


def test_a_school_with_more_classes_than_there_are_quick_replies(
    stage: Stage, guardian: Actor
) -> None:
    """Numbers do where buttons do not."""
    with stage.database.writing() as tx:
        names = [f"{grade}年{number}組" for grade in range(1, 7) for number in range(1, 4)]
        large = stage.town.opens_school(tx, "第二小学校", [*names, "ひまわり学級"], [])
        code = stage.new_school_id(tx, large)
    guardian.says(code, "はい")
    guardian.hears("何年生ですか", "1 1年", "7 ひまわり学級")
    guardian.taps("4年")
    guardian.hears("1 4年1組", "3 4年3組")
    guardian.says("3")
    guardian.hears("出席番号")


# Staff.


def test_staff_sign_on(stage: Stage, talks: Talks) -> None:
    code = stage.invites(Role.OPERATOR, "山田花子")
    teacher = Actor(stage, talks, talks.person(2))
    teacher.says("招待コード")
    teacher.hears("招待コードを送ってください")
    teacher.signs_on(code)
    teacher.hears("山田花子", "メール運用者")
    teacher.says("メニュー")
    teacher.hears("作成", "下書き")
    other = Actor(stage, talks, talks.person(3))
    other.says(code)
    other.hears("使えません")


def test_a_code_on_line_counts_only_with_lines_proof(stage: Stage, line: Talks) -> None:
    """Whoever follows another's link links nobody, and ends it."""
    code = stage.invites(Role.MANAGER, "佐藤一郎")
    asking, following = (Actor(stage, line, line.person(number)) for number in (2, 3))
    asking.says(code)
    asking.hears("10分以内", PUBLIC_URL)
    asking.says("承認待ち")
    asking.hears("担当者だけ")
    (url,) = [tap.url for shown in line.shown(asking.address) for tap in shown.taps if tap.url]
    asking.proves(url, follower=following.address)
    stage.goes_on()
    for each in (asking, following):
        each.looks()
        each.does_not_hear("佐藤一郎")
        each.says("メニュー")
        each.does_not_hear("作成")


def test_a_teacher_composes_and_the_principal_decides(
    stage: Stage, teacher: Actor, principal: Actor, families: None
) -> None:
    stories.a_teacher_composes(teacher)
    stories.the_principal_returns_it(stage, teacher, principal)
    assert state_of(stage) == "pending"
    stories.the_principal_approves(teacher, principal)
    assert state_of(stage) == "approved"
    principal.taps("取り消し")
    principal.hears("取り消しました")
    assert state_of(stage) == "cancelled"


def test_the_card_shows_the_picture(
    stage: Stage, teacher: Actor, principal: Actor, families: None
) -> None:
    stories.a_teacher_composes(teacher)
    principal.looks()
    assert principal.pictures == 1


def test_a_rejection_has_a_reason(
    stage: Stage, teacher: Actor, principal: Actor, families: None
) -> None:
    stories.composes_shortly(teacher)
    principal.taps("却下")
    principal.hears("理由を送ってください")
    principal.says("もう知らせました")
    principal.hears("却下しました")
    teacher.looks()
    teacher.hears("もう知らせました")
    assert state_of(stage) == "rejected"


def test_no_one_approves_their_own(stage: Stage, talks: Talks, families: None) -> None:
    deputy = stage.staff(talks, 2, Role.DEPUTY, "教頭")
    principal = stage.staff(talks, 3, Role.MANAGER, "佐藤一郎")
    stories.composes_shortly(deputy)
    deputy.says("承認 1-1")
    deputy.hears("ご自分では承認できません")
    principal.says("承認 １ー１")
    principal.hears("承認しました")
    assert state_of(stage) == "approved"


def test_the_centre_writes_for_the_city_and_the_board_approves(
    stage: Stage, talks: Talks, families: None
) -> None:
    centre = stage.staff(talks, 2, Role.CENTRE, "センター")
    board = stage.staff(talks, 3, Role.BOARD, "委員会")
    centre.says("作成")
    centre.taps("台風などの災害")
    centre.hears("1 市内全校", "2 第一小学校")
    centre.says("1", "台風", "明日は休校です。", "なし", "いますぐ")
    centre.taps("承認を依頼")
    centre.hears("承認できる人：1人")
    board.taps("承認")
    board.hears("承認しました")
    assert state_of(stage) == "approved"


def test_a_card_in_a_strangers_hands(
    stage: Stage, teacher: Actor, principal: Actor, guardian: Actor, families: None
) -> None:
    stories.composes_shortly(teacher)
    guardian.says("承認 1-1")
    guardian.hears("権限がありません")
    stranger = stage.staff(guardian.rig, 9, Role.OPERATOR, "もう一人")
    stranger.says("承認 1-1")
    stranger.does_not_hear("承認しました")
    assert state_of(stage) == "pending"


def test_a_card_pressed_in_the_middle_of_something(
    stage: Stage, teacher: Actor, principal: Actor, families: None
) -> None:
    principal.says("作成", "行事の中止・変更", "学校全体")
    principal.hears("件名を送ってください")
    stories.composes_shortly(teacher)
    principal.taps("承認")
    principal.hears("承認しました", "件名を送ってください")
    assert state_of(stage, 1) == "approved"


def test_what_waits_is_shown_again(
    stage: Stage, teacher: Actor, principal: Actor, families: None
) -> None:
    principal.says("承認待ち")
    principal.hears("ありません")
    stories.composes_shortly(teacher)
    principal.says("承認待ち")
    principal.hears("承認待ちは1件です", stories.SUBJECT)
    principal.taps("承認")
    principal.hears("承認しました")


def test_a_draft_outlasts_a_cancel(stage: Stage, teacher: Actor, families: None) -> None:
    teacher.says("作成", "行事の中止・変更", "学校全体", stories.SUBJECT, stories.BODY)
    teacher.sends_picture(photo())
    teacher.hears("画像を1枚受け取りました")
    teacher.says("完了", "12月1日 15:30", "キャンセル")
    teacher.hears("やめました", "下書きは残っています")
    teacher.says("下書き")
    teacher.hears(f"1 {stories.SUBJECT}")
    teacher.says("1")
    teacher.hears("12月1日", "画像1枚")
    teacher.sees("承認を依頼")


def test_a_guardians_picture_is_answered_kindly(stage: Stage, guardian: Actor) -> None:
    guardian.says(stage.school_code)
    guardian.sends_picture(photo())
    guardian.hears("第一小学校でよろしいですか")
    assert stage.parked() == 0
