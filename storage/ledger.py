"""The ledger is the queue: chunks are leased, and given back.

A lease is fenced: its epoch rises each time the chunk is leased, and whoever lost a lease can
record nothing under it any more (see storage.recording).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, Select, String, bindparam, cast, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain import broadcasts
from domain.deliveries import OPEN, ORDINARY, ChunkRule, State
from storage import queue
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
    priority: int = ORDINARY

    @property
    def urgent(self) -> bool:
        return self.priority < ORDINARY


@dataclass(frozen=True, slots=True)
class Want:
    """So many chunks of a channel, of one lane or (empty) of any; `urgent` is those alone that
    are more urgent than an ordinary broadcast.
    """

    channel: str
    count: int
    lane: str = ""
    urgent: bool = False


class Member(NamedTuple):
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

_CHUNKS, _DELIVERIES, _POINTS = Chunk.__table__, Delivery.__table__, ContactPoint.__table__
_C, _D = _CHUNKS.c, _DELIVERIES.c


def anything_due(tx: Transaction, wants: Sequence[Want]) -> bool:
    """Whether a lease would get something; asked without the write lock."""
    return (
        next(_due(tx, [replace(want, count=1) for want in wants if want.count]), None) is not None
    )


def lease(tx: Transaction, worker: str, wants: Sequence[Want], lasting: timedelta) -> list[Lease]:
    """Take up to as many due chunks as are wanted, in every lane the most urgent first."""
    tx.flush()
    taken = list(_due(tx, wants, locking=True))
    if taken:
        queue.take(tx, [row.id for row in taken], worker, tx.now + lasting)
    return [_leased(row, worker) for row in taken]


def _due(tx: Transaction, wants: Sequence[Want], locking: bool = False) -> Iterator[Row[Any]]:
    """What is due of each want, and was not found for one before it."""
    lanes = {channel: queue.lanes(tx, channel) for channel in {want.channel for want in wants}}
    found: set[int] = set()
    for want in wants:
        rows = [
            row
            for lane in lanes[want.channel]
            if want.lane in ("", lane)
            for row in queue.due(
                tx, want.channel, lane, want.count + len(found), want.urgent, locking
            )
        ]
        fresh = [row for row in rows if row.id not in found]
        for row in sorted(fresh, key=lambda row: (row.priority, row.id))[: want.count]:
            found.add(row.id)
            yield row


def _leased(row: Row[Any], worker: str) -> Lease:
    return Lease(
        chunk_id=row.id,
        epoch=row.epoch + 1,
        worker=worker,
        broadcast_id=row.broadcast_id,
        channel=row.channel,
        account=row.account,
        lane=row.lane,
        variant=row.variant,
        key=row.key,
        deadline=row.deadline,
        keyed=row.keyed,
        priority=row.priority,
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
        priority=chunk.priority,
    )


def members(tx: Transaction, chunk_id: int) -> list[Member]:
    """Whom a leased chunk is still to be sent to.

    They come as one text: a row of its own for each would give Python's lock away and wait for it
    again a hundred times, while another thread is busy sending.
    """
    on_sqlite = tx.session.get_bind().dialect.name == "sqlite"
    statement = _MEMBERS_OF_SQLITE if on_sqlite else _MEMBERS_OF_POSTGRESQL
    told = tx.session.connection().execute(statement, {"chunk": chunk_id}).scalar()
    words = told.split(",") if told else []
    numbers = map(int, words[0::3]), map(int, words[1::3])
    return list(map(Member, *numbers, map(bytes.fromhex, words[2::3])))


def _members(cipher: ColumnElement[str]) -> Select[tuple[str]]:
    """The members of a chunk in order, each as its numbers and its address as hexadecimals."""
    each = (
        cast(_DELIVERIES.c.id, String),
        cast(_DELIVERIES.c.contact_point_id, String),
        cipher,
    )
    rows = (
        select((each[0] + "," + each[1] + "," + each[2]).label("member"))
        .join_from(_DELIVERIES, _POINTS, _POINTS.c.id == _DELIVERIES.c.contact_point_id)
        .where(_DELIVERIES.c.chunk_id == bindparam("chunk"), OPEN_ROW)
        .order_by(_DELIVERIES.c.id)
        .subquery()
    )
    return select(func.aggregate_strings(rows.c.member, ","))


_MEMBERS_OF_SQLITE = _members(func.hex(_POINTS.c.address_cipher, type_=String))
_MEMBERS_OF_POSTGRESQL = _members(func.encode(_POINTS.c.address_cipher, "hex", type_=String))


def address_opener(tx: Transaction) -> Callable[[bytes], str]:
    """What gives a member's address in clear, or raises SealBroken; `tx` may be over by then."""
    return tx.vault.opener(_ADDRESS)


