"""What became of a broadcast, counted from the ledger."""

from __future__ import annotations

from sqlalchemy import distinct, func, select

from domain.deliveries import State
from storage.database import Transaction
from storage.tables import AudienceMember, ContactPoint, Delivery


def by_channel(tx: Transaction, broadcast_id: int) -> dict[str, dict[str, int]]:
    """How many deliveries are in each state, channel by channel."""
    query = (
        select(ContactPoint.channel, Delivery.state, func.count())
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(Delivery.broadcast_id == broadcast_id)
        .group_by(ContactPoint.channel, Delivery.state)
        .order_by(ContactPoint.channel)
    )
    counts: dict[str, dict[str, int]] = {}
    for channel, state, number in tx.session.execute(query).tuples():
        counts.setdefault(channel, {})[state] = number
    return counts


def count_doubtful(tx: Transaction, broadcast_id: int) -> int:
    """How often a message was sent again although an earlier try may have been accepted."""
    query = select(func.sum(Delivery.doubtful)).where(Delivery.broadcast_id == broadcast_id)
    return tx.session.scalar(query) or 0


def count_families(tx: Transaction, broadcast_id: int) -> int:
    """The families of the frozen audience."""
    query = select(func.count(distinct(AudienceMember.family_id))).where(
        AudienceMember.broadcast_id == broadcast_id
    )
    return tx.session.scalar(query) or 0


def count_reached(tx: Transaction, broadcast_id: int) -> int:
    """The families for whom at least one provider took the message."""
    return _count_families_with(tx, broadcast_id, State.ACCEPTED)


def count_waiting(tx: Transaction, broadcast_id: int) -> int:
    """The families for whom it lies ready to be displayed, and nobody took it yet."""
    either = _count_families_with(tx, broadcast_id, State.ACCEPTED, State.PLACED)
    return either - count_reached(tx, broadcast_id)


def _count_families_with(tx: Transaction, broadcast_id: int, *states: State) -> int:
    """The families that have at least one delivery in one of these states."""
    query = (
        select(func.count(distinct(AudienceMember.family_id)))
        .join(
            Delivery,
            (Delivery.broadcast_id == AudienceMember.broadcast_id)
            & (Delivery.contact_point_id == AudienceMember.contact_point_id),
        )
        .where(AudienceMember.broadcast_id == broadcast_id, Delivery.state.in_(states))
    )
    return tx.session.scalar(query) or 0
