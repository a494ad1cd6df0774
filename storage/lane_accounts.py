"""What became of a broadcast lane by lane, by the ledger's own times: only for counting."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, select, update

from domain.deliveries import State
from storage import chunks
from storage.chunks import READY
from storage.database import Transaction
from storage.people import MAIL
from storage.tables import Chunk, ContactPoint, Delivery, Suppression


@dataclass(frozen=True, slots=True)
class LaneAccount:
    """One lane's part of a broadcast; `first` and `last` are when mail was accepted there."""

    lane: str
    recipients: int
    accepted: int
    refused: int
    doubtful: int
    first: datetime | None
    last: datetime | None

    @property
    def open(self) -> int:
        """How many are still to be sent, or ended as unknown."""
        return self.recipients - self.accepted - self.refused


def by_lane(tx: Transaction, broadcast_id: int) -> dict[str, LaneAccount]:
    """Every lane of mail that a broadcast has somebody in."""
    accepted = Delivery.state == State.ACCEPTED.value
    query = (
        select(
            Chunk.lane,
            func.count(),
            func.sum(case((accepted, 1), else_=0)),
            func.sum(case((Delivery.state == State.REFUSED.value, 1), else_=0)),
            func.sum(Delivery.doubtful),
            func.min(case((accepted, Delivery.settled_at))),
            func.max(case((accepted, Delivery.settled_at))),
        )
        .join(Chunk, Chunk.id == Delivery.chunk_id)
        .where(Delivery.broadcast_id == broadcast_id, Chunk.channel == MAIL)
        .group_by(Chunk.lane)
    )
    return {row[0]: LaneAccount(*row) for row in tx.session.execute(query).tuples()}


def marked(tx: Transaction) -> tuple[int, int]:
    """How many contact points a carrier's refusal marks, and how many are suspended."""
    marks = tx.session.scalar(select(func.count()).select_from(Suppression)) or 0
    suspended = ContactPoint.state == "suspended"
    return marks, tx.session.scalar(select(func.count()).where(suspended)) or 0


def put_off(tx: Transaction, broadcast_id: int) -> dict[str, int]:
    """How many of a broadcast wait in each lane for another try."""
    query = (
        select(Chunk.lane, func.count())
        .join(Delivery, Delivery.chunk_id == Chunk.id)
        .where(Chunk.broadcast_id == broadcast_id, *_later(tx), chunks.OPEN_ROW)
        .group_by(Chunk.lane)
    )
    return dict(tx.session.execute(query).tuples().all())


def bring_forward(tx: Transaction, lanes: Collection[str]) -> int:
    """Make due what waits in these lanes for another try: the pauses between tries are minutes."""
    waiting = update(Chunk).where(*_later(tx), Chunk.lane.in_(lanes))
    return chunks.execute(tx, waiting.values(not_before=tx.now))


def _later(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    return Chunk.state == READY, Chunk.not_before > tx.now
