"""Emergencies: sent first, acknowledged by somebody else, and in the end told to the board."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from actions import boards, broadcasts, emergencies, registration
from domain.audience import Part
from domain.broadcasts import Purpose, State
from domain.cards import CardRef
from domain.content import is_emergency
from domain.emergencies import Step
from domain.roles import Actor, Role
from domain.wording import render
from storage import broadcasts as stored
from storage import people, staff
from storage.database import Database
from storage.tables import Broadcast, EmergencyReport, StaffContact
from tests.actions import city as scene
from tests.actions.city import City, code, recorded, told
from tests.databases import Clock


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """What two do at once is the subject of tests/delivery/test_escalation.py, on both."""
    return sqlite_database


TEXT: dict[str, Any] = {"purpose": Purpose.EARTHQUAKE, "body": "校庭にいます。"}
REASON = "電話がつながらない"


def saved(database: Database, city: City, actor: Actor, **changes: Any) -> CardRef:
    wanted = scene.content(city, "地震", **{**TEXT, **changes})
    with database.writing() as tx:
        done = broadcasts.save_draft(tx, actor, city.school, wanted, ())
    assert isinstance(done, broadcasts.Saved), done
    return done.ref


def sent(database: Database, city: City, actor: Actor, **changes: Any) -> CardRef:
    ref = saved(database, city, actor, **changes)
    with database.writing() as tx:
        done = emergencies.send_first(tx, actor, ref, REASON)
    assert isinstance(done, emergencies.SentFirst), done
    return done.ref


def ways(city: City, *names: str) -> list[int]:
    return [city.contacts[name] for name in names]


def heard(database: Database, city: City, name: str) -> int:
    """How many cards of the report somebody got."""
    return sum("【緊急の報告" in each for each in told(database, city.contacts[name]))


def report(database: Database) -> EmergencyReport:
    with database.reading() as tx:
        return tx.session.scalars(select(EmergencyReport)).one()


def steps(database: Database) -> list[Step | None]:
    """What one tick does."""
    with database.writing() as tx:
        due = emergencies.due_steps(tx)
        return [emergencies.take_step(tx, one) for one in due]


def test_it_goes_out_at_once_and_becomes_a_case(database: Database, clock: Clock) -> None:
    """Due now, whatever time the draft had, with nobody's approval; an emergency from now on."""
    city, cast = scene.build_with_cast(database)
    later = clock() + timedelta(hours=5)
    ref = saved(database, city, cast.teacher, send_at=later)
    with database.writing() as tx:
        done = emergencies.send_first(tx, cast.teacher, ref, f" {REASON}\u202e ")
    assert isinstance(done, emergencies.SentFirst)
    assert (done.families, done.told) == (6, 2)
    row = scene.row(database, ref)
    assert (row.state, row.due_at, row.send_at) == ("approved", clock(), None)
    assert (row.submitted_by, row.decided_by, row.approved_families) == (
        cast.teacher.staff_id,
        None,
        None,
    )
    assert is_emergency(row.options)
    with database.reading() as tx:
        assert stored.hash_now(tx, row) == row.content_hash
        case = emergencies.case(tx, row.id)
    assert case
    facts = case.as_dict()
    reached = facts.pop("reached")
    assert facts == {
        "id": row.id,
        "school": "k01",
        "state": "approved",
        "purpose": "earthquake",
        "subject": "地震",
        "audience": "全校（第一小学校）",
        "sent_by": "teacher",
        "opened_at": clock().isoformat(),
        "reason": REASON,
        "reminded_at": None,
        "escalated_at": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "remarks": "",
    }
    assert reached["families"]["total"] == 0
    assert [heard(database, city, name) for name in ("principal", "deputy", "teacher")] == [1, 1, 0]
    about = recorded(database, city, f"broadcast:{row.id}")
    who = f"staff:{cast.teacher.staff_id}"
    assert about == [(who, "edit", ""), (who, "send_first", "")]


