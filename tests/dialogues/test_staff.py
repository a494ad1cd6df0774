"""職員: naming operators and deputies, dismissing them, and what becomes of their drafts."""

from __future__ import annotations

import re

import pytest

from actions import staff
from domain.roles import Role
from storage import staff as stored
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import composes, the_broadcast

CODE = re.compile(r"S[0-9A-Z]{3}(?:-[0-9A-Z]{4}){3}")


def named(principal: Person, *answers: str) -> str:
    """The code that came of naming somebody."""
    for words in ("職員", "新しく任命する", *answers):
        principal.says(words)
    heard = principal.says("はい")
    found = CODE.search(heard)
    assert found, heard
    return found[0]


def test_a_principal_names_an_operator_who_can_write_at_once(town: Town, principal: Person) -> None:
    code = named(principal, "メール運用者", "田中先生", "今から", "期限なし")
    teacher = town.person("tanaka")
    teacher.says(code)
    Bot(teacher).answers("田中先生、担当者として登録しました", "メール運用者")
    teacher.says("作成")
    Bot(teacher).answers("何の連絡ですか")


def test_a_deputy_holds_the_role_only_in_the_term(town: Town, principal: Person) -> None:
    code = named(principal, "管理責任者の代理", "教頭", "11月30日", "12月24日")
    deputy = town.person("kyoto")
    deputy.says(code)
    Bot(deputy).answers("管理責任者の代理")
    deputy.says("承認待ち")
    Bot(deputy).answers("担当者だけの操作です")
    assert not _grants(town, deputy)
    town.clock.forward(days=10)
    assert _grants(town, deputy) == {Role.DEPUTY}
    deputy.says("承認待ち")
    Bot(deputy).answers("承認を待っている連絡はありません")
    town.clock.forward(days=30)
    assert not _grants(town, deputy)


@pytest.mark.parametrize("ends", ["10月1日", "昨日"])
def test_a_term_that_is_over_is_asked_again_or_refused(
    town: Town, principal: Person, ends: str
) -> None:
    bot = Bot(principal)
    for words in ("職員", "新しく任命する", "メール運用者", "田中先生", "12月1日", ends):
        principal.says(words)
    if principal.dialogue() == "staff":
        principal.says("11月29日")
        principal.says("はい")
    bot.does_not_say("招待コードです")
    assert _members(town) == 1


def test_the_dismissed_lose_every_role_at_once_and_their_drafts_are_handed_over(
    town: Town, teacher: Person, principal: Person
) -> None:
    colleague = town.staff("同僚", Role.OPERATOR)
    composes(teacher)
    for words in ("職員", "山田先生", "解任する", "同僚"):
        principal.says(words)
    Bot(principal).answers("ここでのすべての役を、すぐに失います")
    principal.says("はい")
    Bot(principal).answers("解任しました", "引き継いだ下書き：1件")
    teacher.listens()
    Bot(teacher).answers("担当を終わりました")
    colleague.listens()
    Bot(colleague).answers("引き継ぎました", "運動会は中止です")
    teacher.says("キャンセル")
    teacher.says("作成")
    Bot(teacher).answers("担当者")
    teacher.says("下書き")
    Bot(teacher).does_not_say("運動会は中止です")
    colleague.says("下書き")
    colleague.says("1")
    Bot(colleague).answers("運動会は中止です")
    assert the_broadcast(town).author_ids == [_id(town, teacher)]


def test_a_submission_of_somebody_dismissed_in_mid_dialogue_is_refused(
    town: Town, teacher: Person, principal: Person
) -> None:
    town.families()
    composes(teacher)
    for words in ("職員", "山田先生", "解任する", "引き継がない", "はい"):
        principal.says(words)
    teacher.taps("承認を依頼")
    assert the_broadcast(town).state == "draft"


