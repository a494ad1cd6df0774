"""Whoever is reached by all their ways, where some of them are closed; and the end of validity."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import update

from delivery.freeze import freeze
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from storage import ledger, quotas, recording
from storage.database import Database
from storage.freezing import Frozen
from storage.ledger import Lease
from storage.recording import Told
from storage.tables import Guardian
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import address, chunks, line, telegram
from tests.storage.test_rerouting import AGAIN, BLOCKED, QUOTA, lease, rows, say, ways


def sending(database: Database, *addresses: city.Way, valid_for: timedelta | None = None) -> int:
    """A broadcast to one guardian who wants it by all their ways."""
    with database.writing() as tx:
        where = city.found(tx)
        city.settle_guardians(tx, where, addresses)
        tx.session.execute(update(Guardian).values(every_way=True))
        broadcast_id = city.approved(tx, where, valid_for=valid_for)
        assert isinstance(freeze(tx, broadcast_id, city.EVERYTHING), Frozen)
    return broadcast_id


def test_a_refused_way_moves_nobody_whose_other_way_is_tried(database: Database) -> None:
    broadcast_id = sending(database, line(1), address(1))
    say(database, "line", BLOCKED)
    assert sorted(rows(database, broadcast_id)) == [
        ("email", "waiting", ""),
        ("line", "refused", "blocked"),
    ]
    say(database, "email", Refused("no_mailbox"))
    assert len(rows(database, broadcast_id)) == 2


def test_over_quota_that_way_is_dropped(database: Database) -> None:
    broadcast_id = sending(database, line(1), address(1))
    say(database, "line", QUOTA)
    assert sorted(rows(database, broadcast_id)) == [
        ("email", "waiting", ""),
        ("line", "refused", "quota"),
    ]


def test_two_workers_who_close_two_ways_leave_the_third(database: Database) -> None:
    """The quota spared LINE; both others are refused at the same moment."""
    with database.writing() as tx:
        quotas.note(tx, "line", "line", 0, 0)
    broadcast_id = sending(database, line(1), address(1), address(2))
    with database.writing() as tx:
        tx.session.execute(update(Guardian).values(every_way=True))
    assert {channel for channel, _, _ in rows(database, broadcast_id)} == {"email"}
    together = Barrier(2)

    def refuse(held: Lease) -> None:
        with database.reading() as tx:
            members = ledger.members(tx, held.chunk_id)
        together.wait()
        with database.writing() as tx:
            told = [(member.delivery_id, Refused("no_mailbox")) for member in members]
            assert not recording.record_all(tx, [Told(held, told)], AGAIN)

    threads = [Thread(target=refuse, args=(held,)) for held in lease(database, "email")]
    assert len(threads) == 2
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ways(database, broadcast_id) == ["line"]


@pytest.mark.parametrize("answer", [BLOCKED, TryLater("busy"), Unknown("no_answer"), QUOTA])
def test_past_its_validity_nothing_leaves_by_any_way(
    database: Database, clock: Clock, answer: Outcome
) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        city.settle_guardians(tx, where, (line(1), address(1)), (address(2), telegram(2)))
        broadcast_id = city.approved(tx, where, valid_for=timedelta(minutes=10))
        assert isinstance(freeze(tx, broadcast_id, city.EVERYTHING), Frozen)
    until = clock.now + timedelta(minutes=10)
    late = lease(database, "email")
    clock.forward(minutes=9)
    say(database, "line", answer)
    assert all(chunk.deadline <= until for chunk in chunks(database, broadcast_id))
    clock.forward(minutes=1)
    before = len(chunks(database, broadcast_id))
    with database.writing() as tx:
        for held in late:
            told = [(member.delivery_id, BLOCKED) for member in ledger.members(tx, held.chunk_id)]
            assert not recording.record_all(tx, [Told(held, told)], AGAIN)
            ledger.release(tx, held)
    assert len(chunks(database, broadcast_id)) == before
    assert not any(lease(database, channel) for channel in city.EVERYTHING)


def test_who_is_reached_by_one_of_them_is_reached(database: Database) -> None:
    broadcast_id = sending(database, line(1), address(1))
    say(database, "email", Accepted("250"))
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["line"]
    assert len(rows(database, broadcast_id)) == 2
