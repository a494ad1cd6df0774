"""緊急: sent at once by who is there, and reported afterwards to who answers for it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from actions import audit, emergencies, staff
from bot.dialogues import sending_first
from bot.steps import Scene
from domain.content import is_emergency
from domain.roles import Role
from storage import staff as stored_staff
from storage.database import Transaction
from storage.tables import AuditEntry, Broadcast, EmergencyReport
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import the_broadcast

SENT = ("緊急", "地震", "学校全体", "学校で待機・引き渡し", "子どもの安全のため", "送る")


def sends(teacher: Person, *lines: str) -> Bot:
    for line in lines or SENT:
        teacher.says(line)
    return Bot(teacher)


def the_report(town: Town) -> EmergencyReport:
    with town.database.reading() as tx:
        return tx.session.scalars(select(EmergencyReport)).one()


def refused_verbs(town: Town) -> list[tuple[str, str]]:
    """Who was refused what; and the chains are whole."""
    with town.database.reading() as tx:
        assert audit.verify(tx) == []
        rows = tx.session.scalars(select(AuditEntry).order_by(AuditEntry.at)).all()
    return [(row.actor, row.verb) for row in rows if "refused" in row.details]


def test_a_teacher_sends_in_six_taps_and_the_principal_takes_note(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    bot = Bot(teacher)
    teacher.says("緊急")
    bot.answers("何がありましたか", "1 地震", "2 台風", "3 事故・不審者")
    teacher.taps("地震")
    bot.answers("だれに", "1 学校全体", "2 学年やクラスを選ぶ")
    teacher.taps("学校全体")
    bot.answers("どの文", "1 学校で待機・引き渡し", "自分で書く")
    teacher.taps("学校で待機・引き渡し")
    bot.answers("承認を待てない理由", "書かない")
    teacher.taps("子どもの安全のため")
    bot.answers("全校（第一小学校）（6家庭）", "件名：【緊急】地震：学校で引き渡します")
    bot.answers("全員、学校で安全に待機", "承認を待たずに、いますぐ6家庭へ", "校長など", "1 送る")
    with town.database.reading() as tx:
        assert tx.session.scalars(select(Broadcast)).all() == []
    teacher.taps("送る")
    bot.answers("6家庭へ、いま送り始めました", "1人に報告しました", "撤回する", "状況を見る")
    assert teacher.dialogue() is None
    row = the_broadcast(town)
    assert (row.state, row.due_at, row.decided_by) == ("approved", town.clock(), None)
    assert is_emergency(row.options)

    said = principal.listens()
    assert "【緊急の報告】" in said
    Bot(principal).answers("山田先生が11月24日（火）10:00に", "理由：子どもの安全のため", "6家庭")
    principal.taps("確認しました（報告）")
    Bot(principal).answers("確認を記録しました", "校長が11月24日（火）10:00に確認しました")
    assert "校長が確認しました" in teacher.listens()
    principal.taps("所見を書く")
    Bot(principal).answers("所見を書いてください")
    principal.says("ヘルプ")
    Bot(principal).answers("記録に残り")
    principal.says("迅速な判断でした。")
    Bot(principal).answers("所見を記録しました")
    assert "迅速な判断でした。" in teacher.listens()
    report = the_report(town)
    assert (report.remarks, report.acknowledged_at) == ("迅速な判断でした。", town.clock())
    assert refused_verbs(town) == []


def test_ones_own_text_and_some_classes(town: Town, teacher: Person, principal: Person) -> None:
    """What is typed instead of chosen is the text; 直す asks one part anew and keeps the rest."""
    town.families()
    bot = sends(teacher, "緊急", "3", "2", "3年1組、3年2組", "完了")
    teacher.says("はい")
    bot.answers("番号で選ぶか")
    teacher.says("不審者がいます\n校門は閉めました。")
    teacher.says("書かない")
    bot.answers("3年1組、3年2組", "件名：【緊急】不審者がいます\n\n校門は閉めました。")
    teacher.says("直す")
    teacher.says("文")
    teacher.taps("不審者・一斉下校")
    bot.answers("〔場所〕に入れることば")
    teacher.says("中央公園")
    bot.answers("〔時刻〕に")
    teacher.says("14時30分")
    bot.answers("中央公園付近で、不審者", "14時30分に一斉に", "3年1組、3年2組")
    teacher.says("直す")
    teacher.says("宛先")
    teacher.says("学校全体")
    bot.answers("全校（第一小学校）", "中央公園付近")
    teacher.says("はい")
    bot.answers("番号か言葉で")
    teacher.says("送信")
    bot.answers("いま送り始めました")
    assert "理由" not in principal.listens()
    assert the_broadcast(town).subject == "【緊急】不審者：一斉下校します"


def test_who_stops_leaves_nothing_behind(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    bot = sends(teacher, *SENT[:-1], "やめる")
    bot.answers("やめました。何も送っていません。")
    assert principal.listens() == ""
    teacher.says("下書き")
    bot.answers("下書きはありません")
    with town.database.reading() as tx:
        assert tx.session.scalars(select(Broadcast)).all() == []


def test_what_is_refused_can_be_mended_and_is_an_ordinary_draft_until_then(
    town: Town, teacher: Person, principal: Person
) -> None:
    """With nobody there it is not sent; taken up as a draft it needs an approval."""
    bot = sends(teacher)
    bot.answers("宛先が0家庭だけです", "1 送る")
    assert principal.listens() == ""
    row = the_broadcast(town)
    assert (row.state, is_emergency(row.options)) == ("draft", False)
    teacher.says("キャンセル")
    bot.answers("下書きは残っています")
    assert [verb for _, verb in refused_verbs(town)] == ["send_first"]


def test_a_try_that_was_refused_is_sent_as_the_same_broadcast(
    town: Town, teacher: Person, principal: Person
) -> None:
    sends(teacher).answers("宛先が0家庭だけです")
    town.families()
    sends(teacher, "送る").answers("6家庭へ")
    with town.database.reading() as tx:
        assert [row.id for row in tx.session.scalars(select(Broadcast))] == [1]
    assert "1-3" in principal.listens()


def test_a_colleague_who_sends_the_same_is_told_of_the_first(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    sends(teacher).answers("6家庭へ、いま送り始めました")
    bot = sends(principal, *SENT[:-1])
    bot.answers(
        "1分前に、山田先生が全校（第一小学校）へ「【緊急】地震：学校で引き渡します」を送っています"
    )
    principal.says("送る")
    bot.answers("同じ内容の緊急の連絡を、山田先生が", "1 送る")
    principal.says("やめる")


def test_guardians_dismissed_staff_and_other_schools_are_refused_kindly(
    town: Town, teacher: Person, principal: Person, guardian: Person, bot: Bot
) -> None:
    town.families()
    guardian.says("緊急")
    bot.answers("担当者だけ")
    _begins(town, guardian)
    sends(teacher)
    with town.database.writing() as tx:
        other = town.opens_school(tx, "となり小学校", ["1年1組"], [])
    stranger = town.staff("隣の校長", Role.MANAGER, other)
    number = "1-2"
    assert number in principal.listens()
    for person in (guardian, stranger):
        for press in ("確認しました(報告)", "所見を書く"):
            person.says(f"{press} {number}")
            Bot(person).answers("権限がありません")
    teacher.says(f"確認しました(報告) {number}")
    Bot(teacher).answers("権限がありません")
    with town.database.writing() as tx:
        _dismiss(tx, teacher)
    teacher.says("緊急")
    Bot(teacher).answers("担当者だけ")
    assert the_report(town).acknowledged_at is None
    verbs = [verb for _, verb in refused_verbs(town)]
    # Whoever has no business there is noted once an hour, whatever they try.
    assert verbs == ["emergency", "acknowledge", "acknowledge", "emergency"]


def _begins(town: Town, person: Person) -> None:
    """Come into the dialogue by whatever way, without being staff."""
    scene = Scene(person.contact_id, town.board_id, "ja", {})
    with town.database.writing() as tx:
        assert "refused" in sending_first.places(tx, scene)


def _dismiss(tx: Transaction, person: Person) -> None:
    actor = staff.actor_of(tx, person.contact_id)
    assert actor
    for grant in actor.grants:
        stored_staff.end_role(tx, actor.staff_id, grant.role, grant.school_id)


def test_a_remark_is_asked_above_what_is_open_and_a_second_one_is_added(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    sends(teacher)
    principal.listens()
    principal.says("作成")
    for remark in ("見ました。", "よい対応でした。"):
        principal.taps("所見を書く")
        principal.says(remark)
        Bot(principal).answers("所見を記録しました", "さきほどの続き", "何の連絡ですか")
    assert the_report(town).remarks == "見ました。\nよい対応でした。"
    principal.says("キャンセル")
    principal.taps("確認しました（報告）")
    Bot(principal).answers("校長が", "確認しています")


@pytest.mark.parametrize("role", [Role.CENTRE, Role.BOARD])
def test_the_whole_city(town: Town, role: Role) -> None:
    """The board takes note of what was sent to the whole city."""
    member = town.staff("教育長", Role.BOARD)
    writer = town.staff("職員", role)
    member.listens()
    town.families()
    bot = sends(writer, "緊急", "2", "市内全校", "自分で書く", "大雨です。\n外に出ないでください。")
    writer.says("書かない")
    bot.answers("差出人：越谷市教育委員会", "市内の全校（6家庭）", "件名：【緊急】大雨です。")
    writer.says("送る")
    bot.answers("1人に報告しました")
    member.listens()
    member.taps("確認しました（報告）")
    Bot(member).answers("確認を記録しました")


def test_a_template_of_the_school_comes_first(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    for line in (
        "定型文",
        "新しく作る",
        "地震",
        "地震（{時刻}）",
        "校庭に集合しました。",
        "校庭へ",
    ):
        teacher.says(line)
    bot = sends(teacher, *SENT[:3])
    bot.answers("1 校庭へ", "2 学校で待機・引き渡し")
    teacher.says("1")
    bot.answers("〔時刻〕に")
    bot = sends(teacher, "10時5分", "書かない")
    bot.answers("件名：【緊急】地震（10時5分）", "校庭に集合しました。")
    teacher.says("送る")
    with town.database.reading() as tx:
        case = emergencies.case(tx, 1)
    assert case
    assert (case.subject, case.sent_by, case.reason) == ("地震（10時5分）", "山田先生", "")
    principal.listens()


def test_an_emergency_begins_in_the_middle_of_anything_else(town: Town, teacher: Person) -> None:
    town.families()
    for words in ("作成", "行事の中止・変更", "学校全体"):
        teacher.says(words)
    teacher.says("緊急")
    assert teacher.dialogue() == "emergency"
    teacher.says("キャンセル")
    assert teacher.dialogue() == "compose"
    Bot(teacher).answers("さきほどの続きです", "件名")
