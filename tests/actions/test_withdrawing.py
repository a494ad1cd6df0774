"""Withdrawing and superseding: who may, who hears of it, and what stands in the records."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from actions import broadcasts, follow_ups, previews, withdrawals
from actions.previews import ref_of
from actions.withdrawals import Withdrawn
from delivery import aftermath, schedule
from domain.audience import Part
from domain.broadcasts import Purpose, Relation, State
from domain.cards import CardRef
from domain.deliveries import ChunkRule
from domain.follow_ups import subject_after
from domain.roles import Actor, Role
from storage import broadcasts as stored
from storage.database import Database
from storage.tables import Delivery
from tests.actions import city as made
from tests.actions.city import Cast, City, code, draft, recorded, row, submitted, told
from tests.databases import Clock

RULES = {"webchat": ChunkRule(500, 1, keyed=False)}


@pytest.fixture
def place(sqlite_database: Database) -> tuple[City, Cast]:
    return made.build_with_cast(sqlite_database)


def approved(database: Database, city: City, cast: Cast) -> CardRef:
    ref = submitted(database, city, cast.teacher)
    with database.writing() as tx:
        assert isinstance(broadcasts.approve(tx, cast.principal, ref), broadcasts.Approved)
    return ref


def sending(database: Database, city: City, cast: Cast, clock: Clock) -> CardRef:
    ref = approved(database, city, cast)
    clock.forward(minutes=1)
    assert schedule.tick_due(database, RULES) == 1
    return ref


def withdraw(database: Database, actor: Actor, ref: CardRef) -> object:
    with database.writing() as tx:
        return withdrawals.withdraw(tx, actor, ref, "宛先を間違えました。")


def test_everybody_concerned_hears_who_why_and_whom_it_had_reached(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    ref = sending(sqlite_database, city, cast, clock)
    assert withdraw(sqlite_database, cast.teacher, ref) == Withdrawn(ref)
    found = row(sqlite_database, ref)
    assert (found.state, found.withdrawn_by, found.withdrawn_at) == (
        State.WITHDRAWN,
        cast.teacher.staff_id,
        clock(),
    )
    heard = told(sqlite_database, city.contacts["principal"])[-1]
    assert "teacherさんが撤回しました" in heard
    assert "宛先を間違えました。" in heard
    assert aftermath.tick_withdrawn(sqlite_database) == 1
    assert aftermath.tick_withdrawn(sqlite_database) == 0
    for name in ("teacher", "principal", "deputy"):
        report = told(sqlite_database, city.contacts[name])[-1]
        assert "6家庭のうち0家庭" in report, name
        assert "届いていない家庭：6" in report
    entries = [(who, verb) for who, verb, _ in recorded(sqlite_database, city, "broadcast:1")]
    assert entries[-2:] == [(f"staff:{cast.teacher.staff_id}", "withdraw"), ("system", "finish")]


def test_authors_and_deciders_may_and_nobody_else(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    with sqlite_database.writing() as tx:
        colleague = made.add_staff(tx, city, "colleague", Role.OPERATOR, city.school)
        stranger = made.add_staff(tx, city, "stranger", Role.MANAGER, city.other_school)
    ref = sending(sqlite_database, city, cast, clock)
    assert code(withdraw(sqlite_database, colleague, ref)) == "not_allowed"
    assert code(withdraw(sqlite_database, stranger, ref)) == "not_allowed"
    assert code(withdraw(sqlite_database, cast.deputy, replace(ref, mark=0))) == "stale_card"
    assert withdraw(sqlite_database, cast.deputy, ref) == Withdrawn(ref)
    assert code(withdraw(sqlite_database, cast.principal, ref)) == "wrong_state"


def test_what_was_not_sent_cannot_be_withdrawn(
    sqlite_database: Database, place: tuple[City, Cast]
) -> None:
    city, cast = place
    ref = draft(sqlite_database, city, cast.teacher)
    assert code(withdraw(sqlite_database, cast.teacher, ref)) == "wrong_state"


# What follows.


def follow(
    database: Database, actor: Actor, ref: CardRef, relation: Relation, *, quoting: bool = True
) -> CardRef:
    with database.writing() as tx:
        text = "運動会は日曜日です。"
        saved = follow_ups.begin(tx, actor, ref, relation, text, quoting=quoting)
    assert isinstance(saved, broadcasts.Saved), saved
    return saved.ref


def test_a_correction_goes_to_exactly_those_reached_and_says_what_was_wrong(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    ref = sending(sqlite_database, city, cast, clock)
    with sqlite_database.writing() as tx:
        none_yet = follow_ups.begin(tx, cast.teacher, ref, Relation.CORRECTION, "x")
        assert code(none_yet) == "nobody_to_correct"
        for row_id in (1, 2):
            delivery = tx.session.get_one(Delivery, row_id)
            delivery.state, delivery.settled_at = "accepted", tx.now
    withdraw(sqlite_database, cast.teacher, ref)
    correction = follow(sqlite_database, cast.teacher, ref, Relation.CORRECTION)
    with sqlite_database.reading() as tx:
        found = stored.broadcast(tx, correction.broadcast_id)
        content = stored.content_of(tx, found)
        (remark,) = previews.preview(tx, found.id).origin_words
    assert content.audience == (Part("reached", ref.broadcast_id),)
    assert content.purpose is Purpose.EVENT
    assert content.subject.startswith("【訂正】")
    wrong = row(sqlite_database, ref).body
    assert content.body.index("運動会は日曜日です。") < content.body.index(wrong)
    assert (found.relation, found.origin_id) == ("correction", ref.broadcast_id)
    assert "の訂正です" in made.in_japanese([remark])
    quiet = follow(sqlite_database, cast.teacher, ref, Relation.CORRECTION, quoting=False)
    assert wrong not in row(sqlite_database, quiet).body


def test_what_it_follows_is_part_of_what_is_approved(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    one = sending(sqlite_database, city, cast, clock)
    other = sending(sqlite_database, city, cast, clock)
    first = follow(sqlite_database, cast.teacher, one, Relation.REPLACEMENT)
    second = follow(sqlite_database, cast.teacher, other, Relation.REPLACEMENT)
    contents = row(sqlite_database, first), row(sqlite_database, second)
    assert len({each.audience[0]["id"] for each in contents}) == 1
    assert len({each.content_hash for each in contents}) == 2


def test_only_staff_of_the_school_send_something_after_it(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    with sqlite_database.writing() as tx:
        stranger = made.add_staff(tx, city, "stranger", Role.MANAGER, city.other_school)
    ref = sending(sqlite_database, city, cast, clock)
    unsent = draft(sqlite_database, city, cast.teacher)
    with sqlite_database.writing() as tx:
        refused = follow_ups.begin(tx, stranger, ref, Relation.REPLACEMENT, "x")
        assert code(refused) == "not_allowed"
        refused = follow_ups.begin(tx, cast.teacher, unsent, Relation.REPLACEMENT, "x")
        assert code(refused) == "wrong_state"


def starts(database: Database, cast: Cast, ref: CardRef, clock: Clock) -> None:
    with database.writing() as tx:
        assert isinstance(broadcasts.submit(tx, cast.teacher, ref), broadcasts.Submitted)
        assert isinstance(broadcasts.approve(tx, cast.principal, ref), broadcasts.Approved)
    clock.forward(minutes=1)
    schedule.tick(database, RULES)


def test_a_replacement_takes_back_what_is_sent_when_it_starts(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    ref = sending(sqlite_database, city, cast, clock)
    replacement = follow(sqlite_database, cast.teacher, ref, Relation.REPLACEMENT)
    assert row(sqlite_database, replacement).audience == row(sqlite_database, ref).audience
    assert row(sqlite_database, ref).state == State.SENDING, "until it starts"
    starts(sqlite_database, cast, replacement, clock)
    assert row(sqlite_database, replacement).state == State.SENDING
    assert row(sqlite_database, ref).state == State.WITHDRAWN
    entries = recorded(sqlite_database, city, f"broadcast:{ref.broadcast_id}")
    assert ("system", "supersede", "") in entries
    assert any(
        "差し替えの連絡を送り始めた" in words
        for words in told(sqlite_database, city.contacts["principal"])
    )


def test_a_replacement_calls_off_what_is_only_approved(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    with sqlite_database.writing() as tx:
        later = made.content(city, send_at=clock() + timedelta(days=1))
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, later, ())
        assert isinstance(saved, broadcasts.Saved)
        broadcasts.submit(tx, cast.teacher, saved.ref)
        broadcasts.approve(tx, cast.principal, saved.ref)
    replacement = follow(sqlite_database, cast.teacher, saved.ref, Relation.REPLACEMENT)
    starts(sqlite_database, cast, replacement, clock)
    assert row(sqlite_database, saved.ref).state == State.CANCELLED
    clock.forward(days=2)
    assert schedule.tick_due(sqlite_database, RULES) == 0


def test_a_follow_up_names_nothing_of_another_school(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    """Whatever its row says: superseding reaches no further than the school."""
    city, cast = place
    ref = sending(sqlite_database, city, cast, clock)
    replacement = follow(sqlite_database, cast.teacher, ref, Relation.REPLACEMENT)
    with sqlite_database.writing() as tx:
        stored.broadcast(tx, ref.broadcast_id).school_id = city.other_school
        withdrawals.supersede(tx, stored.broadcast(tx, replacement.broadcast_id))
    assert row(sqlite_database, ref).state == State.SENDING
    with sqlite_database.reading() as tx:
        assert ref_of(stored.broadcast(tx, replacement.broadcast_id)) == replacement


def test_a_subject_is_marked_once_and_stays_within_its_limit() -> None:
    once = subject_after("遠足は中止です", Relation.CORRECTION)
    assert once == "【訂正】遠足は中止です"
    assert subject_after(once, Relation.CORRECTION) == once
    assert subject_after(once, Relation.REPLACEMENT) == "【差し替え】遠足は中止です"
    assert len(subject_after("長" * 200, Relation.REPLACEMENT)) == 200
