"""How guardians are let in: by the school's yes, or by a child's own code."""

from __future__ import annotations

import pytest

from actions import admissions, child_codes, registration, schools
from delivery.admissions import tick_admissions
from domain.roles import Role
from domain.schools import Admission
from storage import admissions as stored_admissions
from storage import child_codes as stored_codes
from storage import schools as stored
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_register import registers


@pytest.fixture
def teacher_bot(teacher: Person) -> Bot:
    return Bot(teacher)


def set_rule(town: Town, rule: Admission) -> None:
    with town.database.writing() as tx:
        schools.set_admission(tx, town.school_id, rule)


def asks(person: Person, town: Town, *answers: str) -> None:
    """Ask to be registered, as far as the question for a mail address."""
    registers(person, town.school_code, "はい", *(answers or ("3-2", "5")), "いいえ", "完了", "1")


def applies(person: Person, town: Town, nth_class: int, number: int) -> None:
    """Ask to be registered, without the conversation."""
    contact_id = person.contact_id
    with town.database.writing() as tx:
        class_id = stored.classes_of(tx, town.school_id)[nth_class].id
        child = registration.NewChild(class_id, number)
        admissions.apply(tx, contact_id, town.school_id, [child], [])


def groups(town: Town, person: Person) -> tuple[str, ...]:
    with town.database.reading() as tx:
        joined = registration.joined(tx, person.contact_id)
    return joined[0].groups if joined else ()


def code_of(town: Town, class_name: str, number: int) -> str:
    with town.database.writing() as tx:
        classes = {group.name: group.id for group in stored.classes_of(tx, town.school_id)}
        class_id = classes[class_name]
        child_codes.make(tx, town.school_id, [class_id], [number])
        return stored_codes.codes_of(tx, [class_id])[0].code


def test_a_teacher_says_yes_with_one_tap(
    town: Town, guardian: Person, bot: Bot, teacher: Person, teacher_bot: Bot
) -> None:
    set_rule(town, Admission.CONFIRM)
    asks(guardian, town)
    bot.answers("申し込みました。学校が確認します", "メールアドレス")
    assert groups(town, guardian) == ()
    guardian.says("なし")
    bot.answers("学校の確認をお待ちください")
    teacher.listens()
    teacher_bot.answers("登録の申し込みがあります", "・3年2組 5番", "ウェブ", "認める")
    teacher_bot.does_not_say("guardian")
    teacher.taps("認める")
    teacher_bot.answers("登録を認めました")
    guardian.listens()
    bot.answers("第一小学校の登録が認められました")
    assert groups(town, guardian) == ("3年2組",)
    # Another child waits again, one who is known does not.
    asks(guardian, town, "3-2", "5")
    bot.answers("すでに登録されています")
    guardian.says("なし")
    asks(guardian, town, "4-1", "9")
    bot.answers("申し込みました")
    assert groups(town, guardian) == ("3年2組",)


def test_the_other_one_is_told_who_decided(
    town: Town, guardian: Person, bot: Bot, teacher: Person, principal: Person
) -> None:
    set_rule(town, Admission.CONFIRM)
    asks(guardian, town)
    guardian.says("なし")
    principal.says("作成")
    teacher.says("断る 1")
    Bot(teacher).answers("登録を断りました")
    principal.taps("認める")
    Bot(principal).answers("山田先生が", "断っています", "続き")
    guardian.listens()
    bot.answers("確認ができませんでした", "学校へお電話ください")
    stranger = town.person("stranger")
    stranger.says("認める 1")
    Bot(stranger).answers("権限がありません")
    other = town.staff("他校", Role.OPERATOR, _other_school(town))
    other.says("認める 1")
    Bot(other).answers("権限がありません")
    other.says("一つずつ見る 1")
    Bot(other).answers("見つかりません")
    assert groups(town, guardian) == ()


def _other_school(town: Town) -> int:
    with town.database.writing() as tx:
        return town.opens_school(tx, "第二小学校", ["1年1組"], [])


