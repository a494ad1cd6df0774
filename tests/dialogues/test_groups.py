"""Groups in chat: staff manage them, guardians join and leave."""

from __future__ import annotations

import pytest

from actions import registration, schools
from bot.dialogues.manage_groups import read_children
from bot.steps import Misread
from domain.roles import Role
from storage import groups as stored
from storage import people
from storage import schools as stored_schools
from storage.tables import Group
from tests.dialogues.kit import Bot, Person, Town

CLASSES = [{"id": 1, "name": "3年1組"}, {"id": 2, "name": "3年2組"}]


def named(town: Town, name: str, school_id: int | None = 0) -> Group | None:
    place = town.school_id if school_id == 0 else school_id
    with town.database.reading() as tx:
        return stored.named(tx, town.board_id, place, name)


def registers(town: Town, name: str, number: int) -> Person:
    """A guardian of a child in the first class."""
    person = town.person(name)
    contact_id = person.contact_id
    with town.database.writing() as tx:
        first = stored_schools.classes_of(tx, town.school_id)[0]
        registration.register(tx, contact_id, town.school_id, first.id, number)
    return person


def joined(town: Town, person: Person) -> list[str]:
    with town.database.reading() as tx:
        return [group.name for _, group in people.groups_joined(tx, person.contact_id)]


def test_a_group_is_made_filled_and_dissolved(town: Town, teacher: Person) -> None:
    bot = Bot(teacher)
    parent = registers(town, "parent", 12)
    teacher.says("グループ管理")
    bot.answers("3年1組（1家庭）", "サッカー部（0家庭）", "新しく作る")
    teacher.says("新しく作る")
    teacher.says("通学班・バス")
    teacher.says("どこにも置かない")
    teacher.says("サッカー部")
    bot.answers("すでにあります", "名前を送ってください")
    teacher.says("東の1班")
    bot.answers("「東の1班」を作りました")
    assert named(town, "東の１班")
    teacher.says("グループ管理")
    teacher.says("東の1班")
    bot.answers("東の1班（通学班・バス、0家庭）", "人を入れる")
    teacher.says("人を入れる")
    teacher.says("どなたでも")
    bot.answers("読み取れませんでした")
    teacher.says("3年1組 12番、13番")
    bot.answers("1家庭を入れました", "登録がありません", "3年1組 13番")
    assert joined(town, parent) == ["3年1組", "東の1班"]
    teacher.says("グループ管理")
    teacher.says("東の1班")
    teacher.says("なくす")
    bot.answers("（1家庭）をなくしますか")
    teacher.says("はい")
    bot.answers("なくしました")
    assert joined(town, parent) == ["3年1組"]


def test_renaming_moving_joining_and_parts(town: Town, teacher: Person) -> None:
    bot = Bot(teacher)
    with town.database.writing() as tx:
        schools.add_group(tx, town.school_id, "3年", "grade")

    def wishes(group: str, *answers: str) -> None:
        for words in ("グループ管理", group, *answers):
            teacher.says(words)

    wishes("3年1組", "上のグループを変える", "3年")
    wishes("3年", "上のグループを変える", "3の1")
    bot.answers("そのグループ自身を含む")
    wishes("合唱部", "ほかのグループを組み合わせる", "3年、サッカー部", "完了")
    wishes("合唱部", "保護者が参加できないようにする")
    wishes("合唱部")
    bot.answers("・3年", "・サッカー部", "保護者が参加できるようにする")
    teacher.says("名前を変える")
    teacher.says("音楽部")
    bot.answers("「音楽部」に変えました")
    group, above = named(town, "音楽部"), named(town, "3年")
    first = named(town, "3年1組")
    assert group
    assert above
    assert first
    assert not group.joinable
    assert first.parent_id == above.id


def test_a_group_in_use_stays(town: Town, teacher: Person, principal: Person) -> None:
    del principal
    town.families()
    bot = Bot(teacher)
    for words in (
        "作成",
        "行事の中止・変更",
        "3年1組",
        "完了",
        "遠足",
        "中止です。",
        "なし",
        "いますぐ",
        "承認を依頼",
    ):
        teacher.says(words)
    bot.answers("承認を依頼しました")
    for words in ("グループ管理", "3年1組", "なくす"):
        teacher.says(words)
    bot.answers("お子さんがいるため")
    with town.database.writing() as tx:
        schools.add_group(tx, town.school_id, "3年", "grade")
    for words in ("グループ管理", "サッカー部", "上のグループを変える", "3年1組"):
        teacher.says(words)
    for words in ("グループ管理", "サッカー部", "なくす"):
        teacher.says(words)
    bot.answers("「遠足」の宛先", "なくせません")


def test_the_centre_makes_a_group_of_schools(town: Town) -> None:
    town.families()
    centre = town.staff("センター", Role.CENTRE)
    bot = Bot(centre)
    for words in ("グループ管理", "新しく作る", "その他", "PTA連合会"):
        centre.says(words)
    bot.answers("「PTA連合会」を作りました")
    for words in ("グループ管理", "PTA連合会"):
        centre.says(words)
    bot.does_not_say("人を入れる")
    for words in ("ほかのグループを組み合わせる", "第一小学校"):
        centre.says(words)
    centre.says("グループ管理")
    bot.answers("PTA連合会（6家庭）")


def test_guardians_have_nothing_to_manage(town: Town, guardian: Person, bot: Bot) -> None:
    del town
    guardian.says("グループ管理")
    bot.does_not_say("新しく作る")


def test_guardians_join_and_leave_several_at_once(town: Town, teacher: Person) -> None:
    parent = registers(town, "parent", 12)
    bot = Bot(parent)
    with town.database.writing() as tx:
        schools.set_phone(tx, town.school_id, "048-963-0001")
        schools.add_group(tx, town.school_id, "東の1班", "route")
    for words in ("グループ管理", "東の1班", "人を入れる", "3-1 12"):
        teacher.says(words)
    parent.says("グループ")
    bot.answers("048-963-0001", "・東の1班", "1 入る：サッカー部", "2 入る：合唱部", "完了")
    bot.does_not_say("やめる：東の1班")
    parent.says("1,2")
    bot.answers("参加しました", "・サッカー部", "・合唱部")
    parent.says("グループ")
    parent.says("やめる：合唱部")
    parent.says("完了")
    bot.answers("やめました", "・合唱部")
    assert joined(town, parent) == ["3年1組", "サッカー部", "東の1班"]
    parent.says("グループ")
    parent.says("完了")
    bot.answers("そのままです")


def test_who_is_registered_nowhere_is_told_so(town: Town, guardian: Person, bot: Bot) -> None:
    del town
    guardian.says("/groups")
    bot.answers("先に学校の登録")


@pytest.mark.parametrize(
    ("typed", "children"),
    [
        ("3年2組 12番、13番", [[2, 12], [2, 13]]),
        ("３の２　１２", [[2, 12]]),
        ("3年1組5番 3年2組6番", [[1, 5], [2, 6]]),
        ("3-1 4, 3-2 5 6", [[1, 4], [2, 5], [2, 6]]),
        ("12番", None),
        ("3年2組", None),
        ("4年1組 2", None),
    ],
)
def test_children_are_read(typed: str, children: list[list[int]] | None) -> None:
    read = read_children(CLASSES, typed)
    assert isinstance(read, Misread) if children is None else read == children
