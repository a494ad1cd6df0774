"""Going on after a restore: nothing lost, nothing sent blindly, nothing usable twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from actions import audit, broadcasts, restoring, staff
from actions.restoring import Resumed
from delivery.freeze import freeze
from domain.addresses import ChatAddress
from domain.cards import CardRef
from domain.outcomes import Accepted
from domain.roles import Actor, Role
from storage import dialogues, journals, ledger, resuming
from storage.database import Database
from storage.freezing import Frozen
from storage.ledger import Want
from storage.tables import Chunk, Delivery, Dialogue, Journal
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, row, told
from tests.databases import Clock
from tests.delivery import city as ledger_city


def resume(
    database: Database, clock: Clock, accepted: dict[int, Accepted] | None = None
) -> Resumed:
    """As if the database were of an hour ago."""
    with database.writing() as tx:
        return restoring.resume(tx, clock.now - timedelta(hours=1), accepted or {})


# The ledger.


@pytest.fixture
def broadcast_id(database: Database) -> int:
    """On its way to three by mail, three by LINE and one in the browser."""
    ways: Sequence[tuple[ledger_city.Way, ...]] = [
        *((ledger_city.address(number),) for number in (4, 8, 12)),
        *((ledger_city.line(number),) for number in (1, 2, 3)),
        (ChatAddress("webchat", "webchat", "somebody"),),
    ]
    return ledger_city.sending(database, *ways)


def found(database: Database, broadcast_id: int) -> list[tuple[str, str, int]]:
    """Channel, state and doubts of every delivery."""
    with database.reading() as tx:
        query = (
            select(Chunk.channel, Delivery.state, Delivery.doubtful)
            .join(Chunk, Chunk.id == Delivery.chunk_id)
            .where(Delivery.broadcast_id == broadcast_id)
            .order_by(Delivery.id)
        )
        return [tuple(each) for each in tx.session.execute(query)]


def test_what_may_have_been_sent_since_is_doubtful(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    first = ledger_city.deliveries(database, broadcast_id)[0].id
    done = resume(
        database, clock, {first: Accepted("\x00 <a@b.jp> 9"), 10**9: Accepted("of another")}
    )
    assert (done.known, done.doubtful) == (1, 2)
    assert ledger_city.deliveries(database, broadcast_id)[0].reference == "9"
    assert sorted(found(database, broadcast_id)) == [
        ("email", "accepted", 0),
        ("email", "waiting", 1),
        ("email", "waiting", 1),
        # Asked again under their key, and shown but once: no doubles.
        ("line", "unknown", 0),
        ("line", "unknown", 0),
        ("line", "unknown", 0),
        ("webchat", "waiting", 0),
    ]


def test_what_is_over_stays_so(database: Database, clock: Clock, broadcast_id: int) -> None:
    with database.writing() as tx:
        tx.session.execute(update(Delivery).values(state="refused", settled_at=tx.now))
    assert resume(database, clock).doubtful == 0
    assert ledger_city.states(database, broadcast_id) == {"refused"}


def test_the_leases_of_then_are_free_at_once(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    with database.writing() as tx:
        journals.opened(tx, "old", "host", "/gone/old.journal")
        (held,) = ledger.lease(tx, "old", [Want("line", 1)], timedelta(hours=9))
    resume(database, clock)
    with database.writing() as tx:
        assert tx.session.scalars(select(Journal)).all() == []
        (again,) = ledger.lease(tx, "new", [Want("line", 1)], timedelta(minutes=1))
        # The same request under the same key, and the old lease records nothing any more.
        assert (again.chunk_id, again.key) == (held.chunk_id, held.key)
        assert again.epoch > held.epoch
        assert ledger.held_chunk(tx, held.chunk_id, held.epoch, "old") is None


def test_numbers_of_since_are_not_given_again(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    before = ledger_city.deliveries(database, broadcast_id)
    resuming.leave_gaps(database)
    assert [each.id for each in ledger_city.deliveries(database, broadcast_id)] == [
        each.id for each in before
    ]
    with database.writing() as tx:
        school = ledger_city.broadcast(database, broadcast_id).school_id
        city = ledger_city.City(before[0].board_id, school or 0, 0)
        next_id = ledger_city.approved(tx, city)
        assert isinstance(freeze(tx, next_id, ledger_city.EVERYTHING), Frozen)
    assert next_id > broadcast_id + 1000
    first, *others = (each.id for each in ledger_city.deliveries(database, next_id))
    assert first > before[-1].id + 10**8
    assert others == list(range(first + 1, first + 7))


# People.


@pytest.fixture
def city(database: Database) -> City:
    return scene.build(database)


@pytest.fixture
def cast(database: Database, city: City) -> Cast:
    made = scene.cast(database, city)
    with database.writing() as tx:
        scene.add_staff(tx, city, "centre", Role.CENTRE, None)
    return made


def approve(database: Database, actor: Actor, ref: CardRef) -> object:
    with database.writing() as tx:
        return broadcasts.approve(tx, actor, ref)


def test_what_was_due_meanwhile_is_asked_again(
    database: Database, clock: Clock, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    approve(database, cast.principal, ref)
    clock.forward(hours=1)
    assert resume(database, clock).held == 1
    assert row(database, ref).state == "pending"
    # The old cards are dead; the new one says why it comes.
    assert code(approve(database, cast.deputy, ref)) == "stale_card"
    asked = told(database, city.contacts["principal"])[-1]
    assert "バックアップに戻したため" in asked
    assert "遠足の延期" in asked
    assert "遠足の延期" in told(database, city.contacts["teacher"])[-1]
    newest = scene.newest_ref(database, ref)
    assert isinstance(approve(database, cast.principal, newest), broadcasts.Approved)
    assert ("system", "hold", "") in scene.recorded(database, city, f"broadcast:{ref.broadcast_id}")


def test_what_is_due_later_stays_and_is_told(
    database: Database, clock: Clock, city: City, cast: Cast
) -> None:
    ref = scene.draft(database, city, cast.teacher, send_at=clock.now + timedelta(hours=5))
    with database.writing() as tx:
        broadcasts.submit(tx, cast.teacher, ref)
    approve(database, cast.principal, ref)
    clock.forward(hours=1)
    done = resume(database, clock)
    assert (done.held, done.scheduled) == (0, 1)
    assert row(database, ref).state == "approved"
    for name in ("teacher", "principal", "deputy"):
        assert "予約のまま" in told(database, city.contacts[name])[-1]


def test_what_waited_for_approval_is_asked_again_with_a_warning(
    database: Database, clock: Clock, city: City, cast: Cast
) -> None:
    ref = scene.submitted(database, city, cast.teacher)
    assert resume(database, clock).held == 0
    assert row(database, ref).state == "pending"
    assert "バックアップに戻したため" in told(database, city.contacts["deputy"])[-1]


def test_codes_and_conversations_of_then_are_over(
    database: Database, clock: Clock, city: City, cast: Cast
) -> None:
    with database.writing() as tx:
        invited = staff.invite(tx, city.board, Role.BOARD, None, "somebody")
        dialogues.start(tx, city.contacts["teacher"], "compose", 1, {}, tx.now + timedelta(hours=1))
    assert resume(database, clock).voided == 1
    with database.writing() as tx:
        assert tx.session.scalars(select(Dialogue)).all() == []
        point = scene.contact(tx, city, "somebody")
        assert code(staff.accept_invitation(tx, point, invited.code)) == "wrong_code"


def test_the_centre_hears_what_to_look_at(
    database: Database, clock: Clock, city: City, cast: Cast
) -> None:
    resume(database, clock)
    with database.reading() as tx:
        assert audit.verify(tx) == []
    (said,) = told(database, city.contacts["centre"])
    assert "9:00" in said or "09:00" in said
    assert "解任した職員" in said
