"""Mail addresses that somebody typed, waiting for the number that was sent there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from storage.database import Transaction
from storage.tables import ContactProof

_ADDRESS = "contact_proofs.address"


def add_proof(
    tx: Transaction, board_id: int, asker_id: int, address: str, pin: str, expires_at: datetime
) -> None:
    tx.session.add(
        ContactProof(
            board_id=board_id,
            asker_id=asker_id,
            address_cipher=tx.vault.seal_text(address, _ADDRESS),
            pin_index=_pin_index(tx, asker_id, pin),
            expires_at=expires_at,
        )
    )
    tx.flush()


def open_proof(tx: Transaction, asker_id: int) -> ContactProof | None:
    """The newest address that an asker has yet to prove."""
    query = (
        select(ContactProof)
        .where(
            ContactProof.asker_id == asker_id,
            ContactProof.used_at.is_(None),
            ContactProof.expires_at > tx.now,
        )
        .order_by(ContactProof.id.desc())
        .limit(1)
        .with_for_update()
    )
    return tx.session.scalar(query)


def try_pin(tx: Transaction, proof: ContactProof, pin: str | None) -> str | None:
    """Return the proved address if the number is right; every try is counted."""
    proof.tries += 1
    if pin is None or _pin_index(tx, proof.asker_id, pin) != proof.pin_index:
        return None
    proof.used_at = tx.now
    return tx.vault.open_text(proof.address_cipher, _ADDRESS)


def _pin_index(tx: Transaction, asker_id: int, pin: str) -> bytes:
    return tx.vault.index("pin", str(asker_id), pin)
