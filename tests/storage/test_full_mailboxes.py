"""A full mailbox is tried for three days, whatever else is given up earlier."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from domain.deliveries import FULL_LASTS, MAILBOX_FULL
from domain.outcomes import Accepted, TryLater
from storage import closing, ledger, recording
from storage.database import Database
from storage.ledger import Again, Want
from storage.tables import Broadcast, Chunk
from tests.databases import Clock
from tests.delivery import city

MINUTE = timedelta(minutes=1)
AGAIN = Again(city.MAIL)


def answered(database: Database, *outcomes: TryLater | Accepted) -> None:
    """One chunk is leased, each of its members gets one of these answers, and it goes back."""
    with database.writing() as tx:
        (held,) = ledger.lease(tx, "a", [Want("email", 1)], MINUTE)
        ids = [member.delivery_id for member in ledger.members(tx, held.chunk_id)]
        told = list(zip(ids, outcomes, strict=True))
        assert recording.record(tx, held, told, AGAIN)
        assert ledger.release(tx, held)


def waiting(database: Database, broadcast_id: int) -> dict[str, Chunk]:
    """The chunks of what waits, by why it does."""
    chunks = {chunk.id: chunk for chunk in city.chunks(database, broadcast_id)}
    rows = city.deliveries(database, broadcast_id)
    return {row.reason: chunks[row.chunk_id or 0] for row in rows if row.state == "waiting"}


def frozen_at(database: Database, broadcast_id: int) -> datetime:
    at = city.broadcast(database, broadcast_id).frozen_at
    assert at is not None
    return at


def test_a_full_mailbox_waits_apart_and_longer(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 12, size=12)
    answered(database, TryLater(MAILBOX_FULL), TryLater("busy"), Accepted())
    chunks = waiting(database, broadcast_id)
    full, busy = chunks[MAILBOX_FULL], chunks["busy"]
    assert full.not_before - clock.now == timedelta(minutes=30)
    assert busy.not_before - clock.now == timedelta(minutes=1)
    frozen = frozen_at(database, broadcast_id)
    assert full.deadline == frozen + FULL_LASTS > busy.deadline
    clock.now = busy.deadline
    with database.writing() as tx:
        closing.expire(tx)
    assert set(waiting(database, broadcast_id)) == {MAILBOX_FULL}


def test_it_is_asked_ever_less_often_and_given_up_after_three_days(
    database: Database, clock: Clock
) -> None:
    broadcast_id = city.frozen(database, 1)
    tried = []
    while chunks := waiting(database, broadcast_id):
        (chunk,) = chunks.values()
        clock.now = max(clock.now, chunk.not_before)
        tried.append(clock.now)
        answered(database, TryLater(MAILBOX_FULL))
    pauses = [(after - before) / MINUTE for before, after in pairwise(tried)]
    assert pauses[:5] == [30, 60, 120, 240, 240]
    assert tried[-1] == frozen_at(database, broadcast_id) + FULL_LASTS - MINUTE
    (row,) = city.deliveries(database, broadcast_id)
    assert (row.state, row.reason) == ("expired", MAILBOX_FULL)


def test_nothing_is_tried_past_its_validity(sqlite_database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(sqlite_database, 1)
    until = clock.now + timedelta(hours=40)
    with sqlite_database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_id).valid_until = until
    answered(sqlite_database, TryLater(MAILBOX_FULL))
    assert waiting(sqlite_database, broadcast_id)[MAILBOX_FULL].deadline == until
