"""A frozen audience against what the outside says it received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import distinct, func, select

from storage.database import Transaction
from storage.people import open_address
from storage.tables import ContactPoint, Delivery, GuardianContact, Membership


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


def addresses(tx: Transaction, channel: str) -> list[str]:
    """Every address on a channel in clear: only for the demo and the bench."""
    query = select(ContactPoint).where(ContactPoint.channel == channel).order_by(ContactPoint.id)
    return [open_address(tx, contact) for contact in tx.session.scalars(query)]


def registered(tx: Transaction, channel: str) -> int:
    """How many guardians on a channel joined a group."""
    query = (
        select(func.count(distinct(Membership.guardian_id)))
        .join(GuardianContact, GuardianContact.guardian_id == Membership.guardian_id)
        .join(ContactPoint, ContactPoint.id == GuardianContact.contact_point_id)
        .where(ContactPoint.channel == channel)
    )
    return tx.session.scalar(query) or 0


def last_outcome(tx: Transaction, broadcast_id: int) -> datetime | None:
    """When the last delivery was settled."""
    query = select(func.max(Delivery.settled_at)).where(Delivery.broadcast_id == broadcast_id)
    return tx.session.scalar(query)
