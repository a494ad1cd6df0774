"""Account links: invitation codes that wait for the proof of whose conversation they came from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select

from storage.database import Transaction
from storage.tables import AccountLink, ContactPoint, Invitation


def open_link(
    tx: Transaction, contact: ContactPoint, invitation: Invitation, expires_at: datetime
) -> AccountLink:
    """The link of this code and this conversation: one at a time, and the same while it lasts."""
    query = select(AccountLink).where(
        AccountLink.contact_point_id == contact.id,
        AccountLink.invitation_id == invitation.id,
        *_open(tx),
    )
    row = tx.session.scalars(query.order_by(AccountLink.id).with_for_update()).first()
    if row is not None:
        row.expires_at = expires_at
        return row
    return _add(tx, contact, invitation, expires_at)


def _add(
    tx: Transaction, contact: ContactPoint, invitation: Invitation, expires_at: datetime
) -> AccountLink:
    row = AccountLink(
        board_id=contact.board_id,
        contact_point_id=contact.id,
        invitation_id=invitation.id,
        expires_at=expires_at,
    )
    tx.session.add(row)
    tx.flush()
    return row


def link(tx: Transaction, link_id: int, *, keep: bool = False) -> AccountLink | None:
    """A link that is neither used nor over; `keep` holds it until this transaction ends."""
    query = select(AccountLink).where(AccountLink.id == link_id, *_open(tx))
    return tx.session.scalar(query.with_for_update() if keep else query)


def set_nonce(tx: Transaction, row: AccountLink, nonce: str) -> None:
    """Only what the nonce is found by is kept; an earlier one is worth nothing any more."""
    row.nonce_index = _nonce_index(tx, nonce)
    tx.flush()


def link_of_nonce(tx: Transaction, nonce: str) -> AccountLink | None:
    """The link that a nonce was made for, if it is neither used nor over; locked."""
    query = select(AccountLink).where(
        AccountLink.nonce_index == _nonce_index(tx, nonce), *_open(tx)
    )
    return tx.session.scalar(query.with_for_update())


def _open(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    return AccountLink.used_at.is_(None), AccountLink.expires_at > tx.now


def _nonce_index(tx: Transaction, nonce: str) -> bytes:
    return tx.vault.index("account-link", nonce)
