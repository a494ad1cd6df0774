"""Cards in the hands of who may not use them."""

from __future__ import annotations

from sqlalchemy import select

from actions import audit
from domain.refusals import refuse
from domain.roles import Role
from domain.wording import render
from storage.tables import AuditEntry
from tests.dialogues.kit import Bot, Person, Town
from tests.dialogues.test_compose import SHORT, composes


def test_a_card_tapped_by_who_is_no_staff_is_recorded_once_an_hour(
    town: Town, teacher: Person, principal: Person, guardian: Person
) -> None:
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.listens()
    for _ in range(3):
        guardian.presses(principal.buttons["承認"])
        guardian.says("却下 9-9")
    town.clock.forward(hours=1)
    guardian.says("却下 9-9")
    assert refused_cards(town, guardian) == [
        (f"school:{town.school_id}", "approve", "broadcast:1", {"refused": "not_allowed"}),
        (f"board:{town.board_id}", "reject", "broadcast:9", {"refused": "not_allowed"}),
    ]


def refused_cards(town: Town, person: Person) -> list[tuple[str, str, str, dict[str, object]]]:
    with town.database.reading() as tx:
        query = select(AuditEntry).where(AuditEntry.actor == f"contact:{person.contact_id}")
        rows = tx.session.scalars(query.order_by(AuditEntry.at)).all()
        assert audit.verify(tx) == []
    return [(row.chain, row.verb, row.subject, row.details) for row in rows]


def test_staff_of_another_school_learn_nothing_and_are_recorded(
    town: Town, teacher: Person, principal: Person
) -> None:
    """Whether the broadcast exists, or which version is the newest, sounds the same."""
    town.families()
    composes(teacher, *SHORT, "承認を依頼")
    principal.listens()
    with town.database.writing() as tx:
        other = town.opens_school(tx, "となり小学校", ["1年1組"], [])
    stranger = town.staff("隣の校長", Role.MANAGER, other)
    for verb in ("承認", "差し戻し", "却下", "取り消し", "修正", "表示"):
        for number in ("1-1", "1-9", "77-1"):
            answer = stranger.says(f"{verb} {number}")
            assert answer == render(refuse("not_allowed").words, "ja"), (verb, number)
    # Once an hour for each chain: they may not fill it at will.
    assert [refusals(town, number) for number in ("1-1", "77-1")] == [1, 1]
    town.clock.forward(minutes=61)
    stranger.says("承認 1-1")
    assert refusals(town, "1-1") == 2


def refusals(town: Town, number: str) -> int:
    with town.database.reading() as tx:
        tried = select(AuditEntry).where(
            AuditEntry.subject == f"broadcast:{number.split('-')[0]}",
            AuditEntry.details["refused"].as_string() == "not_allowed",
        )
        return len(tx.session.scalars(tried).all())


def test_a_card_is_heard_although_an_older_question_comes_back(town: Town) -> None:
    """On top of a dialogue another one has expired: the tap must not be lost with it."""
    principal = town.staff("校長", Role.MANAGER)
    teacher = town.staff("先生", Role.OPERATOR)
    town.families()
    for line in ("作成", "7", "1", "件名", "本文", "なし", "今すぐ", "1"):
        teacher.says(line)
    principal.listens()
    principal.says("登録")
    principal.says("言語")
    town.clock.forward(hours=25)
    principal.taps("承認")
    Bot(principal).answers("承認しました")