def test_who_waits_can_add_start_over_and_take_it_back(
    town: Town, guardian: Person, bot: Bot, teacher: Person, teacher_bot: Bot
) -> None:
    set_rule(town, Admission.CONFIRM)
    asks(guardian, town, "3-2", "なし")
    guardian.says("なし")
    registers(guardian, town.school_code, "はい")
    bot.answers("確認を待っています", "・3年2組", "1 お子さんを追加する")
    registers(guardian, "追加", "1", "4-1", "9", "いいえ", "完了", "登録する", "なし")
    teacher.taps("認める")
    teacher_bot.answers("申し込み直されています")
    teacher.says("登録の承認")
    teacher_bot.answers("1件の登録が待っています", "3年2組", "4年1組 9番")
    teacher.says("今はしない")
    registers(guardian, town.school_code, "はい", "申し込み直す", "3-1", "1", "いいえ", "完了", "1")
    guardian.says("なし")
    teacher.says("登録の承認")
    teacher_bot.answers("3年1組 1番")
    teacher_bot.does_not_say("4年1組")
    registers(guardian, town.school_code, "はい", "このまま待つ")
    registers(guardian, town.school_code, "はい", "申し込みを取り下げる")
    bot.answers("取り下げました")
    teacher.says("1")
    teacher.says("認める")
    teacher_bot.answers("0件の登録を認めました")
    assert groups(town, guardian) == ()


def test_many_come_at_once(
    town: Town, teacher: Person, teacher_bot: Bot, principal: Person
) -> None:
    set_rule(town, Admission.CONFIRM)
    people = [town.person(f"guardian{number}") for number in range(1, 13)]
    for number, person in enumerate(people):
        town.clock.forward(seconds=20)
        applies(person, town, number % 3, number + 1)
    assert teacher.listens().count("登録の申し込みがあります") == 1
    tick_admissions(town.database)
    assert teacher.listens() == ""
    town.clock.forward(minutes=10)
    for _ in range(3):
        tick_admissions(town.database)
    assert teacher.listens().count("12件の登録が待っています") == 1
    teacher.taps("一つずつ見る")
    teacher_bot.answers("12件の登録が待っています", "3年1組（4件）", "すべてのクラス")
    teacher.says("3年2組")
    teacher_bot.answers("4件の登録", "1 3年2組 2番", "ウェブ")
    teacher.says("1,2")
    teacher_bot.answers("2件を選びました")
    teacher.says("断る")
    teacher_bot.answers("2件の登録を断りました", "10件の登録が待っています")
    teacher.says("キャンセル")
    late = town.person("late")
    town.clock.forward(seconds=1)
    applies(late, town, 0, 30)
    principal.taps("すべて認める")
    Bot(principal).answers("10件の登録を認めました")
    while tick_admissions(town.database):
        pass
    assert [bool(groups(town, person)) for person in people].count(True) == 10
    assert groups(town, late) == ()
    assert "登録が認められました" in people[0].listens()
    # What nobody looks at is shown again the next day, and ends after a fortnight.
    town.clock.forward(minutes=11)
    tick_admissions(town.database)
    assert "・3年1組 30番" in teacher.listens()
    town.clock.forward(days=1)
    tick_admissions(town.database)
    assert "・3年1組 30番" in teacher.listens()
    town.clock.forward(days=13)
    tick_admissions(town.database)
    assert "14日" in late.listens()
    teacher.taps("認める")
    teacher_bot.answers("期限が切れました")


def test_a_code_is_needed_where_each_child_has_one(town: Town, guardian: Person, bot: Bot) -> None:
    set_rule(town, Admission.INVITE)
    code = code_of(town, "3年2組", 7)
    assert code[:4] == town.school_code[:4]
    guardian.says(town.school_code)
    bot.answers("お子さんごとの登録コードが必要です", "学校IDを送ってください")
    guardian.says(f"{code[:4]}-2222-3333")
    bot.answers("この学校IDは使えません")
    guardian.says(code.lower().replace("-", " "))
    bot.answers("第一小学校", "3年2組 7番", "このお子さんでよろしいですか")
    guardian.says("はい")
    bot.answers("登録しました", "メール")
    guardian.says("なし")
    assert groups(town, guardian) == ("3年2組",)


