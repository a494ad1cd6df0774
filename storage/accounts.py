"""A frozen audience against what the outside says it received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from storage.database import Transaction
from storage.people import open_address
from storage.tables import ContactPoint, Delivery


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery of a broadcast, with its address in clear: only for counting."""

    delivery_id: int
    address: str
    state: str
    doubtful: int


def lines(tx: Transaction, broadcast_id: int, channel: str) -> list[Line]:
    """Every delivery of a broadcast on one channel."""
    query = (
        select(Delivery, ContactPoint)
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(Delivery.broadcast_id == broadcast_id, ContactPoint.channel == channel)
    )
    return [
        Line(delivery.id, open_address(tx, contact), delivery.state, delivery.doubtful)
        for delivery, contact in tx.session.execute(query).tuples()
    ]


def last_outcome(tx: Transaction, broadcast_id: int) -> datetime | None:
    """When the last delivery was settled."""
    query = select(func.max(Delivery.settled_at)).where(Delivery.broadcast_id == broadcast_id)
    return tx.session.scalar(query)
