"""定型文: made, used, changed and taken away."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from actions import audit, staff, templates
from bot.asking import read_typed
from bot.dialogues.slots import filled
from bot.steps import Misread, Question
from domain.broadcasts import Purpose
from domain.content import BODY_LIMIT
from domain.refusals import refuse
from domain.roles import Role
from domain.templates import MOST_SLOTS
from storage.tables import AuditEntry, Broadcast, Template
from tests.actions.city import code as scene_code
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import SHORT, composes, the_broadcast

MADE = ("定型文", "新しく作る", "4", "{時刻}から運動会", "〔時刻〕に〔場所〕へ。", "運動会")


def does(person: Person, *lines: str) -> Bot:
    for line in lines:
        person.says(line)
    return Bot(person)


def kept(town: Town) -> list[tuple[str, str, str]]:
    with town.database.reading() as tx:
        rows = tx.session.scalars(select(Template).order_by(Template.id)).all()
    return [(row.name, row.subject, row.body) for row in rows]


def verbs(town: Town) -> list[tuple[str, str]]:
    with town.database.reading() as tx:
        assert audit.verify(tx) == []
        entries = select(AuditEntry).where(AuditEntry.subject.startswith("template:"))
        rows = tx.session.scalars(entries.order_by(AuditEntry.at, AuditEntry.sequence)).all()
    return [(row.verb, str(row.details.get("refused", ""))) for row in rows]


def test_a_template_is_made_and_used(town: Town, teacher: Person, principal: Person) -> None:
    """Each slot is asked once; then composing goes on with whom, pictures and when."""
    town.families()
    bot = does(teacher, *MADE)
    bot.answers("定型文「運動会」を保存しました")
    does(teacher, "定型文", "運動会").answers("件名：{時刻}から運動会", "1 使う", "2 直す")
    does(teacher, "使う").answers("〔時刻〕に入れることば")
    does(teacher, "8時30分").answers("〔場所〕に")
    does(teacher, "a" * 201).answers("長すぎます")
    does(teacher, "校庭〔時刻〕").answers("だれに送りますか")
    assert teacher.dialogue() == "compose"
    does(teacher, "戻る").answers("何の連絡ですか")
    does(teacher, "4", "1", "なし", "いますぐ")
    bot.answers("件名：8時30分から運動会", "8時30分に校庭〔時刻〕へ。", "6家庭")
    does(teacher, "承認を依頼").answers("承認を依頼しました")
    assert (the_broadcast(town).purpose, the_broadcast(town).state) == ("event", "pending")
    assert verbs(town) == [("save_template", "")]


def test_a_template_is_changed_and_removed(town: Town, teacher: Person, principal: Person) -> None:
    does(teacher, *MADE)
    does(teacher, *MADE[:-1], "運動会").answers("すでにあります", "名前を送ってください")
    does(teacher, "2つめ").answers("定型文「2つめ」を保存しました")
    does(principal, "定型文", "2つめ", "直す", "名前", "運動会").answers("すでにあります")
    does(principal, "体育祭").answers("定型文「体育祭」を保存しました")
    does(principal, "定型文", "体育祭", "直す", "本文", "集合します。").answers("保存しました")
    assert kept(town)[1] == ("体育祭", "{時刻}から運動会", "集合します。")
    does(teacher, "定型文", "体育祭", "そのままにする").answers("そのままにしました")
    does(teacher, "定型文", "体育祭", "消す", "いいえ").answers("そのままにしました")
    does(teacher, "定型文", "体育祭", "消す", "はい").answers("「体育祭」を消しました")
    assert [name for name, *_ in kept(town)] == ["運動会"]
    assert verbs(town).count(("remove_template", "")) == 1
    assert verbs(town).count(("save_template", "template_name_taken")) == 2


def test_what_was_sent_becomes_a_template(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    with town.database.writing() as tx:
        tx.session.execute(update(Broadcast).values(state="sent"))
    does(teacher, "定型文", "新しく作る").answers("1 いま書く", "2 運動会は中止です")
    does(teacher, "2", "中止の連絡").answers("「中止の連絡」を保存しました")
    assert kept(town) == [("中止の連絡", "運動会は中止です", "雨のため中止します。")]


def test_the_boards_templates_are_offered_to_schools_but_are_theirs(
    town: Town, teacher: Person
) -> None:
    centre = town.staff("職員", Role.CENTRE)
    does(centre, *MADE).answers("保存しました")
    bot = does(teacher, "定型文")
    bot.answers("1 運動会（教育委員会）")
    does(teacher, "1").answers("1 使う", "2 そのままにする")
    bot.does_not_say("直す", "消す")
    does(teacher, "使う", "9時", "体育館").answers("だれに送りますか", "3年1組")
    with town.database.writing() as tx:
        other = town.opens_school(tx, "となり小学校", ["1年1組"], [])
    stranger = town.staff("隣の先生", Role.OPERATOR, other)
    does(teacher, "キャンセル", *MADE)
    does(stranger, "定型文").answers("1 運動会（教育委員会）\n2 新しく作る")
    does(centre, "定型文", "1", "消す", "はい").answers("消しました")
    does(stranger, "キャンセル", "定型文").answers("定型文はまだありません")


@pytest.mark.parametrize("what", ["save", "remove"])
def test_another_schools_template_is_out_of_reach(town: Town, teacher: Person, what: str) -> None:
    does(teacher, *MADE)
    with town.database.writing() as tx:
        other = town.opens_school(tx, "となり小学校", ["1年1組"], [])
    stranger = town.staff("隣の校長", Role.MANAGER, other)
    with town.database.writing() as tx:
        actor = staff.actor_of(tx, stranger.contact_id)
        assert actor
        wording = templates.Wording("運動会", Purpose.EVENT, "件名", "本文")
        done = (
            templates.save(tx, actor, other, wording, 1)
            if what == "save"
            else templates.remove(tx, actor, 1)
        )
        missing = templates.remove(tx, actor, 77)
    assert scene_code(done) == "not_allowed"
    assert scene_code(missing) == "unknown_template"
    assert kept(town) == [("運動会", "{時刻}から運動会", "〔時刻〕に〔場所〕へ。")]
    assert (f"{what}_template", "not_allowed") in verbs(town)


def test_one_that_is_gone_meanwhile_is_said_so(
    town: Town, teacher: Person, principal: Person, guardian: Person
) -> None:
    does(teacher, *MADE)
    does(principal, "定型文")
    does(teacher, "定型文", "1", "消す")
    does(teacher, "はい")
    does(principal, "1").answers("もうありません")
    guardian.says("定型文")
    Bot(guardian).answers("担当者だけ")


def test_no_template_has_more_slots_than_anybody_fills_in(
    town: Town, teacher: Person, principal: Person
) -> None:
    many = "".join(f"〔{n}番目〕" for n in range(MOST_SLOTS + 1))
    bot = does(teacher, "定型文", "新しく作る", "4", "行進")
    bot.answers("本文")
    does(teacher, many).answers("20個まで")
    does(teacher, many.removesuffix(f"〔{MOST_SLOTS}番目〕"), "運動会").answers("保存しました")
    does(teacher, "定型文", "運動会", "直す", "本文", many).answers("20個まで")
    with town.database.writing() as tx:
        actor = staff.actor_of(tx, teacher.contact_id)
        assert actor
        wording = templates.Wording("行進", Purpose.EVENT, "行進", many)
        refused = templates.save(tx, actor, town.school_id, wording)
    assert refused == refuse("many_slots", most=MOST_SLOTS)


def test_what_a_slot_makes_of_the_whole_is_not_too_long() -> None:
    """One that stands there a thousand times is filled in a thousand times."""
    script = filled("行事", "〔場所〕" * 1000)
    question = next(script)
    assert isinstance(question, Question)
    long, short = (read_typed(question, text) for text in ("あ" * 21, "あ" * 20))
    assert (long, short) == (Misread(refuse("long_body", most=BODY_LIMIT).words), "あ" * 20)
