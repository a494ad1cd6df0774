"""Stopping a broadcast: what nobody holds is closed at once, what a worker holds afterwards.

Workers hear of it by `stopped_among`, twice and more in a second, and send nothing further of
what they hold. What a provider took before that is recorded as it was.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select, update

from domain import deliveries as rules
from domain.broadcasts import State
from storage import chunks
from storage.database import Transaction
from storage.tables import Broadcast, Chunk, Delivery

WITHDRAWN = "withdrawn"


def stop(tx: Transaction, broadcast_id: int) -> int:
    """Close everything of a broadcast that is in no worker's hands; return how many are spared."""
    held_by_nobody = Chunk.state.in_((chunks.READY, chunks.PLACED))
    chunks.execute(
        tx,
        update(Chunk)
        .where(Chunk.broadcast_id == broadcast_id, held_by_nobody)
        .values(state=chunks.DONE),
    )
    closed = select(Chunk.id).where(Chunk.broadcast_id == broadcast_id, Chunk.state == chunks.DONE)
    unsettled = update(Delivery).where(
        Delivery.broadcast_id == broadcast_id,
        Delivery.settled_at.is_(None),
        Delivery.chunk_id.in_(closed),
    )
    perhaps = or_(Delivery.doubtful > 0, Delivery.state == rules.State.UNKNOWN)
    chunks.execute(
        tx, unsettled.where(perhaps).values(state=rules.expired(True), settled_at=tx.now)
    )
    # What lies undisplayed in somebody's web chat was not seen, and is not shown any more.
    return chunks.execute(
        tx,
        unsettled.values(state=rules.expired(False), settled_at=tx.now, reason=WITHDRAWN),
    )


def stopped_among(tx: Transaction, broadcast_ids: Collection[int]) -> set[int]:
    """Those of these broadcasts of which nothing more may be sent."""
    query = select(Broadcast.id).where(
        Broadcast.id.in_(broadcast_ids), Broadcast.state == State.WITHDRAWN.value
    )
    return set(tx.session.scalars(query))


def not_finished(tx: Transaction) -> list[int]:
    """The withdrawn broadcasts of which some worker may still have something to record."""
    query = select(Broadcast.id).where(
        Broadcast.state == State.WITHDRAWN.value, Broadcast.finished_at.is_(None)
    )
    return list(tx.session.scalars(query))


def finish(tx: Transaction, broadcast_id: int) -> bool:
    """Close what workers gave back, and the broadcast once they hold nothing of it any more.

    False if they still do, or if another worker was faster.
    """
    held = select(Chunk.id).where(Chunk.broadcast_id == broadcast_id, Chunk.state == chunks.LEASED)
    statement = (
        update(Broadcast)
        .where(
            Broadcast.id == broadcast_id,
            Broadcast.state == State.WITHDRAWN.value,
            Broadcast.finished_at.is_(None),
            ~held.exists(),
        )
        .values(finished_at=tx.now, updated_at=tx.now)
    )
    finished = chunks.execute(tx, statement) == 1
    # Only now: the last chunk may have come back a moment ago.
    stop(tx, broadcast_id)
    return finished
