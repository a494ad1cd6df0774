"""The queue: the chunks that are ready, in the order of their index.

That has an order in each lane of a channel only (`ix_chunks_queue`), so each lane is asked by
itself for its first ones: however many are ready, only those are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, select, update

from domain.broadcasts import GOING_OUT
from domain.deliveries import ORDINARY
from storage.chunks import LEASED, READY
from storage.database import Transaction
from storage.tables import Broadcast, Chunk

_BROADCASTS = Broadcast.__table__
_CHUNKS = Chunk.__table__
_C = _CHUNKS.c
_READY = (_C.state == READY, _C.channel == bindparam("channel"))
_COLUMNS = (_C.broadcast_id, _C.channel, _C.account, _C.lane, _C.variant)
# Looked up for each chunk and not joined: the queue is gone through in its own order.
_GOES_OUT = (
    select(_BROADCASTS.c.state)
    .where(_BROADCASTS.c.id == _C.broadcast_id)
    .scalar_subquery()
    .in_(GOING_OUT)
)
_DUE = (
    select(_C.id, _C.epoch, *_COLUMNS, _C.key, _C.deadline, _C.keyed, _C.priority)
    .where(
        *_READY,
        _C.lane == bindparam("lane"),
        _C.not_before <= bindparam("now"),
        _C.deadline > bindparam("now"),
        _GOES_OUT,
    )
    .order_by(_C.priority, _C.turn, _C.id)
    .limit(bindparam("count"))
)
_URGENT = _DUE.where(_C.priority < ORDINARY)
_TAKE = (
    update(_CHUNKS)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(_C.id.in_(bindparam("chunks", expanding=True)))
    .values(
        state=LEASED, worker=bindparam("by"), epoch=_C.epoch + 1, leased_until=bindparam("until")
    )
)


def _each_lane() -> Select[tuple[str]]:
    """The lanes in which a channel has something ready: one look into the index for each."""
    lanes = select(func.min(_C.lane).label("lane")).where(*_READY).cte("lanes", recursive=True)
    following = select(func.min(_C.lane)).where(*_READY, _C.lane > lanes.c.lane).scalar_subquery()
    lanes = lanes.union_all(select(following).where(lanes.c.lane.is_not(None)))
    return select(lanes.c.lane).where(lanes.c.lane.is_not(None))


_LANES = _each_lane()


def lanes(tx: Transaction, channel: str) -> Sequence[str]:
    """The lanes in which a channel has something ready."""
    return tx.session.connection().execute(_LANES, {"channel": channel}).scalars().all()


def due(
    tx: Transaction, channel: str, lane: str, count: int, urgent: bool, locking: bool
) -> Sequence[Row[Any]]:
    """The first so many that are due in one lane; with `locking`, that nobody else takes now."""
    statement = _URGENT if urgent else _DUE
    if locking:
        statement = statement.with_for_update(skip_locked=True, of=_CHUNKS)
    values = {"channel": channel, "lane": lane, "now": tx.now, "count": count}
    return tx.session.connection().execute(statement, values).all()


def take(tx: Transaction, ids: Sequence[int], worker: str, until: datetime) -> None:
    """Lease chunks that were found due in this transaction."""
    values = {"chunks": ids, "by": worker, "until": until}
    tx.session.connection().execute(_TAKE, values)