def test_what_may_not_be_sent_first(database: Database, clock: Clock) -> None:
    """An ordinary purpose, too few families, another version, other people; all recorded."""
    city, cast = scene.build_with_cast(database)
    ordinary = saved(database, city, cast.teacher, purpose=Purpose.EVENT)
    small = saved(database, city, cast.teacher, audience=(Part("group", city.class_b),))
    over = saved(database, city, cast.teacher, valid_until=clock())
    ref = saved(database, city, cast.teacher)
    with database.writing() as tx:
        stranger = scene.add_staff(tx, city, "stranger", Role.MANAGER, city.other_school)
        centre = scene.add_staff(tx, city, "centre", Role.CENTRE, None)

        def tried(actor: Actor, what: CardRef) -> str:
            return code(emergencies.send_first(tx, actor, what, ""))

        assert tried(cast.teacher, ordinary) == "no_emergency_purpose"
        assert tried(cast.teacher, small) == "audience_too_small"
        assert tried(cast.teacher, over) == "too_late"
        assert tried(cast.teacher, CardRef(ref.broadcast_id, 9, ref.mark)) == "stale_card"
        assert tried(cast.teacher, CardRef(999, 1, 1)) == "unknown_broadcast"
        assert tried(stranger, ref) == "not_allowed"
        assert tried(centre, ref) == "not_allowed"
        staff.end_role(tx, cast.teacher.staff_id, Role.OPERATOR, city.school)
        assert tried(cast.teacher, ref) == "not_allowed"
    with database.reading() as tx:
        assert tx.session.scalars(select(EmergencyReport)).all() == []
    assert len([1 for _, _, refused in recorded(database, city, subject(ref)) if refused]) == 4
    assert scene.row(database, small).options == {}
    assert told(database, city.contacts["principal"])[1:] == []


def subject(ref: CardRef) -> str:
    return f"broadcast:{ref.broadcast_id}"


def test_however_few_there_are_they_are_warned(database: Database) -> None:
    """A class that looks small, or was made to look so, is not left without a warning."""
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        point = scene.contact(tx, city, "one")
        registration.register(tx, point, city.school, city.class_b, 7)
    few = saved(database, city, cast.teacher, audience=(Part("group", city.class_b),))
    with database.writing() as tx:
        done = emergencies.send_first(tx, cast.teacher, few, "")
    assert isinstance(done, emergencies.SentFirst)
    assert done.families == 1


def test_the_same_is_not_sent_twice(database: Database, clock: Clock) -> None:
    """By two teachers after one earthquake; another text, another audience, or the same once it
    was taken back or some time later, is.
    """
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        other = scene.add_staff(tx, city, "other", Role.OPERATOR, city.school)
        registration.register(tx, city.contacts["other"], city.school, city.class_a, 7)

    def tries(**changes: Any) -> object:
        ref = saved(database, city, other, **changes)
        with database.writing() as tx:
            return emergencies.send_first(tx, other, ref, "")

    first = sent(database, city, cast.teacher)
    clock.forward(seconds=70)
    refused = tries()
    assert code(refused) == "emergency_sent_twice"
    assert "teacherさん" in render(refused.words, "ja")  # type: ignore[attr-defined]
    assert isinstance(tries(body="体育館にいます。"), emergencies.SentFirst)
    in_class = (Part("group", city.class_a),)
    assert isinstance(tries(audience=in_class), emergencies.SentFirst)
    with database.reading() as tx:
        lately = [render(one, "ja") for one in emergencies.sent_lately(tx, city.board, city.school)]
        assert len(emergencies.sent_lately(tx, city.board, None)) == 3
        assert emergencies.sent_lately(tx, city.board, city.other_school) == []
    assert len(lately) == 3
    assert lately[2].startswith(
        "1分前に、teacherさんが全校（第一小学校）へ「地震」を送っています。"
    )
    with database.writing() as tx:
        withdrawn = stored.broadcast(tx, first.broadcast_id)
        stored.move(tx, withdrawn, State.CANCELLED, withdrawn.content_hash)
    assert isinstance(tries(), emergencies.SentFirst)
    clock.forward(minutes=2)
    assert isinstance(tries(), emergencies.SentFirst)
    clock.forward(minutes=10)
    with database.reading() as tx:
        assert emergencies.sent_lately(tx, city.board, city.school) == []


