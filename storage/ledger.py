"""The ledger is the queue: chunks are leased, and given back.

A lease is fenced: its epoch rises each time the chunk is leased, and whoever lost a lease can
record nothing under it any more (see storage.recording).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update

from domain import broadcasts
from domain.deliveries import OPEN, ChunkRule, State
from storage.chunks import DONE, LEASED, OPEN_ROW, PLACED, READY, UNSYNCED
from storage.database import Transaction
from storage.tables import Broadcast, Chunk, ContactPoint, Delivery

_ADDRESS = "contact_points.address"
SENDING = broadcasts.State.SENDING.value


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
    key: UUID
    deadline: datetime
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """One delivery of a chunk that is still to be sent, its address as it is stored."""

    delivery_id: int
    contact_point_id: int
    address_cipher: bytes


@dataclass(frozen=True, slots=True)
class Again:
    """How deliveries are put down for another try: the rules of each channel, and the spread."""

    limits: Mapping[str, ChunkRule]
    jitter: float = 0.0


# Leasing.


def anything_due(tx: Transaction, channels: Iterable[str]) -> bool:
    """Whether a lease would get something; asked without the write lock."""
    return tx.session.scalars(_due(tx, channels, 1)).first() is not None


def lease(
    tx: Transaction, worker: str, wanted: Mapping[str, int], lasting: timedelta
) -> list[Lease]:
    """Take up to as many chunks of each channel as are wanted and due, the most urgent first."""
    taken = [
        chunk
        for channel, count in wanted.items()
        for chunk in tx.session.scalars(
            _due(tx, [channel], count).with_for_update(skip_locked=True, of=Chunk)
        ).all()
    ]
    for chunk in taken:
        chunk.state, chunk.worker = LEASED, worker
        chunk.epoch += 1
        chunk.leased_until = tx.now + lasting
    tx.flush()
    return [as_lease(chunk, worker) for chunk in taken]


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
        key=chunk.key,
        deadline=chunk.deadline,
        keyed=chunk.keyed,
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

    A chunk whose broadcast was stopped, or is not valid any more, is not among them.
    """
    sending = select(Broadcast.id).where(Broadcast.state == SENDING)
    statement = (
        update(Chunk)
        .where(
            Chunk.state == LEASED,
            Chunk.worker == worker,
            Chunk.deadline > tx.now,
            Chunk.broadcast_id.in_(sending),
        )
        .values(leased_until=tx.now + lasting)
        .returning(Chunk.id, Chunk.epoch)
        .execution_options(**UNSYNCED)
    )
    return {(chunk_id, epoch) for chunk_id, epoch in tx.session.execute(statement).tuples()}


def release(tx: Transaction, held: Lease, not_before: datetime | None = None) -> bool:
    """Give a chunk back: done if nothing in it is open, otherwise ready (again) for anyone.

    What is left in it waits until `not_before`; but a keyed chunk until the time that its own
    outcomes set.  Returns False, changing nothing, if the lease was lost.
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
    put_off = chunk.keyed and chunk.not_before > tx.now
    if not_before is not None and not put_off:
        chunk.not_before = not_before
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


# Web chat, and counting.


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
        .execution_options(**UNSYNCED)
    )
    return list(tx.session.scalars(statement))


def counts(tx: Transaction, broadcast_id: int) -> tuple[str, dict[str, int]]:
    """A broadcast's own state, and how many of its deliveries are in each state."""
    query = (
        select(Delivery.state, func.count())
        .where(Delivery.broadcast_id == broadcast_id)
        .group_by(Delivery.state)
    )
    state = tx.session.scalars(select(Broadcast.state).where(Broadcast.id == broadcast_id)).one()
    return state, dict(tx.session.execute(query).tuples().all())
