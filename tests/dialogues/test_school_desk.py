"""What a school's staff do about registration: school ID, slips and settings."""

from __future__ import annotations

import re

import pytest

from actions import child_codes, registration, schools
from domain import slip_links
from domain.phones import fold_phone
from domain.refusals import Refusal
from domain.roles import Role
from domain.schools import Admission
from storage import schools as stored
from tests.databases import SECRET
from tests.dialogues.kit import Bot, Person, Town


def the_link(town: Town, person: Person) -> slip_links.SlipLink:
    [path] = {path for speech in person.newest for path in re.findall(r"/slips/\S+", speech.text)}
    read = slip_links.read(SECRET, path.removeprefix("/slips/"), town.clock())
    assert read is not None
    return read


def opens(town: Town, code: str, who: str) -> bool:
    contact_id = town.person(who).contact_id
    with town.database.writing() as tx:
        return not isinstance(registration.find_school(tx, contact_id, code), Refusal)


def test_a_teacher_sees_the_school_id_and_only_the_principal_renews_it(
    town: Town, teacher: Person, principal: Person, guardian: Person, bot: Bot
) -> None:
    teacher.says("学校ID")
    Bot(teacher).answers(town.school_code, "まで使えます")
    Bot(teacher).does_not_say("新しくしますか")
    assert teacher.dialogue() is None
    principal.says("学校ID")
    principal.says("新しくする")
    Bot(principal).answers("前の学校IDは使えなくなります")
    principal.says("いいえ")
    Bot(principal).answers("そのままです")
    assert opens(town, town.school_code, "one")
    for words in ("学校ID", "新しくする", "はい"):
        principal.says(words)
    Bot(principal).answers("新しい学校ID")
    assert not opens(town, town.school_code, "two")
    with town.database.reading() as tx:
        issued = schools.current_school_id(tx, town.school_id)
    assert issued
    Bot(principal).answers(issued.id)
    guardian.says("学校ID")
    bot.does_not_say(issued.id)


def test_slips_are_made_for_the_classes_that_were_chosen(
    town: Town, teacher: Person, guardian: Person, bot: Bot
) -> None:
    said = Bot(teacher)
    teacher.says("登録案内")
    said.answers("どのクラス", "1 すべてのクラス", "2 3年1組")
    teacher.says("3年1組,3年2組")
    teacher.says("完了")
    said.answers("何番まで")
    teacher.says("99")
    said.answers("1から60までの数字")
    teacher.says("３５番まで")
    said.answers("70人分", "新しいコード 70人分", "1時間")
    with town.database.reading() as tx:
        classes = [group.id for group in stored.classes_of(tx, town.school_id)]
        made = child_codes.of_classes(tx, classes)
    assert [len(each.codes) for each in made] == [35, 35, 0]
    assert the_link(town, teacher).class_ids == tuple(classes[:2])
    teacher.says("登録案内")
    teacher.says("すべてのクラス")
    said.answers("何番まで")
    said.does_not_say("名簿のとおり")
    teacher.says("36")
    said.answers("そのまま使いますか")
    teacher.says("全員新しくする（前の案内は使えなくなります）")
    said.answers("108人分", "新しいコード 108人分")
    assert not opens(town, made[0].codes[0].code, "holder")
    teacher.says("登録案内")
    teacher.says("すべてのクラス")
    teacher.says("名簿のとおり")
    teacher.says("そのまま使う")
    said.answers("108人分", "新しいコード 0人分")
    guardian.says("登録案内")
    bot.answers("担当者だけの操作です")


def test_a_large_school_gets_its_slips_in_parts(town: Town) -> None:
    with town.database.writing() as tx:
        names = [f"{grade}年{number}組" for grade in range(1, 5) for number in range(1, 5)]
        large = town.opens_school(tx, "第二小学校", [*names, "ひまわり"], [])
    teacher = town.staff("鈴木先生", Role.OPERATOR, large)
    for words in ("登録案内", "すべてのクラス", "2"):
        teacher.says(words)
    Bot(teacher).answers("34人分", "1年1組から2年4組", "3年1組から4年4組", "ひまわりからひまわり")


def test_the_principal_chooses_how_guardians_come_in(
    town: Town, principal: Person, teacher: Person, guardian: Person
) -> None:
    said = Bot(principal)
    principal.says("学校の設定")
    said.answers("学校IDだけで登録", "電話番号：まだありません")
    principal.says("電話番号")
    principal.says("1234")
    said.answers("電話番号がわかりませんでした")
    principal.says("０４８（９６３）０００１です")
    principal.says("048(963)0001")
    said.answers("048-963-0001 にしました")
    for words in ("学校の設定", "登録の受け付け方", "登録コードだけで登録"):
        principal.says(words)
    said.answers("「登録コードだけで登録」にしました")
    principal.says("学校ID")
    said.answers("学校IDだけでは登録できません")
    principal.says("キャンセル")
    with town.database.reading() as tx:
        school = stored.school(tx, town.school_id)
    assert (school.admission, school.phone) == (Admission.INVITE.value, "048-963-0001")
    teacher.says("学校の設定")
    Bot(teacher).answers("いまの役割では使えません")
    for words in ("学校の設定", "電話番号", "番号を消す"):
        principal.says(words)
    said.answers("消しました")


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("048-963-0001", "048-963-0001"),
        ("０４８ー９６３ー０００１", "048-963-0001"),
        ("048(963)0001", "048-963-0001"),
        ("(048) 963-0001", "048-963-0001"),
        ("0489630001", "0489630001"),
        ("TEL: 048 963 0001", "048-963-0001"),
        ("090-1234-5678", "090-1234-5678"),
        ("0120-444-444", "0120-444-444"),
        ("963-0001", None),
        ("110", None),
        ("048-963-00012345", None),
        ("00-1234-5678", None),
        ("よろしく", None),
        ("", None),
    ],
)
def test_a_telephone_number_is_read_as_people_write_it(typed: str, number: str | None) -> None:
    assert fold_phone(typed) == number