@pytest.mark.parametrize("rule", [Admission.OPEN, Admission.CONFIRM])
def test_a_code_lets_in_everywhere_but_not_a_whole_class(town: Town, rule: Admission) -> None:
    set_rule(town, rule)
    code = code_of(town, "4年1組", 1)
    for number in range(4):
        registers(town.person(f"guardian{number}"), code, "はい")
    fifth = town.person("fifth")
    registers(fifth, code, "はい")
    Bot(fifth).answers("すでに4人の方が使っています")
    assert groups(town, fifth) == ()
    again = town.person("guardian0")
    again.says("なし")
    registers(again, code, "はい")
    Bot(again).answers("すでに登録されています")


def test_a_code_ends(town: Town, guardian: Person, bot: Bot) -> None:
    code = code_of(town, "4年1組", 1)
    registers(guardian, code)
    with town.database.writing() as tx:
        classes = [group.id for group in stored.classes_of(tx, town.school_id)]
        assert child_codes.revoke(tx, town.school_id, classes, [2]) == 0
        assert child_codes.revoke(tx, town.school_id, classes, [1]) == 1
    guardian.says("はい")
    bot.answers("この学校IDは使えません")
    code = code_of(town, "4年1組", 1)
    registers(guardian, code, "はい", "なし")
    # Whoever leaves can come back with the slip.
    registers(guardian, "退会", "はい")
    assert groups(town, guardian) == ()
    registers(guardian, code, "はい", "なし")
    assert groups(town, guardian) == ("4年1組",)
    registers(guardian, "退会", "はい")
    town.clock.forward(days=61)
    guardian.says(code)
    bot.answers("使えません")


def test_who_only_waits_can_leave_altogether(town: Town, guardian: Person, bot: Bot) -> None:
    set_rule(town, Admission.CONFIRM)
    applies(guardian, town, 1, 12)
    guardian.says("キャンセル")
    guardian.says("退会")
    bot.answers("第一小学校")
    guardian.says("はい")
    with town.database.reading() as tx:
        assert not stored_admissions.schools_asked(tx, guardian.contact_id)
    guardian.says("退会")
    bot.does_not_say("第一小学校")


def test_a_flood_from_the_web_is_declined_and_the_others_stay(town: Town, teacher: Person) -> None:
    set_rule(town, Admission.CONFIRM)
    known = town.person("a mother", "line")
    applies(known, town, 0, 5)
    for n in range(12):
        applies(town.person(f"spam{n}"), town, 0, n + 10)
    for words in ("登録の承認", "9"):
        teacher.says(words)
    heard = teacher.says("ウェブからの申し込みだけ断る")
    assert "12件の申し込みを断ります" in heard
    teacher.says("はい")
    Bot(teacher).answers("12件の登録を断りました")
    with town.database.reading() as tx:
        left = stored_admissions.waiting_at(tx, town.school_id)
        assert [row.contact_point_id for row in left] == [known.contact_id]


def test_everything_is_declined_only_after_a_yes(town: Town, teacher: Person) -> None:
    set_rule(town, Admission.CONFIRM)
    for n in range(12):
        applies(town.person(f"spam{n}"), town, 0, n + 10)
    for words in ("登録の承認", "9", "すべて断る", "いいえ"):
        teacher.says(words)
    Bot(teacher).answers("そのままにしました")
    with town.database.reading() as tx:
        assert stored_admissions.count_waiting(tx, town.school_id) == 12
    for words in ("登録の承認", "9", "すべて断る", "はい"):
        teacher.says(words)
    while tick_admissions(town.database):
        pass
    spam = town.person("spam3")
    spam.listens()
    Bot(spam).answers("登録の確認ができませんでした")
