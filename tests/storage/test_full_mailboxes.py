"""A full mailbox is tried for three days, whatever else is given up earlier."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from actions.reports import report, report_words
from delivery import aftermath, schedule
from domain.deliveries import FULL_LASTS, MAILBOX_FULL
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from storage import closing, ledger, recording, reports, resending, resuming, withdrawing
from storage.database import Database
from storage.ledger import Again, Want
from storage.recording import Told
from storage.tables import Broadcast, Chunk
from tests.actions.city import in_japanese
from tests.databases import Clock
from tests.delivery import city

MINUTE = timedelta(minutes=1)
AGAIN = Again(city.MAIL)


def answered(database: Database, *outcomes: Outcome, again: Again = AGAIN) -> None:
    """One chunk is leased, each of its members gets one of these answers, and it goes back."""
    with database.writing() as tx:
        (held,) = ledger.lease(tx, "a", [Want("email", 1)], MINUTE)
        ids = [member.delivery_id for member in ledger.members(tx, held.chunk_id)]
        told = list(zip(ids, outcomes, strict=True))
        assert not recording.record_all(tx, [Told(held, told)], again)
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


def finished(database: Database, broadcast_id: int) -> tuple[int, str]:
    """What the tick for finishing does, and the state of the broadcast after it."""
    return schedule.tick_finish(database), city.broadcast(database, broadcast_id).state


def families(database: Database, broadcast_id: int) -> tuple[int, int, int]:
    """How many are reached, wait, and wait because a mailbox is full."""
    with database.reading() as tx:
        found = reports.tally(tx, broadcast_id)
        return found.reached, found.waiting, found.full


def test_a_broadcast_is_finished_when_only_full_mailboxes_are_left(
    database: Database, clock: Clock
) -> None:
    broadcast_id = city.sending(database, *((city.address(4 * number),) for number in (1, 2, 3)))
    answered(database, TryLater(MAILBOX_FULL), TryLater("busy"), Accepted())
    assert finished(database, broadcast_id) == (0, "sending")
    clock.forward(minutes=2)
    answered(database, Accepted())
    assert finished(database, broadcast_id) == (1, "sent")
    assert families(database, broadcast_id) == (2, 1, 1)
    with database.reading() as tx:
        words = report_words(report(tx, broadcast_id), "x")
    told = in_japanese(words)
    assert "最長3日間送り直している家庭：1" in told
    assert "まだ表示していない" not in told
    # It is tried on, a lease of it lasts, and what comes of it is counted and moves nothing.
    clock.forward(minutes=30)
    with database.writing() as tx:
        (held,) = ledger.lease(tx, "a", [Want("email", 9)], MINUTE)
        assert ledger.extend(tx, "a", MINUTE) == {(held.chunk_id, held.epoch)}
        assert ledger.release(tx, held)
    answered(database, Accepted())
    assert families(database, broadcast_id) == (3, 0, 0)
    assert finished(database, broadcast_id) == (0, "sent")


def test_what_is_refused_after_the_end_goes_by_the_next_way(
    database: Database, clock: Clock
) -> None:
    broadcast_id = city.sending(database, (city.address(1), city.line(1)))
    answered(database, TryLater(MAILBOX_FULL))
    assert finished(database, broadcast_id) == (1, "sent")
    clock.forward(minutes=30)
    answered(database, Refused("unknown_user"), again=Again(city.EVERYTHING))
    with database.writing() as tx:
        assert ledger.lease(tx, "a", [Want("line", 1)], MINUTE)


def test_withdrawing_stops_what_is_tried_after_the_end(
    sqlite_database: Database, clock: Clock
) -> None:
    broadcast_id = city.frozen(sqlite_database, 1)
    answered(sqlite_database, TryLater(MAILBOX_FULL))
    assert finished(sqlite_database, broadcast_id) == (1, "sent")
    with sqlite_database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_id).state = "withdrawn"
        assert withdrawing.stop(tx, broadcast_id) == 1
    clock.forward(hours=1)
    with sqlite_database.writing() as tx:
        assert ledger.lease(tx, "a", [Want("email", 1)], MINUTE) == []


def test_who_sends_it_again_has_a_full_mailbox_tried_at_once(
    database: Database, clock: Clock
) -> None:
    broadcast_id = city.frozen(database, 1)
    answered(database, TryLater(MAILBOX_FULL))
    assert finished(database, broadcast_id) == (1, "sent")
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, broadcast_id)
        assert resending.not_reached(tx, row, ["email"]).can_be == 1
        row.state = "sending"
        assert resending.put_down(tx, row, ["email"], tx.now + MINUTE) == 1
    assert finished(database, broadcast_id) == (0, "sending")
    aftermath.tick_resent(database, city.MAIL)
    answered(database, TryLater(MAILBOX_FULL))
    assert finished(database, broadcast_id) == (1, "sent")
    # Nobody is asked twice: what was put off at first is empty.
    clock.forward(minutes=31)
    with database.writing() as tx:
        held = ledger.lease(tx, "a", [Want("email", 9)], MINUTE)
        assert [len(ledger.members(tx, each.chunk_id)) for each in held] == [0]


def test_after_a_restore_it_may_have_been_sent_meanwhile(
    sqlite_database: Database, clock: Clock
) -> None:
    broadcast_id = city.frozen(sqlite_database, 1)
    answered(sqlite_database, TryLater(MAILBOX_FULL))
    assert finished(sqlite_database, broadcast_id) == (1, "sent")
    with sqlite_database.writing() as tx:
        assert resuming.doubt(tx) == 1