def test_no_quota_stops_it(database: Database) -> None:
    """Nothing here asks whether the month's messages suffice: who is over gets it by other ways."""
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        boards.change_settings(tx, city.board, over_quota="refuse")
    sent(database, city, cast.teacher)


def test_the_first_who_acknowledges_is_noted_and_the_others_are_told(database: Database) -> None:
    city, cast = scene.build_with_cast(database)
    ref = sent(database, city, cast.teacher)
    with database.writing() as tx:
        assert code(emergencies.acknowledge(tx, cast.teacher, ref)) == "not_allowed"
        dead = CardRef(ref.broadcast_id, ref.version, 1)
        assert code(emergencies.acknowledge(tx, cast.deputy, dead)) == "stale_card"
        done = emergencies.acknowledge(tx, cast.deputy, ref)
        assert isinstance(done, emergencies.Case)
        assert done.acknowledged_by == "deputy"
        late = emergencies.acknowledge(tx, cast.principal, ref)
        assert code(late) == "already_acknowledged"
        remarked = emergencies.remark(tx, cast.principal, ref, "よい判断でした。")
        assert isinstance(remarked, emergencies.Case)
        assert (remarked.acknowledged_by, remarked.remarks) == ("deputy", "よい判断でした。")
    for name in ("teacher", "principal"):
        assert any("deputyさんが確認しました" in one for one in told(database, city.contacts[name]))
    assert any("よい判断" in one for one in told(database, city.contacts["deputy"]))
    assert steps(database) == []


def test_a_manager_who_sends_it_needs_somebody_else_to_acknowledge(database: Database) -> None:
    """The deputy; without one the board, at once; without that, nobody else can."""
    city, cast = scene.build_with_cast(database)
    ref = sent(database, city, cast.principal)
    with database.writing() as tx:
        assert code(emergencies.acknowledge(tx, cast.principal, ref)) == "own_emergency"
        assert heard(database, city, "deputy") == 1
        assert report(database).escalated_at is None
        staff.end_role(tx, cast.deputy.staff_id, Role.DEPUTY, city.school)
    alone = sent(database, city, cast.principal, body="体育館にいます。")
    assert heard(database, city, "principal") == 1
    with database.writing() as tx:
        assert isinstance(emergencies.acknowledge(tx, cast.principal, alone), emergencies.Case)
        member = scene.add_staff(tx, city, "member", Role.BOARD, None)
    third = sent(database, city, cast.principal, body="校舎にいます。")
    assert heard(database, city, "member") == 1
    with database.writing() as tx:
        assert code(emergencies.acknowledge(tx, cast.principal, third)) == "own_emergency"
        assert isinstance(emergencies.acknowledge(tx, member, third), emergencies.Case)


@pytest.mark.parametrize("why", ["lost", "blocked"])
def test_the_board_gets_it_at_once_where_no_manager_can_be_told(
    database: Database, clock: Clock, why: str
) -> None:
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        member = scene.add_staff(tx, city, "member", Role.BOARD, None)
        there = ways(city, "principal", "deputy")
        if why == "lost":
            tx.session.execute(delete(StaffContact).where(StaffContact.contact_point_id.in_(there)))
        for contact_id in there:
            people.contact(tx, contact_id).state = "blocked" if why == "blocked" else "active"
    ref = sent(database, city, cast.teacher)
    assert heard(database, city, "member") == 1
    assert report(database).escalated_at == clock()
    with database.writing() as tx:
        assert isinstance(emergencies.acknowledge(tx, member, ref), emergencies.Case)


