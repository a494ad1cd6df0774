"""状況, 確認しました and 再連絡 as conversations."""

from __future__ import annotations

from sqlalchemy import select

from actions import broadcasts, staff
from domain.audience import Part
from domain.broadcasts import Purpose
from domain.content import Content
from domain.roles import Role
from storage.tables import (
    AudienceMember,
    Broadcast,
    Confirmation,
    Delivery,
    Guardian,
    GuardianContact,
)
from tests.dialogues.kit import FIRST_NUMBER, Person, Town

SUBJECT = "遠足は中止です"


def sent(town: Town, teacher: Person, subject: str = SUBJECT, *, asks: bool = True) -> str:
    """A broadcast that went to every guardian there is; as it is typed on cards: 「1-1」."""
    with town.database.writing() as tx:
        author = staff.actor_of(tx, teacher.contact_id)
        assert author is not None
        content = Content(
            purpose=Purpose.EVENT,
            subject=subject,
            body="バスが来ません。",
            audience=(Part("school", town.school_id),),
            options={"confirm": True} if asks else {},
        )
        saved = broadcasts.save_draft(tx, author, town.school_id, content)
        assert isinstance(saved, broadcasts.Saved)
        row = tx.session.get_one(Broadcast, saved.ref.broadcast_id)
        row.state, row.frozen_at, row.finished_at = "sent", tx.now, tx.now
        query = select(Guardian.id, Guardian.family_id, GuardianContact.contact_point_id).join(
            GuardianContact, GuardianContact.guardian_id == Guardian.id
        )
        for guardian_id, family_id, point in tx.session.execute(query).all():
            keys = {"board_id": town.board_id, "broadcast_id": row.id, "contact_point_id": point}
            tx.session.add(AudienceMember(**keys, guardian_id=guardian_id, family_id=family_id))
            tx.session.add(Delivery(**keys, state="accepted"))
        return f"{row.id}-{row.version}"


def family(town: Town, number: int) -> Person:
    """The guardian of the first, second … of the town's families."""
    return town.person(f"family{FIRST_NUMBER + number - 1}")


def confirmed(town: Town) -> int:
    with town.database.reading() as tx:
        return tx.session.query(Confirmation).count()


def test_a_guardian_confirms_by_typing(town: Town, teacher: Person) -> None:
    town.families()
    number = sent(town, teacher)
    one = family(town, 1)
    assert SUBJECT in one.says(f"確認しました {number}")
    assert "すでに確認済み" in one.says(f"確認しました　{number}。")
    assert confirmed(town) == 1
    # In the middle of something else, which then goes on.
    other = family(town, 2)
    other.says("登録")
    answer = other.says(f"確認しました {number}")
    assert "学校に伝えました" in answer
    assert "学校ID" in answer
    assert "見つかりません" in town.person("stranger").says(f"確認しました {number}")
    assert confirmed(town) == 2
    assert teacher.says(f"確認しました {number}")
    assert confirmed(town) == 2


def test_the_status_of_one_of_several(town: Town, teacher: Person) -> None:
    assert "まだ送った連絡はありません" in teacher.says("状況")
    town.families()
    number = sent(town, teacher)
    assert "6家庭のうち6家庭分" in teacher.says("状況")
    sent(town, teacher, "持ち物", asks=False)
    assert "どの連絡の状況" in teacher.says("/reports")
    family(town, 1).says(f"確認しました {number}")
    answer = teacher.taps(SUBJECT)
    for part in ("「確認しました」：1家庭（まだ：5家庭）", "・3年1組：6家庭のうち5家庭"):
        assert part in answer, part
    for button in ("未確認の方へ再連絡", "撤回する", "訂正を送る", "未確認の家庭の一覧"):
        assert button in teacher.buttons, button
    assert answer == teacher.says(f"状況を見る {number}")


def test_others_see_nothing_of_it(town: Town, teacher: Person, guardian: Person) -> None:
    town.families()
    number = sent(town, teacher)
    with town.database.writing() as tx:
        other = town.opens_school(tx, "となり小学校", ["1年1組"], [])
    stranger = town.staff("隣の校長", Role.MANAGER, other)
    assert "まだ送った連絡はありません" in stranger.says("状況")
    for person in (stranger, guardian):
        for verb in ("状況を見る", "未確認の方へ再連絡"):
            assert SUBJECT not in person.says(f"{verb} {number}")


def test_only_the_unconfirmed_are_reminded(town: Town, teacher: Person, principal: Person) -> None:
    town.families()
    number = sent(town, teacher)
    for each in (1, 2, 3):
        family(town, each).says(f"確認しました {number}")
    answer = teacher.says(f"未確認の方へ再連絡 {number}")
    assert "3家庭への再連絡" in answer, answer
    principal.listens()
    shown = "\n".join(each.text for each in principal.newest)
    assert f"【再連絡】{SUBJECT}" in shown
    assert "もう一度お送りしています" in shown
    assert "少し前に作られています" in teacher.says(f"未確認の方へ再連絡 {number}")
    town.clock.forward(hours=4)
    for each in (4, 5, 6):
        family(town, each).says(f"確認しました {number}")
    assert "すべての家庭が確認済み" in teacher.says(f"未確認の方へ再連絡 {number}")
