"""The ways in which a guardian is reached: their contact points, in the order they like them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, select, update

from storage.database import Transaction
from storage.tables import (
    ContactPoint,
    Guardian,
    GuardianContact,
    Membership,
    StaffContact,
)


@dataclass(frozen=True, slots=True)
class Way:
    """One contact point of a guardian; one that is `off` gets emergencies only."""

    point: ContactPoint
    off: bool


def locked(tx: Transaction, guardian_id: int) -> Guardian:
    """A guardian whose ways nobody else changes until this transaction ends.

    Otherwise somebody could give up both of two ways, one on each of two telephones.
    """
    query = select(Guardian).where(Guardian.id == guardian_id).with_for_update(key_share=True)
    return tx.session.scalars(query).one()


def of_guardian(tx: Transaction, guardian_id: int) -> Sequence[Way]:
    query = (
        select(ContactPoint, GuardianContact.off)
        .join(GuardianContact, GuardianContact.contact_point_id == ContactPoint.id)
        .where(GuardianContact.guardian_id == guardian_id)
        .order_by(GuardianContact.rank, ContactPoint.id)
    )
    return [Way(point, off) for point, off in tx.session.execute(query).tuples()]


def turn(tx: Transaction, guardian_id: int, contact_id: int, *, off: bool) -> None:
    tx.session.execute(
        update(GuardianContact)
        .where(
            GuardianContact.guardian_id == guardian_id,
            GuardianContact.contact_point_id == contact_id,
        )
        .values(off=off)
        .execution_options(synchronize_session=False)
    )


def unlink(tx: Transaction, guardian_id: int, contact_id: int) -> None:
    tx.session.execute(
        delete(GuardianContact)
        .where(
            GuardianContact.guardian_id == guardian_id,
            GuardianContact.contact_point_id == contact_id,
        )
        .execution_options(synchronize_session=False)
    )


def is_registered(tx: Transaction, guardian_id: int) -> bool:
    """Whether a guardian hears of any group."""
    query = select(exists().where(Membership.guardian_id == guardian_id))
    return bool(tx.session.scalar(query))


def unjoin_all(tx: Transaction, guardian_id: int) -> None:
    """Let a guardian hear of no group any more, across schools too."""
    tx.session.execute(
        delete(Membership)
        .where(Membership.guardian_id == guardian_id)
        .execution_options(synchronize_session=False)
    )


def is_in_use(tx: Transaction, contact_id: int) -> bool:
    """Whether somebody hears from a contact point: a guardian, or a member of staff."""
    query = select(
        exists().where(GuardianContact.contact_point_id == contact_id)
        | exists().where(StaffContact.contact_point_id == contact_id)
    )
    return bool(tx.session.scalar(query))
