"""Leaving by one click: this contact point, this school, ordinary broadcasts."""

from __future__ import annotations

from sqlalchemy import delete, select

from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import ContactPoint, GuardianContact, OptOut

# Stands for what is sent to the whole city.
EVERY_SCHOOL = 0


def opt_out(tx: Transaction, contact: ContactPoint, school_id: int) -> bool:
    """Note that a contact point left a school's ordinary broadcasts; False if it had."""
    return insert_if_new(
        tx,
        OptOut,
        contact_point_id=contact.id,
        school_id=school_id,
        board_id=contact.board_id,
        at=tx.now,
    )


def opt_in(tx: Transaction, contact_id: int, school_id: int) -> None:
    tx.session.execute(
        delete(OptOut).where(OptOut.contact_point_id == contact_id, OptOut.school_id == school_id)
    )


def opt_in_guardian(tx: Transaction, guardian_id: int, school_id: int) -> None:
    """Take back the leaving of a school at every contact point of a guardian."""
    theirs = select(GuardianContact.contact_point_id).where(
        GuardianContact.guardian_id == guardian_id
    )
    tx.session.execute(
        delete(OptOut)
        .where(OptOut.contact_point_id.in_(theirs), OptOut.school_id == school_id)
        .execution_options(synchronize_session=False)
    )


def opted_out(tx: Transaction, contact_id: int) -> set[int]:
    """The schools that a contact point left; 0 stands for what is sent city-wide."""
    query = select(OptOut.school_id).where(OptOut.contact_point_id == contact_id)
    return set(tx.session.scalars(query))