def test_nobody_dismisses_themselves_or_above_them(
    town: Town, teacher: Person, principal: Person
) -> None:
    deputy = town.staff("教頭", Role.DEPUTY)
    principal.says("職員")
    assert not any("校長" in label for label in _offered(principal))
    assert "第一小学校の職員です" in deputy.says("職員")
    assert not _offered(deputy)
    assert "いまの役割では使えません" in teacher.says("職員")
    stranger = town.person("だれか")
    stranger.says("/staff")
    Bot(stranger).does_not_say("校長", "先生")


def test_a_lost_code_is_made_anew_and_the_old_one_stops_working(
    town: Town, principal: Person
) -> None:
    old = named(principal, "メール運用者", "田中先生", "今から", "期限なし")
    for words in ("職員", "1"):
        principal.says(words)
    new = CODE.search(principal.says("招待コードを出し直す"))
    assert new
    tanaka = town.person("tanaka")
    tanaka.says(old)
    Bot(tanaka).does_not_say("登録しました")
    tanaka.says(new[0])
    Bot(tanaka).answers("田中先生、担当者として登録しました")


def test_a_lost_telephone_is_cut_off_before_the_new_code(
    town: Town, teacher: Person, principal: Person
) -> None:
    composes(teacher)
    for words in ("職員", "山田先生", "招待コードを出し直す"):
        principal.says(words)
    Bot(principal).answers("何をなくしましたか")
    assert "電話をなくした・替えた" in _offered(principal)[0]
    heard = principal.says("1")
    assert CODE.search(heard)
    Bot(principal).answers("切り離しました")
    teacher.listens()
    Bot(teacher).answers("この端末での担当者としての登録を終わりました")
    assert teacher.dialogue() is None
    teacher.says("作成")
    Bot(teacher).answers("担当者")
    for words in ("職員", "山田先生"):
        principal.says(words)
    assert not any("端末を切る" in label for label in _offered(principal))


def test_who_lost_the_code_alone_and_who_is_cut_without_one(
    town: Town, teacher: Person, principal: Person
) -> None:
    for words in ("職員", "山田先生", "招待コードを出し直す", "2"):
        principal.says(words)
    assert _grants(town, teacher)
    for words in ("職員", "山田先生", "端末を切る", "はい"):
        principal.says(words)
    Bot(principal).answers("切り離しました")
    Bot(principal).does_not_say("招待コードです")
    assert not _grants(town, teacher)


def test_ones_own_other_telephones_are_cut_off_from_the_one_in_hand(
    town: Town, principal: Person
) -> None:
    principal.says("職員")
    assert not any("自分の端末" in label for label in _offered(principal))
    principal.says("終わる")
    second = town.person("second")
    with town.database.writing() as tx:
        code = staff.invite_again(tx, _id(town, principal))
    second.says(code)
    for words in ("職員", "自分の端末", "はい"):
        second.says(words)
    Bot(second).answers("ほかの1台を切り離しました")
    assert _grants(town, second) == {Role.MANAGER}
    assert not _grants(town, principal)


def test_the_board_names_a_manager_of_any_school(town: Town) -> None:
    board = town.staff("委員会", Role.BOARD)
    board.says("職員")
    board.says("第一小学校")
    for words in ("新しく任命する", "メール管理責任者", "新校長", "今から", "年度末まで"):
        board.says(words)
    Bot(board).answers("新校長", "メール管理責任者", "3月31日")
    assert CODE.search(board.says("はい"))


def _grants(town: Town, person: Person) -> set[Role]:
    with town.database.reading() as tx:
        actor = staff.actor_of(tx, person.contact_id)
    return {grant.role for grant in actor.grants} if actor else set()


def _id(town: Town, person: Person) -> int:
    with town.database.reading() as tx:
        actor = staff.actor_of(tx, person.contact_id)
    assert actor
    return actor.staff_id


def _members(town: Town) -> int:
    with town.database.reading() as tx:
        return len(stored.posts_at(tx, town.board_id, town.school_id))


def _offered(person: Person) -> list[str]:
    return [button.label for speech in person.newest for button in speech.buttons]
