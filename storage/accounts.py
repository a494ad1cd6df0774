"""A frozen audience against what the outside says it received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import distinct, func, select

from domain.broadcasts import Verb
from storage.database import Transaction
from storage.people import open_address
from storage.tables import (
    AuditEntry,
    Broadcast,
    ContactPoint,
    Delivery,
    GuardianContact,
    Membership,
)


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


def with_another(tx: Transaction, channel: str, other: str, most: int) -> list[str]:
    """Some addresses on a channel, in clear, of guardians who can be reached on another as well."""
    has_other = (
        select(GuardianContact.guardian_id)
        .join(ContactPoint, ContactPoint.id == GuardianContact.contact_point_id)
        .where(ContactPoint.channel == other)
    )
    query = (
        select(ContactPoint)
        .join(GuardianContact, GuardianContact.contact_point_id == ContactPoint.id)
        .where(ContactPoint.channel == channel, GuardianContact.guardian_id.in_(has_other))
        .order_by(ContactPoint.id)
        .limit(most)
    )
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


@dataclass(frozen=True, slots=True)
class Begun:
    """When a broadcast was due, was frozen (`starts` times, by the audit chain), first accepted."""

    due_at: datetime
    begun_at: datetime
    first_at: datetime | None
    starts: int


def begun(tx: Transaction, broadcast_ids: Sequence[int]) -> list[Begun]:
    """Those of these broadcasts that have begun."""
    first = (
        select(Delivery.broadcast_id, func.min(Delivery.settled_at).label("at"))
        .where(Delivery.broadcast_id.in_(broadcast_ids))
        .group_by(Delivery.broadcast_id)
        .subquery()
    )
    query = (
        select(Broadcast, first.c.at)
        .outerjoin(first, first.c.broadcast_id == Broadcast.id)
        .where(Broadcast.id.in_(broadcast_ids), Broadcast.frozen_at.is_not(None))
    )
    starts = _starts(tx, broadcast_ids)
    return [
        Begun(row.due_at, row.frozen_at, at, starts.get(f"broadcast:{row.id}", 0))
        for row, at in tx.session.execute(query)
    ]


def _starts(tx: Transaction, broadcast_ids: Sequence[int]) -> dict[str, int]:
    subjects = [f"broadcast:{number}" for number in broadcast_ids]
    query = (
        select(AuditEntry.subject, func.count())
        .where(AuditEntry.subject.in_(subjects), AuditEntry.verb == Verb.START.value)
        .group_by(AuditEntry.subject)
    )
    return dict(tx.session.execute(query).tuples().all())


def last_outcome(tx: Transaction, broadcast_id: int) -> datetime | None:
    """When the last delivery was settled."""
    query = select(func.max(Delivery.settled_at)).where(Delivery.broadcast_id == broadcast_id)
    return tx.session.scalar(query)