def extend(tx: Transaction, worker: str, lasting: timedelta) -> set[tuple[int, int]]:
    """Prolong all leases of a worker; return (chunk, epoch) of those it still holds.

    A chunk whose broadcast was stopped, or is not valid any more, is not among them.
    """
    going_out = select(Broadcast.id).where(Broadcast.state.in_(broadcasts.GOING_OUT))
    statement = (
        update(Chunk)
        .where(
            Chunk.state == LEASED,
            Chunk.worker == worker,
            Chunk.deadline > tx.now,
            Chunk.broadcast_id.in_(going_out),
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
    if not still_held(tx, [held]):
        return False
    release_all(tx, {held: not_before})
    return True


_HELD = (
    select(_C.id, _C.epoch, _C.worker)
    .where(_C.id.in_(bindparam("chunks", expanding=True)), _C.state == LEASED)
    .order_by(_C.id)
    .with_for_update()
)


def still_held(tx: Transaction, leases: Collection[Lease]) -> set[tuple[int, int]]:
    """The chunks and epochs of those leases that were not lost, locked until the commit."""
    tx.flush()
    ids = [held.chunk_id for held in leases]
    rows = tx.session.connection().execute(_HELD, {"chunks": ids}).tuples()
    found = set(rows)
    return {
        (held.chunk_id, held.epoch)
        for held in leases
        if (held.chunk_id, held.epoch, held.worker) in found
    }


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


_GIVE_BACK = (
    update(_CHUNKS)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(_C.id.in_(bindparam("chunks", expanding=True)))
    .values(state=bindparam("to"), worker=None, leased_until=None)
)
_PUT_OFF = (
    update(_CHUNKS)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(
        _C.id.in_(bindparam("chunks", expanding=True)),
        or_(_C.keyed.is_(False), _C.not_before <= bindparam("now")),
    )
    .values(not_before=bindparam("at"))
)


def release_all(tx: Transaction, given_back: Mapping[Lease, datetime | None]) -> None:
    """Give back chunks that are still held, each as `release` does."""
    tx.flush()
    connection = tx.session.connection()
    by_state: dict[str, list[int]] = defaultdict(list)
    waiting: dict[datetime, list[int]] = defaultdict(list)
    states = _states_of(tx, [held.chunk_id for held in given_back])
    for held, not_before in given_back.items():
        state = _state_after(states.get(held.chunk_id, set()))
        by_state[state].append(held.chunk_id)
        if not_before is not None and state != DONE:
            waiting[not_before].append(held.chunk_id)
    for at, ids in waiting.items():
        connection.execute(_PUT_OFF, {"chunks": ids, "at": at, "now": tx.now})
    for state, ids in by_state.items():
        connection.execute(_GIVE_BACK, {"chunks": ids, "to": state})


def hand_back(tx: Transaction, chunk: Chunk) -> None:
    """Give a chunk back of which the lease was looked at before."""
    chunk.state = _state_after(_states_of(tx, [chunk.id]).get(chunk.id, set()))
    chunk.worker = chunk.leased_until = None
    tx.flush()


_OPEN_STATES = (
    select(_D.chunk_id, _D.state)
    # A delivery that ended as unknown is settled; only an unsettled one is sent again.
    .where(_D.chunk_id.in_(bindparam("chunks", expanding=True)), _D.settled_at.is_(None))
    .distinct()
)


def _states_of(tx: Transaction, chunk_ids: Sequence[int]) -> dict[int, set[str]]:
    """The states of what is not settled in these chunks; those without such are left out."""
    tx.flush()
    found: dict[int, set[str]] = defaultdict(set)
    rows = tx.session.connection().execute(_OPEN_STATES, {"chunks": chunk_ids})
    for chunk_id, state in rows:
        found[chunk_id].add(state)
    return found


def _state_after(states: Collection[str]) -> str:
    """What is placed and not yet displayed keeps its chunk until the deadline."""
    if any(state in states for state in OPEN):
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
