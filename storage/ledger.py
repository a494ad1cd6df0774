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

from sqlalchemy import CursorResult, Executable, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain import broadcasts
from domain import deliveries as rules
from domain.deliveries import OPEN, Change, Moment, State, Tried
from domain.outcomes import Accepted, Outcome, Placed, Refused
from storage.database import Transaction
from storage.tables import Broadcast, Chunk, ContactPoint, Delivery

READY, LEASED, PLACED, DONE = "ready", "leased", "placed", "done"

# A retried delivery joins a chunk that is due up to so much later, instead of opening its own.
_JOIN_WITHIN = timedelta(minutes=1)
_ADDRESS = "contact_points.address"
SENDING = broadcasts.State.SENDING.value
# Settled tells an unknown that is sent again from one that ended so.
OPEN_ROW = and_(
    Delivery.settled_at.is_(None), or_(*(Delivery.state == state.value for state in OPEN))
)
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


def anything_due(tx: Transaction, channels: Iterable[str]) -> bool:
    """Whether a lease would get something; asked without the write lock."""
    return tx.session.scalars(_due(tx, channels, 1)).first() is not None


def lease(
    tx: Transaction, worker: str, channels: Iterable[str], count: int, lasting: timedelta
) -> list[Lease]:
    """Take up to `count` chunks that are due, the most urgent first."""
    due = _due(tx, channels, count).with_for_update(skip_locked=True, of=Chunk)
    chunks = tx.session.scalars(due).all()
    for chunk in chunks:
        chunk.state, chunk.worker = LEASED, worker
        chunk.epoch += 1
        chunk.leased_until = tx.now + lasting
    tx.flush()
    return [as_lease(chunk, worker) for chunk in chunks]


def _due(tx: Transaction, channels: Iterable[str], count: int) -> Select[tuple[Chunk]]:
    return (
        select(Chunk)
        .join(Broadcast, Broadcast.id == Chunk.broadcast_id)
        .where(
            Chunk.state == READY,
            Chunk.not_before <= tx.now,
            Chunk.deadline > tx.now,
            Chunk.channel.in_(list(channels)),
            Broadcast.state == SENDING,
        )
        .order_by(Chunk.priority, Chunk.id)
        .limit(count)
    )


def as_lease(chunk: Chunk, worker: str) -> Lease:
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
        .where(Delivery.chunk_id == chunk_id, OPEN_ROW)
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
    sending = select(Broadcast.id).where(Broadcast.state == SENDING)
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
    chunk = held_chunk(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return False
    hand_back(tx, chunk, not_before)
    return True


def held_chunk(tx: Transaction, chunk_id: int, epoch: int, worker: str) -> Chunk | None:
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


def hand_back(tx: Transaction, chunk: Chunk, not_before: datetime | None = None) -> None:
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
    chunk = held_chunk(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return False
    record_in(tx, chunk, outcomes, again)
    return True


def record_in(
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
        Delivery.id.in_(ids), Delivery.chunk_id == chunk_id, OPEN_ROW
    )
    return {row.id: Tried(row.attempts, row.doubtful) for row in tx.session.execute(query)}


_APPLY = (
    update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(
        Delivery.id == bindparam("delivery"),
        Delivery.chunk_id == bindparam("chunk"),
        OPEN_ROW,
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
    execute(
        tx,
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.chunk_id == chunk_id, OPEN_ROW)
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


def execute(tx: Transaction, statement: Executable) -> int:
    """Run a bulk statement past the session's objects; return how many rows it changed."""
    options = statement.execution_options(**_UNSYNCED)
    return cast(CursorResult[Any], tx.session.execute(options)).rowcount


def counts(tx: Transaction, broadcast_id: int) -> tuple[str, dict[str, int]]:
    """A broadcast's own state, and how many of its deliveries are in each state."""
    query = (
        select(Delivery.state, func.count())
        .where(Delivery.broadcast_id == broadcast_id)
        .group_by(Delivery.state)
    )
    state = tx.session.scalars(select(Broadcast.state).where(Broadcast.id == broadcast_id)).one()
    return state, dict(tx.session.execute(query).tuples().all())
