"""再送: who may, when, and that exactly what was approved goes out again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from actions import broadcasts, resending
from actions.resending import Resent
from delivery import schedule
from domain.broadcasts import State
from domain.cards import CardRef
from domain.roles import Actor, Role
from storage import broadcasts as stored
from storage import quotas
from storage.database import Database
from storage.tables import Chunk, Delivery
from tests.actions import city as made
from tests.actions.city import Cast, City, code, recorded, row
from tests.actions.test_withdrawing import RULES
from tests.databases import Clock


@pytest.fixture
def place(sqlite_database: Database) -> tuple[City, Cast]:
    place = made.build_with_cast(sqlite_database)
    with sqlite_database.writing() as tx:
        quotas.note(tx, "webchat", "webchat", None, 0)
    return place


def sent(
    database: Database, city: City, cast: Cast, clock: Clock, reached: int, **changes: Any
) -> CardRef:
    """A broadcast sent to six families, so many of whom were reached, an hour ago."""
    with database.writing() as tx:
        wanted = made.content(city, **changes)
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, wanted, ())
        assert isinstance(saved, broadcasts.Saved)
        broadcasts.submit(tx, cast.teacher, saved.ref)
        broadcasts.approve(tx, cast.principal, saved.ref)
    clock.forward(minutes=1)
    schedule.tick_due(database, RULES)
    with database.writing() as tx:
        accepted = update(Delivery).where(Delivery.id <= reached).values(state="accepted")
        refused = update(Delivery).where(Delivery.id > reached).values(state="refused")
        for statement in (accepted, refused):
            tx.session.execute(statement.values(settled_at=tx.now))
        tx.session.execute(update(Chunk).values(state="done"))
    assert schedule.tick_finish(database) == 1
    return saved.ref


def resend(database: Database, actor: Actor, ref: CardRef) -> object:
    with database.writing() as tx:
        return resending.resend(tx, actor, ref)


def test_who_writes_there_sends_again_what_was_approved(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    ref = sent(sqlite_database, city, cast, clock, reached=2)
    assert code(resend(sqlite_database, cast.teacher, ref)) == "resent_just_now"
    clock.forward(hours=1)
    with sqlite_database.writing() as tx:
        stranger = made.add_staff(tx, city, "stranger", Role.OPERATOR, city.other_school)
        ((listed, left),) = resending.with_not_reached(tx, cast.deputy)
        assert (listed.id, left.families) == (ref.broadcast_id, 4)
        assert resending.with_not_reached(tx, stranger) == []
    assert code(resend(sqlite_database, stranger, ref)) == "not_allowed"
    assert resend(sqlite_database, cast.teacher, ref) == Resent(families=4, recipients=4)
    found = row(sqlite_database, ref)
    assert (found.state, found.finished_at) == (State.SENDING, None)
    assert code(resend(sqlite_database, cast.teacher, ref)) == "already_approved"
    last = recorded(sqlite_database, city, f"broadcast:{ref.broadcast_id}")[-1]
    assert last == (f"staff:{cast.teacher.staff_id}", "resend", "already_approved")


def test_what_was_changed_behind_our_back_is_not_sent_again(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    ref = sent(sqlite_database, city, cast, clock, reached=2)
    clock.forward(hours=1)
    with sqlite_database.writing() as tx:
        stored.broadcast(tx, ref.broadcast_id).body = "別の本文"
    assert code(resend(sqlite_database, cast.teacher, ref)) == "content_changed"


def test_not_what_is_past_its_date_nor_where_everybody_has_it(
    sqlite_database: Database, place: tuple[City, Cast], clock: Clock
) -> None:
    city, cast = place
    until = clock() + timedelta(minutes=30)
    lapsed = sent(sqlite_database, city, cast, clock, reached=2, valid_until=until)
    clock.forward(hours=1)
    assert code(resend(sqlite_database, cast.teacher, lapsed)) == "too_late"


def test_nobody_left(sqlite_database: Database, place: tuple[City, Cast], clock: Clock) -> None:
    city, cast = place
    ref = sent(sqlite_database, city, cast, clock, reached=6)
    clock.forward(hours=1)
    assert code(resend(sqlite_database, cast.teacher, ref)) == "nobody_to_resend"
    with sqlite_database.reading() as tx:
        assert resending.with_not_reached(tx, cast.teacher) == []
