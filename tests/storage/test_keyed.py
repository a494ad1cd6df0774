"""Keyed chunks: their members stay together until the provider has answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import update

from domain.outcomes import Accepted, Outcome, Refused, Split, TryLater, Unknown
from storage import closing, ledger, recording
from storage.closing import Remains
from storage.database import Database
from storage.ledger import Again, Lease, Want
from storage.recording import Told
from storage.tables import Chunk
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import chunks, deliveries

MINUTE = timedelta(minutes=1)
AGAIN = Again(city.EVERYTHING)


@pytest.fixture
def broadcast_id(database: Database) -> int:
    return city.sending(database, *((city.line(number),) for number in range(4)))


def lease(database: Database, worker: str = "a") -> list[Lease]:
    with database.writing() as tx:
        return ledger.lease(tx, worker, [Want("line", 9)], MINUTE)


def one(database: Database, worker: str = "a") -> Lease:
    (held,) = lease(database, worker)
    return held


def members(database: Database, held: Lease) -> list[int]:
    with database.reading() as tx:
        return [member.delivery_id for member in ledger.members(tx, held.chunk_id)]


def record(database: Database, held: Lease, outcomes: Sequence[tuple[int, Outcome]]) -> None:
    with database.writing() as tx:
        assert not recording.record_all(tx, [Told(held, outcomes)], AGAIN)


def release(database: Database, held: Lease, again_in: timedelta | None = None) -> None:
    with database.writing() as tx:
        assert ledger.release(tx, held, tx.now + again_in if again_in else None)


def tell_all(database: Database, outcome: Outcome) -> Lease:
    held = one(database)
    record(database, held, [(number, outcome) for number in members(database, held)])
    release(database, held)
    return held


def found(database: Database, broadcast_id: int) -> set[tuple[str, str, int]]:
    return {(row.state, row.reason, row.doubtful) for row in deliveries(database, broadcast_id)}


@pytest.mark.parametrize("outcome", [Unknown("no_answer"), TryLater("rate", timedelta(seconds=5))])
def test_the_members_stay_in_their_chunk(
    database: Database, clock: Clock, broadcast_id: int, outcome: Outcome
) -> None:
    first = tell_all(database, outcome)
    assert lease(database) == []
    clock.forward(seconds=5)
    again = one(database)
    assert again.chunk_id == first.chunk_id
    assert again.keyed
    assert members(database, again) == [row.id for row in deliveries(database, broadcast_id)]
    assert len(chunks(database, broadcast_id)) == 1


def test_unanswered_is_asked_again_soon_and_ever_later(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    pauses = []
    for _ in range(9):
        tell_all(database, Unknown("no_answer"))
        (chunk,) = chunks(database, broadcast_id)
        pauses.append((chunk.not_before - clock.now).total_seconds())
        clock.now = chunk.not_before
    assert pauses == [5, 15, 30, 60, 120, 300, 600, 600, 600]
    assert found(database, broadcast_id) == {("unknown", "no_answer", 0)}


def test_the_time_of_the_outcomes_wins(database: Database, clock: Clock, broadcast_id: int) -> None:
    held = one(database)
    numbers = members(database, held)
    for number, seconds in zip(numbers, (7, 20, 3, 9), strict=True):
        record(database, held, [(number, TryLater("rate", timedelta(seconds=seconds)))])
    release(database, held, again_in=timedelta(minutes=10))
    (chunk,) = chunks(database, broadcast_id)
    assert chunk.not_before == clock.now + timedelta(seconds=20)


def test_without_outcomes_the_time_of_the_giving_back_holds(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    release(database, one(database), again_in=MINUTE)
    (chunk,) = chunks(database, broadcast_id)
    assert chunk.not_before == clock.now + MINUTE


def test_a_killed_worker_makes_nothing_doubtful(database: Database, broadcast_id: int) -> None:
    held = one(database)
    numbers = members(database, held)
    with database.writing() as tx:
        assert closing.inherit(tx, held, Remains([], numbers), AGAIN) == 0
    assert found(database, broadcast_id) == {("unknown", "interrupted", 0)}
    again = one(database, "b")
    assert (again.chunk_id, members(database, again)) == (held.chunk_id, numbers)


def test_neither_does_a_lost_journal(database: Database, clock: Clock, broadcast_id: int) -> None:
    one(database)
    clock.forward(minutes=2)
    with database.writing() as tx:
        assert closing.reclaim(tx, "elsewhere") == 0
    assert found(database, broadcast_id) == {("unknown", "interrupted", 0)}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ([TryLater("rate")], "expired"),
        ([Unknown("no_answer")], "unknown"),
        ([Unknown("no_answer"), TryLater("rate")], "unknown"),
        ([TryLater("rate"), Unknown("no_answer")], "unknown"),
    ],
)
def test_only_what_was_never_unanswered_expires(
    database: Database, clock: Clock, broadcast_id: int, said: list[Outcome], state: str
) -> None:
    for outcome in said:
        tell_all(database, outcome)
        clock.forward(minutes=5)
    clock.forward(hours=25)
    with database.writing() as tx:
        assert closing.expire(tx) == 4
    assert {row.state for row in deliveries(database, broadcast_id)} == {state}


def test_a_killed_worker_s_members_end_as_unknown(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    held = one(database)
    with database.writing() as tx:
        closing.inherit(tx, held, Remains([], members(database, held)), AGAIN)
    clock.forward(hours=25)
    with database.writing() as tx:
        closing.expire(tx)
    assert {row.state for row in deliveries(database, broadcast_id)} == {"unknown"}


def test_at_its_deadline_nothing_is_put_off(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    (chunk,) = chunks(database, broadcast_id)
    clock.now = chunk.deadline - timedelta(seconds=3)
    held = one(database)
    unanswered, *others = members(database, held)
    record(database, held, [(unanswered, Unknown("no_answer"))])
    record(database, held, [(number, TryLater("rate")) for number in others])
    release(database, held)
    states = [row.state for row in deliveries(database, broadcast_id)]
    assert states == ["unknown", "expired", "expired", "expired"]
    assert [chunk.state for chunk in chunks(database, broadcast_id)] == ["done"]


def test_parts_go_to_chunks_of_their_own_at_once(database: Database, broadcast_id: int) -> None:
    held = one(database)
    a, b, c, d = members(database, held)
    outcomes: list[tuple[int, Outcome]] = [
        (a, Split(0)),
        (b, Refused("bad_address")),
        (c, Split(1)),
        (d, Split(0)),
    ]
    record(database, held, outcomes)
    release(database, held)
    parts = lease(database, "b")
    assert [members(database, part) for part in parts] == [[a, d], [c]]
    assert all((part.epoch, part.keyed) == (1, True) for part in parts)
    old, *new = chunks(database, broadcast_id)
    assert old.state == "done"
    for chunk in new:
        assert (chunk.lane, chunk.variant, chunk.priority, chunk.deadline, chunk.account) == (
            old.lane,
            old.variant,
            old.priority,
            old.deadline,
            old.account,
        )


def test_parting_after_no_answer_leaves_nothing_unanswered(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    tell_all(database, Unknown("no_answer"))
    clock.forward(minutes=1)
    held = one(database)
    first, *others = members(database, held)
    record(database, held, [(first, Split(0)), *((number, Split(1)) for number in others)])
    assert {state for state, _, _ in found(database, broadcast_id)} == {"waiting"}


def test_a_chunk_that_is_not_parted_pauses(
    database: Database, clock: Clock, broadcast_id: int
) -> None:
    tell_all(database, Split(0))
    assert lease(database) == []
    clock.forward(minutes=1)
    assert len(members(database, one(database))) == 4


def test_no_retry_joins_a_keyed_chunk(database: Database, broadcast_id: int) -> None:
    """Even if its limits changed meanwhile, and the chunk that is retried has no key."""
    held = one(database)
    first, *others = members(database, held)
    record(database, held, [(first, Split(0)), *((number, Split(1)) for number in others)])
    with database.writing() as tx:
        tx.session.execute(update(Chunk).where(Chunk.id == held.chunk_id).values(keyed=False))
    rest = lease(database, "b")
    for part in rest:
        release(database, part)
    with database.writing() as tx:
        tx.session.execute(update(Chunk).where(Chunk.id == rest[0].chunk_id).values(keyed=False))
        tx.session.execute(update(Chunk).where(Chunk.id != rest[0].chunk_id).values(epoch=0))
    with database.writing() as tx:
        (plain, *_) = ledger.lease(tx, "c", [Want("line", 1)], MINUTE)
    assert not plain.keyed
    record(database, plain, [(first, TryLater("rate", timedelta(0)))])
    sizes = {chunk.id: chunk.size for chunk in chunks(database, broadcast_id) if chunk.keyed}
    assert sizes == {rest[1].chunk_id: 3}


def test_five_hundred_are_recorded_in_a_few_statements(database: Database) -> None:
    broadcast_id = city.sending(database, *((city.line(number),) for number in range(500)))
    held = one(database)
    numbers = members(database, held)
    with city.counting(database) as statements:
        record(database, held, [(number, Accepted("one")) for number in numbers])
    assert {row.reference for row in deliveries(database, broadcast_id)} == {"one"}
    assert len(statements) < 10