def test_reminders_then_the_board_once(database: Database, clock: Clock) -> None:
    """Nobody hears anything twice; the board may take note only of what it was told."""
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        member = scene.add_staff(tx, city, "member", Role.BOARD, None)
    ref = sent(database, city, cast.teacher)
    seen = []
    for _ in range(8):
        clock.forward(minutes=5)
        seen.append((steps(database), steps(database)))
        if len(seen) == 5:
            with database.writing() as tx:
                assert code(emergencies.acknowledge(tx, member, ref)) == "not_allowed"
    nothing: tuple[list[Any], list[Any]] = ([], [])
    remind: tuple[list[Any], list[Any]] = ([Step.REMIND], [])
    escalate: tuple[list[Any], list[Any]] = ([Step.ESCALATE], [])
    assert seen == [nothing, remind, nothing, remind, nothing, escalate, nothing, nothing]
    assert [heard(database, city, name) for name in ("principal", "deputy", "member")] == [3, 3, 1]
    assert any("30分たっても" in one for one in told(database, city.contacts["member"]))
    with database.writing() as tx:
        assert isinstance(emergencies.remark(tx, member, ref, "電話しました。"), emergencies.Case)
    clock.forward(days=3)
    assert steps(database) == []
    verbs = [verb for _, verb, _ in recorded(database, city, subject(ref))]
    assert verbs.count("remind_emergency") == 2
    assert verbs.count("escalate_emergency") == 1


def test_a_case_that_was_taken_back_reminds_nobody(database: Database, clock: Clock) -> None:
    """Edited before it left, it is a draft; sent first again, its case begins anew."""
    city, cast = scene.build_with_cast(database)
    ref = sent(database, city, cast.teacher)
    with database.writing() as tx:
        emergencies.acknowledge(tx, cast.deputy, ref)
        again = broadcasts.save_draft(
            tx, cast.teacher, city.school, scene.content(city, "地震", **TEXT), (), ref
        )
        assert isinstance(again, broadcasts.Saved)
    clock.forward(hours=5)
    assert steps(database) == []
    with database.writing() as tx:
        emergencies.send_first(tx, cast.teacher, again.ref, "")
    assert (report(database).acknowledged_at, report(database).opened_at) == (None, clock())
    clock.forward(minutes=10)
    assert steps(database) == [Step.REMIND]


def test_when_it_is_sent_those_answerable_hear_whom_it_reached(database: Database) -> None:
    city, cast = scene.build_with_cast(database)
    ref = sent(database, city, cast.teacher)
    with database.writing() as tx:
        tx.session.execute(update(Broadcast).values(state="sent", finished_at=tx.now))
    for expected in (True, False):
        with database.writing() as tx:
            assert emergencies.tell_figures(tx, ref.broadcast_id) is expected
    for name in ("principal", "deputy"):
        figures = [one for one in told(database, city.contacts[name]) if "送信が終わり" in one]
        assert len(figures) == 1
        assert "まだどなたも確認していません" in figures[0]
    assert not any("送信が終わり" in one for one in told(database, city.contacts["teacher"]))


def test_who_acknowledged_is_named_in_both_languages(database: Database) -> None:
    city, cast = scene.build_with_cast(database)
    ref = sent(database, city, cast.teacher)
    with database.writing() as tx:
        assert emergencies.case_words(tx, 999) == ()
        emergencies.acknowledge(tx, cast.deputy, ref)
        words = scene.in_japanese(emergencies.case_words(tx, ref.broadcast_id))
    assert "teacherさんが11月24日（火）10:00に、承認を待たずに" in words
    assert f"理由：{REASON}" in words
    assert "deputyさんが11月24日（火）10:00に確認しました" in words
