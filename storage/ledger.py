"""The ledger is the queue: chunks are leased, and what became of their deliveries recorded.

A lease is fenced: its epoch rises each time the chunk is leased, and whoever lost a lease can
record nothing under it any more.  Everything here is safe to do twice: an outcome changes a
delivery only while that is open and in the chunk that was leased.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, bindparam, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain import deliveries as rules
from domain.deliveries import OPEN, Change, Moment, State, Tried
from domain.outcomes import Accepted, Outcome, Placed, Refused
from storage.database import Transaction
from storage.tables import Broadcast, Chunk, ContactPoint, Delivery, Journal

READY, LEASED, PLACED, DONE = "ready", "leased", "placed", "done"

# A retried delivery joins a chunk that is due up to so much later, instead of opening its own.
_JOIN_WITHIN = timedelta(minutes=1)
_ADDRESS = "contact_points.address"
_OPEN = Delivery.state.in_(OPEN)
_UNSYNCED = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Lease:
    """A chunk that one worker may send until its lease runs out."""

    chunk_id: int
    epoch: int
    worker: str
    broadcast_id: int
    channel: str
    account: str
    lane: str
    variant: str


@dataclass(frozen=True, slots=True)
class Member:
    """One delivery of a chunk that is still to be sent, its address as it is stored."""

    delivery_id: int
    contact_point_id: int
    address_cipher: bytes


@dataclass(frozen=True, slots=True)
class Again:
    """How deliveries are put down for another try: chunk size by channel, and the spread."""

    limits: Mapping[str, int]
    jitter: float = 0.0


# Leasing.


def lease(
    tx: Transaction, worker: str, channels: Iterable[str], count: int, lasting: timedelta
) -> list[Lease]:
    """Take up to `count` chunks that are due, the most urgent first."""
    due = (
        select(Chunk)
        .join(Broadcast, Broadcast.id == Chunk.broadcast_id)
        .where(
            Chunk.state == READY,
            Chunk.not_before <= tx.now,
            Chunk.deadline > tx.now,
            Chunk.channel.in_(list(channels)),
            Broadcast.state == "sending",
        )
        .order_by(Chunk.priority, Chunk.id)
        .limit(count)
        .with_for_update(skip_locked=True, of=Chunk)
    )
    chunks = tx.session.scalars(due).all()
    for chunk in chunks:
        chunk.state, chunk.worker = LEASED, worker
        chunk.epoch += 1
        chunk.leased_until = tx.now + lasting
    tx.flush()
    return [_lease(chunk, worker) for chunk in chunks]


def _lease(chunk: Chunk, worker: str) -> Lease:
    return Lease(
        chunk_id=chunk.id,
        epoch=chunk.epoch,
        worker=worker,
        broadcast_id=chunk.broadcast_id,
        channel=chunk.channel,
        account=chunk.account,
        lane=chunk.lane,
        variant=chunk.variant,
    )


def members(tx: Transaction, chunk_id: int) -> list[Member]:
    """Whom a leased chunk is still to be sent to."""
    query = (
        select(Delivery.id, Delivery.contact_point_id, ContactPoint.address_cipher)
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(Delivery.chunk_id == chunk_id, _OPEN)
        .order_by(Delivery.id)
    )
    return [Member(*row) for row in tx.session.execute(query).tuples()]


def open_address(tx: Transaction, member: Member) -> str:
    """The address in clear; needs no connection, so it may follow the transaction."""
    return tx.vault.open_text(member.address_cipher, _ADDRESS)


def extend(tx: Transaction, worker: str, lasting: timedelta) -> set[tuple[int, int]]:
    """Prolong all leases of a worker; return (chunk, epoch) of those it still holds.

    A chunk whose broadcast was stopped is not among them.
    """
    sending = select(Broadcast.id).where(Broadcast.state == "sending")
    statement = (
        update(Chunk)
        .where(Chunk.state == LEASED, Chunk.worker == worker, Chunk.broadcast_id.in_(sending))
        .values(leased_until=tx.now + lasting)
        .returning(Chunk.id, Chunk.epoch)
        .execution_options(**_UNSYNCED)
    )
    return {(chunk_id, epoch) for chunk_id, epoch in tx.session.execute(statement).tuples()}


def release(tx: Transaction, held: Lease, not_before: datetime | None = None) -> bool:
    """Give a chunk back: done if nothing in it is open, otherwise ready (again) for anyone.

    Returns False, changing nothing, if the lease was lost.
    """
    chunk = _held(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return False
    _hand_back(tx, chunk, not_before)
    return True


def _held(tx: Transaction, chunk_id: int, epoch: int, worker: str) -> Chunk | None:
    query = (
        select(Chunk)
        .where(
            Chunk.id == chunk_id,
            Chunk.epoch == epoch,
            Chunk.worker == worker,
            Chunk.state == LEASED,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return tx.session.scalar(query)


def _hand_back(tx: Transaction, chunk: Chunk, not_before: datetime | None = None) -> None:
    chunk.state = _state_of(tx, chunk.id)
    chunk.worker = chunk.leased_until = None
    chunk.not_before = not_before or chunk.not_before
    tx.flush()


def _state_of(tx: Transaction, chunk_id: int) -> str:
    """What is placed and not yet displayed keeps its chunk until the deadline."""
    rows = select(Delivery.state).where(Delivery.chunk_id == chunk_id).distinct()
    # A delivery that ended as unknown is settled; only an unsettled one is sent again.
    open_rows = rows.where(Delivery.settled_at.is_(None))
    states = set(tx.session.scalars(open_rows))
    if states & set(OPEN):
        return READY
    return PLACED if State.PLACED in states else DONE


# Recording.


def record(
    tx: Transaction, held: Lease, outcomes: Sequence[tuple[int, Outcome]], again: Again
) -> bool:
    """Write down what became of deliveries of a leased chunk.

    Returns False, recording nothing, if the lease was lost: somebody else sends them now.
    """
    chunk = _held(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return False
    _record(tx, chunk, outcomes, again)
    return True


def _record(
    tx: Transaction, chunk: Chunk, outcomes: Sequence[tuple[int, Outcome]], again: Again
) -> None:
    moment = Moment(tx.now, chunk.deadline, again.jitter)
    final, later = _parted(outcomes)
    changes = {delivery_id: rules.settle(o, Tried(), moment) for delivery_id, o in final}
    tried = _tried(tx, chunk.id, [delivery_id for delivery_id, _ in later])
    for delivery_id, outcome in later:
        if delivery_id in tried:
            changes[delivery_id] = rules.settle(outcome, tried[delivery_id], moment)
    _apply(tx, chunk.id, changes)
    _put_down_again(tx, chunk, changes, again)


def _parted(
    outcomes: Sequence[tuple[int, Outcome]],
) -> tuple[list[tuple[int, Outcome]], list[tuple[int, Outcome]]]:
    """Those that need no look at earlier tries, and those that do."""
    final = [entry for entry in outcomes if isinstance(entry[1], Accepted | Placed | Refused)]
    later = [entry for entry in outcomes if not isinstance(entry[1], Accepted | Placed | Refused)]
    return final, later


def _tried(tx: Transaction, chunk_id: int, ids: Sequence[int]) -> dict[int, Tried]:
    if not ids:
        return {}
    query = select(Delivery.id, Delivery.attempts, Delivery.doubtful).where(
        Delivery.id.in_(ids), Delivery.chunk_id == chunk_id, _OPEN
    )
    return {row.id: Tried(row.attempts, row.doubtful) for row in tx.session.execute(query)}


_APPLY = (
    update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(
        Delivery.id == bindparam("delivery"),
        Delivery.chunk_id == bindparam("chunk"),
        Delivery.settled_at.is_(None),
        _OPEN,
    )
    .values(
        state=bindparam("to"),
        reason=bindparam("why"),
        reference=bindparam("named"),
        settled_at=bindparam("at"),
        attempts=Delivery.attempts + 1,
        doubtful=Delivery.doubtful + bindparam("doubts"),
    )
)


def _apply(tx: Transaction, chunk_id: int, changes: Mapping[int, Change]) -> None:
    rows = [
        {
            "delivery": delivery_id,
            "chunk": chunk_id,
            "to": change.state.value,
            "why": change.reason,
            "named": change.reference,
            "at": tx.now if change.settled else None,
            "doubts": int(change.doubtful),
        }
        for delivery_id, change in changes.items()
    ]
    if rows:
        tx.session.connection().execute(_APPLY, rows)


def _put_down_again(
    tx: Transaction, chunk: Chunk, changes: Mapping[int, Change], again: Again
) -> None:
    by_time: dict[datetime, list[int]] = defaultdict(list)
    for delivery_id, change in changes.items():
        if change.again_at is not None:
            by_time[change.again_at].append(delivery_id)
    for at, ids in by_time.items():
        _move(tx, _chunk_for(tx, chunk, at, len(ids), again), chunk.id, ids)


def _move(tx: Transaction, to: Chunk, chunk_id: int, ids: Sequence[int]) -> None:
    _execute(
        tx,
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.chunk_id == chunk_id, _OPEN)
        .values(chunk_id=to.id),
    )


def _chunk_for(tx: Transaction, like: Chunk, at: datetime, count: int, again: Again) -> Chunk:
    """A chunk for another try: one that is due about then and has room, or a new one."""
    limit = again.limits.get(like.channel, count)
    query = (
        select(Chunk)
        .where(
            *_alike(like),
            Chunk.state == READY,
            Chunk.epoch == 0,
            Chunk.not_before.between(at, at + _JOIN_WITHIN),
            Chunk.size <= limit - count,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    joined = tx.session.scalar(query)
    if joined is not None:
        joined.size += count
        return joined
    return _new_chunk(tx, like, at, count)


def _alike(like: Chunk) -> tuple[ColumnElement[bool], ...]:
    return (
        Chunk.broadcast_id == like.broadcast_id,
        Chunk.channel == like.channel,
        Chunk.account == like.account,
        Chunk.lane == like.lane,
        Chunk.variant == like.variant,
    )


def _new_chunk(tx: Transaction, like: Chunk, at: datetime, count: int) -> Chunk:
    chunk = Chunk(
        board_id=like.board_id,
        broadcast_id=like.broadcast_id,
        channel=like.channel,
        account=like.account,
        lane=like.lane,
        variant=like.variant,
        priority=like.priority,
        state=READY,
        size=count,
        epoch=0,
        not_before=at,
        deadline=like.deadline,
    )
    tx.session.add(chunk)
    tx.flush()
    return chunk


def accept_placed(tx: Transaction, contact_point_id: int, delivery_ids: Sequence[int]) -> list[int]:
    """Note that messages placed for a person were displayed; return those that were news."""
    statement = (
        update(Delivery)
        .where(
            Delivery.id.in_(delivery_ids),
            Delivery.contact_point_id == contact_point_id,
            Delivery.state == State.PLACED,
        )
        .values(state=State.ACCEPTED, settled_at=tx.now)
        .returning(Delivery.id)
        .execution_options(**_UNSYNCED)
    )
    return list(tx.session.scalars(statement))


# After a worker is gone.


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead worker's journal says of one chunk it held."""

    outcomes: Sequence[tuple[int, Outcome]]
    intents: Sequence[int]


