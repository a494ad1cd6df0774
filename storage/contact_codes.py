"""One-time codes that make another conversation a guardian's contact point."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from storage.database import Transaction
from storage.tables import ContactCode, Guardian


def add(
    tx: Transaction, guardian: Guardian, code: str, expires_at: datetime, retires_id: int | None
) -> None:
    """Give a guardian a code; the ones before it stop working."""
    close(tx, guardian.id)
    tx.session.add(
        ContactCode(
            board_id=guardian.board_id,
            guardian_id=guardian.id,
            retires_id=retires_id,
            code_index=_index(tx, code),
            created_at=tx.now,
            expires_at=expires_at,
        )
    )
    tx.flush()


def open_code(tx: Transaction, board_id: int, code: str) -> ContactCode | None:
    """The row of a code, locked; None if the code is wrong, used or expired."""
    query = select(ContactCode).where(
        ContactCode.board_id == board_id,
        ContactCode.code_index == _index(tx, code),
        ContactCode.used_at.is_(None),
        ContactCode.expires_at > tx.now,
    )
    return tx.session.scalar(query.with_for_update())


def close(tx: Transaction, guardian_id: int) -> None:
    """End all codes of a guardian that are open."""
    theirs = ContactCode.guardian_id == guardian_id, ContactCode.used_at.is_(None)
    tx.session.execute(
        update(ContactCode)
        .where(*theirs)
        .values(used_at=tx.now)
        .execution_options(synchronize_session=False)
    )


def _index(tx: Transaction, code: str) -> bytes:
    return tx.vault.index("contact_code", code)
