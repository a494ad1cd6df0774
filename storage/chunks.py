"""Chunks as rows: how they are made, and how deliveries come into them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, Executable, and_, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain.deliveries import OPEN
from storage.database import Transaction
from storage.tables import Chunk, Delivery

READY, LEASED, PLACED, DONE = "ready", "leased", "placed", "done"

# Settled tells an unknown that is sent again from one that ended so.
OPEN_ROW = and_(
    Delivery.settled_at.is_(None), or_(*(Delivery.state == state.value for state in OPEN))
)
# Bulk statements run past the session's objects.
UNSYNCED = {"synchronize_session": False}
# A retried delivery joins a chunk that is due up to so much later, instead of opening its own.
_JOIN_WITHIN = timedelta(minutes=1)


class Until(NamedTuple):
    """How long a chunk is tried, and whether as one of full mailboxes (see Chunk)."""

    deadline: datetime
    patient: bool


def execute(tx: Transaction, statement: Executable) -> int:
    """Run a bulk statement past the session's objects; return how many rows it changed."""
    options = statement.execution_options(**UNSYNCED)
    return cast(CursorResult[Any], tx.session.execute(options)).rowcount


def move(tx: Transaction, to: Chunk, chunk_id: int, ids: Sequence[int]) -> None:
    """Put open deliveries of one chunk into another."""
    execute(
        tx,
        update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.chunk_id == chunk_id, OPEN_ROW)
        .values(chunk_id=to.id),
    )


def chunk_for(
    tx: Transaction, like: Chunk, at: datetime, until: Until, count: int, limit: int
) -> Chunk:
    """A chunk for another try: one that is due about then and has room, or a new one.

    Not for keyed chunks, whose members never change.
    """
    query = (
        select(Chunk)
        .where(
            *_alike(like),
            Chunk.state == READY,
            Chunk.epoch == 0,
            Chunk.not_before.between(at, at + _JOIN_WITHIN),
            Chunk.deadline == until.deadline,
            Chunk.patient == until.patient,
            Chunk.size <= limit - count,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    joined = tx.session.scalar(query)
    if joined is not None:
        joined.size += count
        return joined
    return new_chunk(tx, like, at, count, until)


def _alike(like: Chunk) -> tuple[ColumnElement[bool], ...]:
    return (
        Chunk.broadcast_id == like.broadcast_id,
        Chunk.channel == like.channel,
        Chunk.account == like.account,
        Chunk.lane == like.lane,
        Chunk.variant == like.variant,
    )


def new_chunk(
    tx: Transaction, like: Chunk, at: datetime, count: int, until: Until | None = None
) -> Chunk:
    """A chunk of the same kind as another, ready from `at` on, tried as long as that or `until`."""
    until = until or Until(like.deadline, like.patient)
    chunk = Chunk(
        board_id=like.board_id,
        broadcast_id=like.broadcast_id,
        channel=like.channel,
        account=like.account,
        lane=like.lane,
        variant=like.variant,
        priority=like.priority,
        turn=like.turn,
        state=READY,
        size=count,
        keyed=like.keyed,
        epoch=0,
        not_before=at,
        patient=until.patient,
        deadline=until.deadline,
    )
    tx.session.add(chunk)
    tx.flush()
    return chunk
