"""The ledger: leases, fences, outcomes, retries, and what a dead worker leaves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from threading import Barrier, Thread

from delivery.freeze import freeze
from domain.outcomes import Accepted, Outcome, Placed, Refused, TryLater, Unknown
from storage import closing, journals, ledger, recording
from storage.closing import Remains
from storage.database import Database
from storage.ledger import Again, Lease, Want
from storage.recording import Told
from storage.tables import Broadcast
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import chunks, deliveries, states

MINUTE = timedelta(minutes=1)
AGAIN = Again(city.MAIL)


def lease(database: Database, worker: str = "a", count: int = 1) -> list[Lease]:
    with database.writing() as tx:
        return ledger.lease(tx, worker, [Want("email", count)], MINUTE)


def one(database: Database, worker: str = "a") -> Lease:
    (held,) = lease(database, worker)
    return held


def members(database: Database, held: Lease) -> list[int]:
    with database.reading() as tx:
        return [member.delivery_id for member in ledger.members(tx, held.chunk_id)]


def record(database: Database, held: Lease, outcomes: Sequence[tuple[int, Outcome]]) -> bool:
    with database.writing() as tx:
        return not recording.record_all(tx, [Told(held, outcomes)], AGAIN)


def release(database: Database, held: Lease) -> bool:
    with database.writing() as tx:
        return ledger.release(tx, held)


def record_all(database: Database, held: Lease, outcome: Outcome) -> None:
    assert record(database, held, [(number, outcome) for number in members(database, held)])
    assert release(database, held)


def test_a_chunk_is_leased_once(database: Database) -> None:
    city.frozen(database, 8, size=2)
    first, second = lease(database, "a", 3), lease(database, "b", 9)
    ids = [held.chunk_id for held in first + second]
    assert len(ids) == len(set(ids)) == 4
    assert lease(database, "c") == []


def test_two_workers_at_once_never_share_a_chunk(database: Database) -> None:
    city.frozen(database, 60, size=3)
    taken: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    together = Barrier(len(taken))

    def take(worker: str) -> None:
        together.wait()
        while held := lease(database, worker, 2):
            taken[worker] += [one.chunk_id for one in held]

    threads = [Thread(target=take, args=(worker,)) for worker in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [chunk_id for chunk_ids in taken.values() for chunk_id in chunk_ids]
    assert len(ids) == len(set(ids)) == len(lease_count(database))


def lease_count(database: Database) -> list[int]:
    with database.reading() as tx:
        return [held.chunk_id for worker in "abc" for held in closing.leases_of(tx, worker)]


def test_the_urgent_broadcast_goes_first(database: Database) -> None:
    ordinary = city.frozen(database, 2)
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, ordinary)
        where = city.City(row.board_id, row.school_id or 0, 0)
        urgent = city.approved(tx, where, emergency=True)
        freeze(tx, urgent, city.MAIL)
    assert one(database).broadcast_id == urgent


def test_a_finished_chunk_is_done(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    record_all(database, one(database), Accepted("250 ok"))
    (row,) = deliveries(database, broadcast_id)
    assert (row.state, row.reference, row.attempts, row.doubtful) == ("accepted", "250 ok", 1, 0)
    assert row.settled_at is not None
    assert [chunk.state for chunk in chunks(database, broadcast_id)] == ["done"]
    assert lease(database) == []


def test_what_has_no_outcome_is_leased_again(database: Database) -> None:
    city.frozen(database, 8, size=8)
    first = one(database)
    sent, *left = members(database, first)
    record(database, first, [(sent, Accepted())])
    release(database, first)
    second = one(database, "b")
    assert (second.epoch, members(database, second)) == (first.epoch + 1, left)


def test_a_lost_lease_records_nothing(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    lost = one(database)
    release(database, lost)
    one(database, "b")
    (number,) = members(database, lost)
    assert not record(database, lost, [(number, Accepted())])
    assert not release(database, lost)
    assert states(database, broadcast_id) == {"waiting"}


def test_an_outcome_recorded_twice_counts_once(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    held = one(database)
    (number,) = members(database, held)
    record(database, held, [(number, Accepted("first"))])
    record(database, held, [(number, Refused("second"))])
    (row,) = deliveries(database, broadcast_id)
    assert (row.state, row.reference, row.attempts) == ("accepted", "first", 1)


def test_extending_keeps_a_lease_and_says_which(database: Database, clock: Clock) -> None:
    city.frozen(database, 1)
    held = one(database)
    clock.forward(seconds=50)
    with database.writing() as tx:
        assert ledger.extend(tx, "a", MINUTE) == {(held.chunk_id, held.epoch)}
        assert ledger.extend(tx, "b", MINUTE) == set()
    clock.forward(seconds=50)
    with database.writing() as tx:
        assert closing.reclaim(tx, "elsewhere") == 0
    assert release(database, held)


def test_a_stopped_broadcast_is_not_leased_and_not_extended(database: Database) -> None:
    broadcast_id = city.frozen(database, 8, size=2)
    one(database)
    with database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_id).state = "withdrawn"
    with database.writing() as tx:
        assert ledger.extend(tx, "a", MINUTE) == set()
    assert lease(database, "b", 9) == []


def test_try_later_moves_to_a_later_chunk(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 1)
    record_all(database, one(database), TryLater("greylisted"))
    assert lease(database) == []
    clock.forward(minutes=1)
    record_all(database, one(database), Accepted())
    (row,) = deliveries(database, broadcast_id)
    assert (row.state, row.attempts, row.reason, row.doubtful) == ("accepted", 2, "", 0)


def test_those_put_off_one_by_one_share_a_chunk(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 8, size=8)
    held = one(database)
    for number in members(database, held):
        record(database, held, [(number, TryLater("busy"))])
    release(database, held)
    ready = [c for c in chunks(database, broadcast_id) if c.state == "ready" and c.epoch == 0]
    later = [chunk for chunk in ready if chunk.not_before > clock.now]
    assert [chunk.size for chunk in later] == [2]


def test_unknown_is_sent_again_and_counted(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 1)
    record_all(database, one(database), Unknown("no_answer"))
    assert states(database, broadcast_id) == {"unknown"}
    clock.forward(minutes=1)
    record_all(database, one(database), Accepted())
    (row,) = deliveries(database, broadcast_id)
    assert (row.state, row.doubtful) == ("accepted", 1)


def test_unknown_too_late_for_another_try_stays_so(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 8, size=8)
    (chunk, *_) = chunks(database, broadcast_id)
    clock.now = chunk.deadline - timedelta(seconds=50)
    held = one(database)
    unanswered, *left = members(database, held)
    record(database, held, [(unanswered, Unknown("no_answer"))])
    release(database, held)
    again = one(database)
    assert members(database, again) == left
    record(database, again, [(unanswered, TryLater("busy"))])
    (row, *_) = deliveries(database, broadcast_id)
    assert (row.state, row.chunk_id, row.attempts, row.doubtful) == ("unknown", chunk.id, 1, 0)


def test_the_deadline_ends_everything(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 2, size=1)
    first, second = lease(database, count=2)
    record_all(database, first, TryLater("busy"))
    record_all(database, second, Unknown("no_answer"))
    clock.forward(hours=25)
    assert lease(database) == []
    with database.writing() as tx:
        assert closing.any_expired(tx)
        assert closing.expire(tx) == 2
        assert not closing.any_expired(tx)
        assert closing.exhausted(tx) == [broadcast_id]
    ended = {(row.state, row.reason) for row in deliveries(database, broadcast_id)}
    assert ended == {("expired", "busy"), ("unknown", "no_answer")}


def test_what_nobody_could_send_says_so(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 1)
    clock.forward(hours=25)
    with database.writing() as tx:
        closing.expire(tx)
    assert [row.reason for row in deliveries(database, broadcast_id)] == ["deadline"]


def test_placed_is_accepted_by_its_receipt(database: Database, clock: Clock) -> None:
    broadcast_id = city.frozen(database, 2, size=1)
    for held in lease(database, count=2):
        record_all(database, held, Placed())
    seen, unseen = deliveries(database, broadcast_id)
    with database.writing() as tx:
        assert closing.exhausted(tx) == [broadcast_id]
        assert ledger.accept_placed(tx, unseen.contact_point_id, [seen.id]) == []
        assert ledger.accept_placed(tx, seen.contact_point_id, [seen.id]) == [seen.id]
        assert ledger.accept_placed(tx, seen.contact_point_id, [seen.id]) == []
    clock.forward(hours=25)
    with database.writing() as tx:
        assert closing.expire(tx) == 1
    assert [row.state for row in deliveries(database, broadcast_id)] == ["accepted", "expired"]


def test_a_broadcast_is_finished_once(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    with database.writing() as tx:
        assert closing.exhausted(tx) == []
    record_all(database, one(database), Accepted())
    with database.writing() as tx:
        assert closing.exhausted(tx) == [broadcast_id]
        assert closing.finish(tx, broadcast_id)
        assert not closing.finish(tx, broadcast_id)


def test_a_journal_settles_what_its_worker_left(database: Database) -> None:
    broadcast_id = city.frozen(database, 12, size=12)
    held = one(database)
    accepted, asked, untouched = members(database, held)
    with database.writing() as tx:
        left = Remains([(accepted, Accepted("yes"))], [asked])
        assert closing.inherit(tx, held, left, AGAIN) == 1
    rows = {row.id: row for row in deliveries(database, broadcast_id)}
    assert (rows[accepted].state, rows[accepted].doubtful) == ("accepted", 0)
    assert (rows[asked].state, rows[asked].doubtful) == ("waiting", 1)
    assert (rows[untouched].state, rows[untouched].doubtful) == ("waiting", 0)
    again = {number for h in lease(database, "b", 9) for number in members(database, h)}
    assert {asked, untouched} <= again
    assert accepted not in again


def test_inheriting_twice_changes_nothing_more(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    held = one(database)
    left = Remains([], members(database, held))
    with database.writing() as tx:
        assert closing.inherit(tx, held, left, AGAIN) == 1
        assert closing.inherit(tx, held, left, AGAIN) == 0
    assert [row.doubtful for row in deliveries(database, broadcast_id)] == [1]


def test_a_lease_that_ran_out_elsewhere_makes_all_of_it_doubtful(
    database: Database, clock: Clock
) -> None:
    broadcast_id = city.frozen(database, 8, size=8)
    held = one(database, "far")
    done, *left = members(database, held)
    record(database, held, [(done, Accepted())])
    clock.forward(minutes=2)
    with database.writing() as tx:
        assert closing.any_run_out(tx, "here")
        assert closing.reclaim(tx, "here") == len(left) == 1
    assert not record(database, held, [(left[0], Accepted())])
    assert sum(row.doubtful for row in deliveries(database, broadcast_id)) == 1


def test_a_lease_with_a_journal_here_waits_for_it(database: Database, clock: Clock) -> None:
    city.frozen(database, 1)
    held = one(database, "near")
    with database.writing() as tx:
        journals.opened(tx, "near", "here", "/journal")
    clock.forward(hours=1)
    with database.writing() as tx:
        assert closing.reclaim(tx, "here") == 0
        assert journals.replayed(tx, "near")
        assert not journals.replayed(tx, "near")
        assert closing.reclaim(tx, "here") == 1
    assert not release(database, held)


def test_counts_are_by_state(database: Database) -> None:
    broadcast_id = city.frozen(database, 8, size=2)
    record_all(database, one(database), Accepted())
    with database.reading() as tx:
        assert ledger.counts(tx, broadcast_id) == ("sending", {"accepted": 2, "waiting": 6})
