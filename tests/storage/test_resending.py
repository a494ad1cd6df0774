"""Sending again: exactly those not reached, by every way they have now."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from sqlalchemy import select, update

from delivery import aftermath, schedule
from delivery.freeze import freeze
from domain.deliveries import State
from storage import broadcasts, confirmations, people, reached, resending
from storage.database import Database
from storage.freezing import Frozen
from storage.resending import NotReached
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Chunk,
    ContactPoint,
    Delivery,
    Guardian,
)
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import EVERYTHING

CHANNELS = tuple(EVERYTHING)
# What became of the first try with each family in `sent`.
FIRST = ("accepted", "refused", "refused", "expired", "unknown", "placed", None)


def sent(database: Database) -> int:
    """A broadcast to seven families, the last without any way, of which all is settled."""
    broadcast_id = city.sending(
        database,
        (city.address(1),),
        (city.address(2), city.line(2)),
        (city.line(3),),
        (city.address(6),),
        (city.address(5),),
        (city.address(7),),
        (),
    )
    settled(database, broadcast_id)
    return broadcast_id


def settled(database: Database, broadcast_id: int) -> None:
    """Write what FIRST says into the deliveries, by the family that each was for."""
    with database.writing() as tx:
        members = tx.session.scalars(
            select(AudienceMember)
            .where(AudienceMember.broadcast_id == broadcast_id)
            .order_by(AudienceMember.guardian_id)
        ).all()
        for member, state in zip(members, FIRST, strict=True):
            tx.session.execute(
                update(Delivery)
                .where(
                    Delivery.broadcast_id == broadcast_id,
                    Delivery.contact_point_id == member.contact_point_id,
                )
                .values(state=state, settled_at=tx.now, attempts=1)
            )
        tx.session.execute(update(Chunk).values(state="done"))
        tx.session.get_one(Broadcast, broadcast_id).state = "sent"


def again(database: Database, broadcast_id: int) -> int:
    with database.writing() as tx:
        row = broadcasts.broadcast(tx, broadcast_id)
        row.state = "sending"
        return resending.put_down(tx, row, CHANNELS, tx.now + timedelta(hours=24))


def counted(database: Database, broadcast_id: int) -> NotReached:
    with database.reading() as tx:
        row = broadcasts.broadcast(tx, broadcast_id)
        return resending.not_reached(tx, row, CHANNELS)


def test_only_who_was_not_reached_gets_it_by_every_way_of_theirs(database: Database) -> None:
    broadcast_id = sent(database)
    before = {row.id: row for row in city.deliveries(database, broadcast_id)}
    with database.reading() as tx:
        assert reached.count_families(tx, broadcast_id) == (7, 3)
    assert counted(database, broadcast_id) == NotReached(can_be=3, blocked=0, without_way=1)
    assert again(database, broadcast_id) == 4
    rows = city.deliveries(database, broadcast_id)
    waiting = [row for row in rows if row.state == State.WAITING]
    assert Counter(row.attempts for row in waiting) == {1: 3, 0: 1}
    assert all(row.settled_at is None for row in waiting)
    untouched = [row for row in rows if row not in waiting]
    assert {before[row.id].state for row in untouched} == {"accepted", "unknown", "placed"}
    assert schedule.tick_finish(database) == 0, "it is not cut yet"
    assert aftermath.tick_resent(database, EVERYTHING) == 2
    assert aftermath.tick_resent(database, EVERYTHING) == 0
    ready = [chunk for chunk in city.chunks(database, broadcast_id) if chunk.state == "ready"]
    assert {(chunk.channel, chunk.size, chunk.keyed) for chunk in ready} == {
        ("email", 2, False),
        ("line", 2, True),
    }
    assert {chunk.lane for chunk in ready} >= {"line"}
    assert {row.chunk_id for row in waiting_of(database, broadcast_id)} == {c.id for c in ready}
    with database.reading() as tx:
        assert len(tx.session.scalars(select(AudienceWay)).all()) == 1


def waiting_of(database: Database, broadcast_id: int) -> list[Delivery]:
    rows = city.deliveries(database, broadcast_id)
    return [row for row in rows if row.state == State.WAITING]


def test_blocked_ones_and_new_contact_points(database: Database) -> None:
    broadcast_id = sent(database)
    with database.writing() as tx:
        row = tx.session.scalars(
            select(ContactPoint).where(ContactPoint.channel == "line").order_by(ContactPoint.id)
        ).all()[-1]
        row.state = "blocked"
        last = tx.session.scalars(select(Guardian).order_by(Guardian.id.desc())).first()
        assert last
        fresh = people.contact_point(tx, last.board_id, "webchat", "webchat", "fresh")
        people.link_contact(tx, last, fresh.id)
    assert counted(database, broadcast_id) == NotReached(can_be=3, blocked=1, without_way=0)
    again(database, broadcast_id)
    with database.reading() as tx:
        member = tx.session.get_one(AudienceMember, (broadcast_id, last.id))
        assert member.contact_point_id == fresh.id
        points = {row.contact_point_id for row in waiting_of(database, broadcast_id)}
        assert row.id not in points
        assert fresh.id in points


def test_a_family_reached_by_another_guardian_or_that_confirmed_is_left_alone(
    database: Database,
) -> None:
    broadcast_id = sent(database)
    with database.writing() as tx:
        first, second, third, *_ = tx.session.scalars(select(Guardian).order_by(Guardian.id)).all()
        member = tx.session.get_one(AudienceMember, (broadcast_id, second.id))
        member.family_id = first.family_id
        row = broadcasts.broadcast(tx, broadcast_id)
        confirmations.add(tx, row, [third.id], 1)
    assert counted(database, broadcast_id) == NotReached(can_be=1, blocked=0, without_way=1)


def test_a_channel_that_was_turned_off_meanwhile_holds_nothing_up(database: Database) -> None:
    broadcast_id = sent(database)
    again(database, broadcast_id)
    assert aftermath.tick_resent(database, city.MAIL) == 1
    assert len(waiting_of(database, broadcast_id)) == 2
    refused = [
        row for row in city.deliveries(database, broadcast_id) if row.reason == "channel_off"
    ]
    assert len(refused) == 2


def test_withdrawn_before_it_was_cut_nothing_of_it_is_sent(database: Database) -> None:
    broadcast_id = sent(database)
    again(database, broadcast_id)
    with database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_id).state = "withdrawn"
    aftermath.tick_withdrawn(database)
    assert aftermath.tick_resent(database, EVERYTHING) == 0
    assert waiting_of(database, broadcast_id) == []


def test_few_statements_however_many(database: Database) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 300))
        assert isinstance(freeze(tx, broadcast_id, EVERYTHING), Frozen)
        tx.session.execute(update(Delivery).values(state="refused", settled_at=tx.now))
        tx.session.execute(update(Chunk).values(state="done"))
    with city.counting(database) as said:
        assert again(database, broadcast_id) == 300
        aftermath.tick_resent(database, EVERYTHING)
    assert len(said) < 40
    assert len(waiting_of(database, broadcast_id)) == 300


def test_nothing_is_due_later_than_the_deadline(database: Database, clock: Clock) -> None:
    broadcast_id = sent(database)
    again(database, broadcast_id)
    clock.forward(hours=25)
    schedule.tick_expire(database)
    assert waiting_of(database, broadcast_id) == []
