"""Forgetting who left altogether: of their contact points only numbers remain.

A contact point is `left` while the farewell is on its way, and a day later `erased`: its address
is gone, and with it the blind index by which it could be found again. What was sent to it stays
counted.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain.deliveries import OPEN
from storage.database import Transaction
from storage.tables import (
    Admission,
    ContactPoint,
    ContactProof,
    Delivery,
    Dialogue,
    GuardianContact,
    OptOut,
    Reply,
    StaffContact,
    Suppression,
)

_ADDRESS = "contact_points.address"
_FAREWELL = timedelta(days=1)
_AT_ONCE = 200
_INDEX_BYTES = 32

# States of a request that somebody still waits for.
_ASKED = ("waiting", "admitting", "declining")


def note_left(tx: Transaction, contact_id: int) -> None:
    """Nobody is to be reached here any more.

    Whoever speaks there at this very moment is a visitor again, and is not waited for: they may
    be waiting for us.
    """
    query = select(ContactPoint).where(ContactPoint.id == contact_id)
    point = tx.session.scalar(query.with_for_update(key_share=True, skip_locked=True))
    if point is not None:
        point.state = "left"
        point.state_at = tx.now
        tx.flush()
        # Who comes back begins anew.
        tx.session.execute(delete(Suppression).where(Suppression.contact_point_id == contact_id))


def erase_left(tx: Transaction) -> int:
    """Erase the contact points that were left a day ago; return how many."""
    _bring_back(tx)
    quiet_since = tx.now - _FAREWELL
    query = (
        select(ContactPoint)
        .where(
            ContactPoint.state == "left",
            ContactPoint.state_at <= quiet_since,
            or_(ContactPoint.heard_at.is_(None), ContactPoint.heard_at <= quiet_since),
            ~_is_needed(),
        )
        .order_by(ContactPoint.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    points = tx.session.scalars(query).all()
    _erase_said(tx, [point.id for point in points])
    for point in points:
        _erase(tx, point)
    tx.flush()
    return len(points)


def _bring_back(tx: Transaction) -> None:
    """Who was registered again by other hands (an import) is reached again."""
    linked = exists().where(GuardianContact.contact_point_id == ContactPoint.id)
    tx.session.execute(
        update(ContactPoint)
        .where(ContactPoint.state == "left", linked)
        .values(state="active")
        .execution_options(synchronize_session=False)
    )


def _is_needed() -> ColumnElement[bool]:
    """Whether something still has to come here, or is being asked here."""
    here = ContactPoint.id
    return or_(
        exists().where(StaffContact.contact_point_id == here),
        exists().where(Dialogue.contact_point_id == here, Dialogue.active.is_(True)),
        exists().where(Delivery.contact_point_id == here, Delivery.state.in_(OPEN)),
        exists().where(Admission.contact_point_id == here, Admission.state.in_(_ASKED)),
    )


def _erase_said(tx: Transaction, contact_ids: Sequence[int]) -> None:
    columns = (
        Reply.contact_point_id,
        OptOut.contact_point_id,
        ContactProof.asker_id,
        Suppression.contact_point_id,
    )
    for column in columns:
        tx.session.execute(
            delete(column.class_)
            .where(column.in_(contact_ids))
            .execution_options(synchronize_session=False)
        )


def _erase(tx: Transaction, point: ContactPoint) -> None:
    point.state = "erased"
    point.address_cipher = tx.vault.seal_text("", _ADDRESS)
    point.address_index = secrets.token_bytes(_INDEX_BYTES)
    point.domain = ""
    point.menu = ""
