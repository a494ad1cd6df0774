"""Closing what is left open: a dead worker's chunks, late deliveries, finished broadcasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select, update

from domain import broadcasts
from domain import deliveries as rules
from domain.deliveries import State
from domain.outcomes import Outcome
from storage import chunks, ledger, recording
from storage.database import Transaction
from storage.ledger import Again, Lease
from storage.tables import Broadcast, Chunk, Delivery, Journal

_FINISHED = (broadcasts.State.SENDING, broadcasts.Verb.FINISH)

# After a worker is gone.


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead worker's journal says of one chunk it held."""

    outcomes: Sequence[tuple[int, Outcome]]
    intents: Sequence[int]


def leases_of(tx: Transaction, worker: str) -> list[Lease]:
    query = select(Chunk).where(Chunk.state == chunks.LEASED, Chunk.worker == worker)
    fresh = query.execution_options(populate_existing=True)
    return [ledger.as_lease(chunk, worker) for chunk in tx.session.scalars(fresh)]


def inherit(tx: Transaction, held: Lease, remains: Remains | None, again: Again) -> int:
    """Settle a dead worker's chunk by its journal, and give it back at once.

    Without a journal every delivery not recorded may have been sent.  Returns how many are
    doubtful.
    """
    chunk = ledger.held_chunk(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return 0
    if remains is None:
        doubtful = _doubt(tx, chunk, None)
    else:
        recording.record_in(tx, chunk, remains.outcomes, again)
        doubtful = _doubt(tx, chunk, remains.intents)
    ledger.hand_back(tx, chunk)
    return doubtful


def reclaim(tx: Transaction, host: str) -> int:
    """Take back chunks whose lease ran out; return how many deliveries became doubtful.

    Not those of a worker whose journal lies on this host and is not replayed: the journal
    knows which deliveries are doubtful, and a worker that is merely slow still holds it.
    Elsewhere the lease itself is the durable intent, so all that is open is doubtful.
    """
    query = _run_out(tx, host).with_for_update(skip_locked=True)
    doubtful = 0
    for chunk in tx.session.scalars(query).all():
        doubtful += _doubt(tx, chunk, None)
        ledger.hand_back(tx, chunk)
    return doubtful


def any_run_out(tx: Transaction, host: str) -> bool:
    return tx.session.scalars(_run_out(tx, host).limit(1)).first() is not None


def _run_out(tx: Transaction, host: str) -> Select[tuple[Chunk]]:
    here = select(Journal.worker).where(Journal.host == host, Journal.replayed_at.is_(None))
    return select(Chunk).where(
        Chunk.state == chunks.LEASED, Chunk.leased_until < tx.now, Chunk.worker.not_in(here)
    )


def _doubt(tx: Transaction, chunk: Chunk, ids: Sequence[int] | None) -> int:
    """Mark open deliveries of a chunk (all, or these) as perhaps sent; return how many doubtful.

    In a keyed chunk none is: it is asked again under its key, and until the answer to that it
    is unknown what became of the first time.
    """
    among = [] if ids is None else [Delivery.id.in_(ids)]
    marked = chunks.execute(
        tx,
        update(Delivery)
        .where(Delivery.chunk_id == chunk.id, chunks.OPEN_ROW, *among)
        .values(
            state=State.UNKNOWN if chunk.keyed else State.WAITING,
            reason=rules.INTERRUPTED,
            attempts=Delivery.attempts + 1,
            doubtful=Delivery.doubtful + (0 if chunk.keyed else 1),
        ),
    )
    return 0 if chunk.keyed else marked


# The end.


def expire(tx: Transaction) -> int:
    """Settle what is past its deadline and in nobody's hands; return how many deliveries."""
    query = _expired(tx).limit(200).with_for_update(skip_locked=True)
    count = 0
    for chunk in tx.session.scalars(query).all():
        count += _expire_chunk(tx, chunk.id)
        chunk.state = chunks.DONE
    tx.flush()
    return count


def _expire_chunk(tx: Transaction, chunk_id: int) -> int:
    unsettled = update(Delivery).where(Delivery.chunk_id == chunk_id, Delivery.settled_at.is_(None))
    arrived = or_(Delivery.doubtful > 0, Delivery.state == State.UNKNOWN)
    perhaps = unsettled.where(arrived).values(state=rules.expired(True), settled_at=tx.now)
    never = unsettled.where(~arrived).values(
        state=rules.expired(False),
        settled_at=tx.now,
        reason=func.coalesce(func.nullif(Delivery.reason, ""), rules.DEADLINE),
    )
    return chunks.execute(tx, perhaps) + chunks.execute(tx, never)


def any_expired(tx: Transaction) -> bool:
    return tx.session.scalars(_expired(tx).limit(1)).first() is not None


def _expired(tx: Transaction) -> Select[tuple[Chunk]]:
    open_chunks = Chunk.state.in_((chunks.READY, chunks.PLACED))
    return select(Chunk).where(open_chunks, Chunk.deadline <= tx.now)


def exhausted(tx: Transaction) -> list[int]:
    """The broadcasts being sent of which no chunk is left to send, but for full mailboxes.

    Those are tried for days: longer than anybody waits for a report, or to send it once more.
    """
    left = select(Chunk.id).where(
        Chunk.broadcast_id == Broadcast.id,
        Chunk.state.in_((chunks.READY, chunks.LEASED)),
        ~Chunk.patient,
    )
    query = select(Broadcast.id).where(Broadcast.state == ledger.SENDING, ~left.exists())
    return list(tx.session.scalars(query))


def finish(tx: Transaction, broadcast_id: int) -> bool:
    """Close a broadcast that `exhausted` names; False if another was faster."""
    statement = (
        update(Broadcast)
        .where(Broadcast.id == broadcast_id, Broadcast.state == ledger.SENDING)
        .values(state=broadcasts.MOVES[_FINISHED].value, finished_at=tx.now, updated_at=tx.now)
    )
    return chunks.execute(tx, statement) == 1