def leases_of(tx: Transaction, worker: str) -> list[Lease]:
    query = select(Chunk).where(Chunk.state == LEASED, Chunk.worker == worker)
    return [_lease(chunk, worker) for chunk in tx.session.scalars(query)]


def inherit(tx: Transaction, held: Lease, remains: Remains | None, again: Again) -> int:
    """Settle a dead worker's chunk by its journal, and give it back at once.

    Without a journal every delivery not recorded may have been sent.  Returns how many are
    doubtful.
    """
    chunk = _held(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return 0
    if remains is None:
        doubtful = _doubt(tx, chunk.id, None)
    else:
        _record(tx, chunk, remains.outcomes, again)
        doubtful = _doubt(tx, chunk.id, remains.intents)
    _hand_back(tx, chunk)
    return doubtful


def reclaim(tx: Transaction, host: str) -> int:
    """Take back chunks whose lease ran out; return how many deliveries became doubtful.

    Not those of a worker whose journal lies on this host and is not replayed: the journal
    knows which deliveries are doubtful, and a worker that is merely slow still holds it.
    Elsewhere the lease itself is the durable intent, so all that is open is doubtful.
    """
    here = select(Journal.worker).where(Journal.host == host, Journal.replayed_at.is_(None))
    query = (
        select(Chunk)
        .where(Chunk.state == LEASED, Chunk.leased_until < tx.now, Chunk.worker.not_in(here))
        .with_for_update(skip_locked=True)
    )
    doubtful = 0
    for chunk in tx.session.scalars(query).all():
        doubtful += _doubt(tx, chunk.id, None)
        _hand_back(tx, chunk)
    return doubtful


def _doubt(tx: Transaction, chunk_id: int, ids: Sequence[int] | None) -> int:
    """Mark open deliveries of a chunk (all, or these) as perhaps sent."""
    among = [] if ids is None else [Delivery.id.in_(ids)]
    return _execute(
        tx,
        update(Delivery)
        .where(Delivery.chunk_id == chunk_id, Delivery.settled_at.is_(None), _OPEN, *among)
        .values(
            state=State.WAITING,
            reason=rules.INTERRUPTED,
            attempts=Delivery.attempts + 1,
            doubtful=Delivery.doubtful + 1,
        ),
    )


def _execute(tx: Transaction, statement: Executable) -> int:
    """Run a bulk statement past the session's objects; return how many rows it changed."""
    options = statement.execution_options(**_UNSYNCED)
    return cast(CursorResult[Any], tx.session.execute(options)).rowcount


# The end.


def expire(tx: Transaction) -> int:
    """Settle what is past its deadline and in nobody's hands; return how many deliveries."""
    query = (
        select(Chunk)
        .where(Chunk.state.in_((READY, PLACED)), Chunk.deadline <= tx.now)
        .limit(200)
        .with_for_update(skip_locked=True)
    )
    count = 0
    for chunk in tx.session.scalars(query).all():
        count += _expire_chunk(tx, chunk.id)
        chunk.state = DONE
    tx.flush()
    return count


def _expire_chunk(tx: Transaction, chunk_id: int) -> int:
    unsettled = update(Delivery).where(Delivery.chunk_id == chunk_id, Delivery.settled_at.is_(None))
    perhaps = unsettled.where(Delivery.doubtful > 0).values(
        state=rules.expired(1), settled_at=tx.now
    )
    never = unsettled.where(Delivery.doubtful == 0).values(
        state=rules.expired(0),
        settled_at=tx.now,
        reason=func.coalesce(func.nullif(Delivery.reason, ""), rules.DEADLINE),
    )
    return _execute(tx, perhaps) + _execute(tx, never)


def anything_expired(tx: Transaction) -> bool:
    query = select(Chunk.id).where(Chunk.state.in_((READY, PLACED)), Chunk.deadline <= tx.now)
    return tx.session.scalar(query.limit(1)) is not None


def exhausted(tx: Transaction) -> list[int]:
    """The broadcasts being sent of which no chunk is left to send."""
    left = select(Chunk.id).where(
        Chunk.broadcast_id == Broadcast.id, Chunk.state.in_((READY, LEASED))
    )
    query = select(Broadcast.id).where(Broadcast.state == "sending", ~left.exists())
    return list(tx.session.scalars(query))


def finish(tx: Transaction, broadcast_id: int) -> bool:
    """Close a broadcast of which nothing is left to send; False if another was faster."""
    statement = (
        update(Broadcast)
        .where(Broadcast.id == broadcast_id, Broadcast.state == "sending")
        .values(state="sent", finished_at=tx.now, updated_at=tx.now)
    )
    return _execute(tx, statement) == 1
