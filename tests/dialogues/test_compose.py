"""Composing a broadcast, and deciding on it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from actions import broadcasts, staff
from actions.previews import ref_of
from domain.roles import Role
from storage import broadcasts as stored
from storage import schools as stored_schools
from storage.tables import Broadcast
from tests.dialogues.kit import Bot, Person, Town, photo

ASKED = ("作成", "行事の中止・変更", "学校全体")
SHORT = (*ASKED, "運動会は中止です", "雨のため中止します。", "なし", "いますぐ")


def composes(teacher: Person, *answers: str) -> Bot:
    for words in answers or SHORT:
        teacher.says(words)
    return Bot(teacher)


def the_broadcast(town: Town) -> Broadcast:
    with town.database.reading() as tx:
        query = select(Broadcast).order_by(Broadcast.id.desc()).limit(1)
        return tx.session.scalars(query).one()


def test_a_teacher_composes_and_the_principal_approves(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    bot = Bot(teacher)
    teacher.says("作成")
    bot.answers("何の連絡ですか", "1 地震", "7 その他")
    teacher.says("4")
    bot.answers("だれに送りますか", "1 学校全体", "2 3年1組")
    teacher.says("2,4")
    bot.answers("選んだもの", "3年1組", "4年1組", "完了")
    teacher.says("完了")
    bot.answers("件名を送ってください")
    teacher.says("遠足は中止です")
    bot.answers("本文を送ってください")
    teacher.says("  ㈱バスが来ません。\n\n・弁当は１個\n  ・水とう  ")
    bot.answers("画像があれば")
    teacher.sends_picture(b"not a picture")
    bot.answers("画像として開けませんでした", "画像があれば")
    teacher.sends_picture(photo())
    bot.answers("画像を1枚受け取りました", "あと3枚")
    teacher.sends_picture(photo("blue", "PNG"))
    bot.answers("画像を2枚受け取りました")
    teacher.says("これでお願いします")
    bot.answers("「完了」とお答えください")
    teacher.says("完了")
    bot.answers("いつ送りますか")
    teacher.says("明日7:00")
    bot.answers("遠足は中止です", "6家庭", "承認を依頼")
    bot.answers("㈱バスが来ません。\n\n・弁当は１個\n  ・水とう")
    teacher.taps("承認を依頼")
    bot.answers("承認を依頼しました", "6家庭", "承認できる人：1人")
    principal.taps("承認")
    Bot(principal).answers("承認しました")
    teacher.listens()
    bot.answers("校長が承認しました")
    assert the_broadcast(town).state == "approved"


def test_only_what_was_shown_is_submitted(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    bot = composes(teacher)
    bot.answers("運動会は中止です", "全校（第一小学校）", "6家庭", "承認後すぐ")
    assert the_broadcast(town).state == "draft"
    teacher.says("修正する")
    bot.answers("どこを直しますか", "3 件名")
    teacher.says("件名")
    teacher.says("運動会は延期です")
    bot.answers("件名：運動会は延期です", "雨のため中止します。")
    teacher.says("修正")
    bot.answers("わかりませんでした")
    teacher.says("2")
    teacher.says("宛先")
    teacher.says("3年1組、3年2組")
    teacher.says("完了")
    bot.answers("3年1組、3年2組", "運動会は延期です")
    teacher.says("承認を依頼")
    row = the_broadcast(town)
    assert (row.id, row.state, row.subject) == (1, "pending", "運動会は延期です")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("昨日7時", "過ぎています"),
        ("7月45日 7時", "その日付はありません"),
        ("そのうち", "読み取れませんでした"),
        ("明日3時", "午前ですか"),
        ("1", "ませんでした"),
    ],
)
def test_a_doubtful_time_is_asked_back(
    town: Town, teacher: Person, typed: str, answer: str
) -> None:
    bot = composes(teacher, *SHORT[:-1], typed)
    bot.answers(answer, "いつ送りますか")
    teacher.says("12月1日 15:30")
    bot.answers("12月1日", "15:30", "承認を依頼")


def test_one_can_stop_where_a_time_is_asked_for(town: Town, teacher: Person) -> None:
    bot = composes(teacher, *SHORT[:-1], "English")
    bot.answers("When should it be sent?")
    teacher.says("やめます")
    bot.answers("Stopped")
    assert teacher.dialogue() is None


def test_four_pictures_are_enough(town: Town, teacher: Person) -> None:
    bot = composes(teacher, *SHORT[:-2])
    for colour in ("red", "green", "blue", "white"):
        teacher.sends_picture(photo(colour))
    bot.answers("いつ送りますか")
    teacher.says("今すぐ")
    bot.answers("画像4枚")


def test_the_draft_survives_a_cancel_and_is_taken_up_again(
    town: Town, teacher: Person, principal: Person
) -> None:
    bot = composes(teacher, *SHORT[:-2])
    teacher.sends_picture(photo())
    composes(teacher, "完了", "12月1日 15:30", "キャンセル")
    bot.answers("やめました", "下書きは残っています")
    teacher.says("下書き")
    bot.answers("1 運動会は中止です")
    teacher.says("1")
    bot.answers("12月1日", "画像1枚", "全校", "承認を依頼")
    composes(teacher, "修正する", "本文", "雪のためです。")
    bot.answers("雪のためです。", "画像1枚")
    assert the_broadcast(town).id == 1


def test_a_returned_broadcast_is_corrected_and_submitted_again(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.taps("差し戻し")
    Bot(principal).answers("直してほしいところ", "運動会は中止です")
    principal.says("時刻を書いてください")
    Bot(principal).answers("差し戻しました")
    teacher.listens()
    bot = Bot(teacher)
    bot.answers("時刻を書いてください")
    composes(teacher, "下書き", "運動会は中止です（差し戻し）")
    bot.answers("承認を依頼")
    composes(teacher, "修正する", "本文", "8時に決めました。", "承認を依頼")
    bot.answers("承認を依頼しました")
    principal.taps("承認")
    assert the_broadcast(town).state == "approved"


def test_the_card_of_a_returned_one_starts_the_correction(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.taps("差し戻し")
    principal.says("時刻を書いてください")
    teacher.says("作成")
    teacher.taps("修正")
    bot = Bot(teacher)
    bot.answers("途中です", "何の連絡ですか")
    teacher.says("キャンセル")
    teacher.taps("修正")
    bot.answers("雨のため中止します。", "承認を依頼")
    composes(teacher, "修正する", "本文", "8時に決めました。", "承認を依頼")
    bot.answers("承認を依頼しました")
    teacher.says("修正 1-1")
    bot.answers("古くなりました")
    teacher.says("修正 1-2")
    bot.answers("8時に決めました。")


def test_a_returned_one_must_be_changed_first(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.taps("差し戻し")
    principal.says("だめです")
    bot = composes(teacher, "下書き", "1", "承認を依頼")
    bot.answers("差し戻し", "どうしますか")


def test_discarding_asks_once_more(town: Town, teacher: Person) -> None:
    bot = composes(teacher, *SHORT, "破棄")
    bot.answers("破棄しますか")
    teacher.says("いいえ")
    bot.answers("どうしますか")
    composes(teacher, "破棄", "はい")
    bot.answers("破棄しました")
    assert the_broadcast(town).state == "cancelled"


def test_a_refused_submission_says_why_and_goes_on(town: Town, teacher: Person) -> None:
    bot = composes(teacher, *SHORT, "承認を依頼")
    bot.answers("0家庭だけ", "どうしますか")
    teacher.says("下書きのまま終える")
    bot.answers("下書きは残っています")


def test_who_is_no_staff_cannot_compose(town: Town, guardian: Person, bot: Bot) -> None:
    guardian.says("作成")
    bot.answers("担当者だけ")
    assert guardian.dialogue() is None


def test_staff_of_two_schools_choose_where_from(town: Town, teacher: Person) -> None:
    with town.database.writing() as tx:
        second = town.opens_school(tx, "第二小学校", ["1年1組"], [])
        code = staff.invite(tx, town.board_id, Role.OPERATOR, second, "山田").code
    teacher.says(code)
    bot = composes(teacher, "/compose")
    bot.answers("どこから送りますか", "1 第一小学校", "2 第二小学校")
    composes(teacher, "第二小学校", "1")
    bot.answers("1年1組")
    bot.does_not_say("3年2組")


def test_the_centre_writes_for_the_city_and_the_board_approves(town: Town) -> None:
    centre = town.staff("センター", Role.CENTRE)
    board = town.staff("委員会", Role.BOARD)
    town.families()
    bot = composes(centre, "作成", "台風などの災害")
    bot.answers("1 市内全校", "2 第一小学校")
    composes(centre, "1", "台風", "明日は休校です。", "なし", "いますぐ", "承認を依頼")
    bot.answers("承認できる人：1人")
    board.taps("承認")
    Bot(board).answers("承認しました")


def test_no_one_approves_their_own(town: Town) -> None:
    town.families()
    deputy = town.staff("教頭", Role.DEPUTY)
    composes(deputy)
    deputy.says("承認を依頼")
    Bot(deputy).answers("承認できる人がまだ")
    principal = town.staff("校長", Role.MANAGER)
    composes(deputy, "承認を依頼")
    deputy.says("承認 1-1")
    Bot(deputy).answers("ご自分では承認できません")
    principal.says("承認 １ー１")
    Bot(principal).answers("承認しました")


def test_of_two_who_press_one_is_told_of_the_other(
    town: Town, teacher: Person, principal: Person
) -> None:
    deputy = town.staff("教頭", Role.DEPUTY)
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.taps("承認")
    deputy.taps("承認")
    Bot(deputy).answers("校長が", "承認済みです")
    deputy.taps("差し戻し")
    Bot(deputy).answers("承認済みです")
    assert deputy.dialogue() is None


def test_the_approval_can_be_taken_back(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.taps("承認")
    principal.taps("取り消し")
    Bot(principal).answers("取り消しました")
    assert the_broadcast(town).state == "cancelled"


def test_a_card_pressed_in_the_middle_of_something(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    bot = composes(principal, *SHORT[:3])
    principal.taps("却下")
    bot.answers("理由を送ってください")
    principal.says("ヘルプ")
    bot.answers("書いた人に伝えます", "理由を送ってください")
    principal.says("もう知らせました")
    bot.answers("却下しました", "さきほどの続きです", "件名を送ってください")
    principal.says("別の件")
    bot.answers("本文を送ってください")
    assert the_broadcast(town).state == "rejected"


def test_a_card_in_the_middle_can_be_given_up(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    bot = composes(principal, *SHORT[:3])
    principal.taps("却下")
    principal.taps("差し戻し")
    bot.answers("直してほしいところ")
    principal.says("キャンセル")
    bot.answers("やめました", "さきほどの続きです", "件名を送ってください")
    principal.says("キャンセル")
    assert principal.dialogue() is None
    assert the_broadcast(town).state == "pending"


def test_a_stale_card_decides_nothing(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.listens()
    old = principal.buttons["承認"]
    with town.database.writing() as tx:
        actor = staff.actor_of(tx, teacher.contact_id)
        row = stored.broadcast(tx, 1)
        content = stored.content_of(tx, row)
        assert actor
        broadcasts.save_draft(tx, actor, town.school_id, content, (), ref_of(row))
    principal.presses(old)
    Bot(principal).answers("古くなりました")
    principal.says("承認 1-1")
    Bot(principal).answers("古くなりました")
    assert the_broadcast(town).state == "draft"


def test_a_guardian_with_a_card_decides_nothing(
    town: Town, teacher: Person, principal: Person, guardian: Person, bot: Bot
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.listens()
    for label in ("承認", "差し戻し", "却下"):
        guardian.presses(principal.buttons[label])
        bot.answers("権限がありません")
    for typed in ("承認 1-1", "表示 1-1", "取り消し 1-1", "却下 1-1", "修正 1-1", "承認 9-9"):
        guardian.says(typed)
        bot.answers("権限がありません")
    assert the_broadcast(town).state == "pending"


def test_what_waits_is_shown_again(town: Town, teacher: Person, principal: Person) -> None:
    bot = composes(principal, "承認待ち")
    bot.answers("ありません")
    town.families()
    for _ in range(4):
        composes(teacher, *SHORT, "承認を依頼")
    principal.says("承認待ち")
    bot.answers("承認待ちは4件です", "運動会は中止です", "ほかに1件")
    assert len(principal.newest) <= 5
    principal.says("表示 4-1")
    bot.answers("運動会は中止です", "承認 4-1")
    teacher.says("表示 4-1")
    Bot(teacher).answers("運動会は中止です")
    Bot(teacher).does_not_say("承認 4-1")


def test_a_role_taken_away_in_the_middle(town: Town, teacher: Person) -> None:
    composes(teacher, *SHORT[:-1])
    with town.database.writing() as tx:
        actor = staff.actor_of(tx, teacher.contact_id)
        assert actor
        staff.end_role(tx, actor.staff_id, Role.OPERATOR, town.school_id)
    teacher.says("いますぐ")
    bot = Bot(teacher)
    bot.answers("権限がありません", "どこを直しますか")
    teacher.says("キャンセル")
    assert teacher.dialogue() is None


def test_a_group_that_is_gone_is_asked_for_again(town: Town, teacher: Person) -> None:
    bot = composes(teacher, "作成", "4", "合唱部", "完了", "練習", "あります", "なし")
    with town.database.writing() as tx:
        group = next(g for g in stored_schools.groups_of(tx, town.school_id) if g.name == "合唱部")
        tx.session.delete(group)
    teacher.says("いますぐ")
    bot.answers("宛先を選び直してください", "どこを直しますか")
    composes(teacher, "宛先", "学校全体")
    bot.answers("全校", "承認を依頼")
