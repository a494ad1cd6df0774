"""Who said 確認しました: guardians, each once for each broadcast that asked for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import or_, select

from storage.database import Transaction
from storage.inserts import insert_all_new
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Confirmation,
    Delivery,
    GuardianContact,
)


def people_at(tx: Transaction, broadcast_id: int, contact_point_id: int) -> Sequence[int]:
    """The guardians in a broadcast's audience who are behind a contact point.

    They are there now, or were when it was sent: whoever shares a mailbox reads it together.
    """
    theirs = select(GuardianContact.guardian_id).where(
        GuardianContact.contact_point_id == contact_point_id
    )
    further = select(AudienceWay.guardian_id).where(
        AudienceWay.broadcast_id == broadcast_id, AudienceWay.contact_point_id == contact_point_id
    )
    query = select(AudienceMember.guardian_id).where(
        AudienceMember.broadcast_id == broadcast_id,
        or_(
            AudienceMember.contact_point_id == contact_point_id,
            AudienceMember.guardian_id.in_(theirs),
            AudienceMember.guardian_id.in_(further),
        ),
    )
    return tx.session.scalars(query.order_by(AudienceMember.guardian_id)).all()


def in_audience(tx: Transaction, broadcast_id: int, guardian_ids: Collection[int]) -> set[int]:
    """Those of these guardians whom a broadcast was for."""
    query = select(AudienceMember.guardian_id).where(
        AudienceMember.broadcast_id == broadcast_id,
        AudienceMember.guardian_id.in_(guardian_ids),
    )
    return set(tx.session.scalars(query))


def confirmed_of(tx: Transaction, broadcast_id: int, guardian_ids: Collection[int]) -> set[int]:
    """Those of these guardians who have confirmed a broadcast."""
    query = select(Confirmation.guardian_id).where(
        Confirmation.broadcast_id == broadcast_id, Confirmation.guardian_id.in_(guardian_ids)
    )
    return set(tx.session.scalars(query))


def add(
    tx: Transaction,
    broadcast: Broadcast,
    guardian_ids: Collection[int],
    contact_point_id: int,
) -> None:
    """Note that these guardians have confirmed; of two who press at once, one is passed over."""
    tx.flush()
    rows = [
        {
            "broadcast_id": broadcast.id,
            "guardian_id": guardian_id,
            "board_id": broadcast.board_id,
            "contact_point_id": contact_point_id,
            "at": tx.now,
        }
        for guardian_id in sorted(guardian_ids)
    ]
    if rows:
        insert_all_new(tx, Confirmation, rows)


def confirmed_at(
    tx: Transaction, contact_point_id: int, broadcast_ids: Collection[int]
) -> set[int]:
    """Those of these broadcasts that somebody behind a contact point has confirmed."""
    theirs = select(GuardianContact.guardian_id).where(
        GuardianContact.contact_point_id == contact_point_id
    )
    query = select(Confirmation.broadcast_id).where(
        Confirmation.broadcast_id.in_(broadcast_ids),
        or_(
            Confirmation.contact_point_id == contact_point_id,
            Confirmation.guardian_id.in_(theirs),
        ),
    )
    return set(tx.session.scalars(query))


def was_sent_to(tx: Transaction, broadcast_id: int, contact_point_id: int) -> bool:
    """Whether a broadcast was sent to a contact point, whatever became of it."""
    query = select(Delivery.id).where(
        Delivery.broadcast_id == broadcast_id, Delivery.contact_point_id == contact_point_id
    )
    return tx.session.scalar(query) is not None


def recipient_of(tx: Transaction, delivery_id: int) -> tuple[int, int] | None:
    """Broadcast and contact point of a delivery."""
    query = select(Delivery.broadcast_id, Delivery.contact_point_id).where(
        Delivery.id == delivery_id
    )
    return tx.session.execute(query).tuples().one_or_none()
