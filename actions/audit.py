"""The audit chains: every use case leaves one entry, refused attempts too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.audit import OPEN_SCHOOL, Entry, Finding, audit_key, check
from storage import audit, schools
from storage.database import Transaction

__all__ = ["OPEN_SCHOOL", "SYSTEM", "chain_of", "contact", "digest", "record", "staff", "verify"]

SYSTEM = "system"


def staff(staff_id: int) -> str:
    return f"staff:{staff_id}"


def contact(contact_id: int) -> str:
    return f"contact:{contact_id}"


def chain_of(board_id: int, school_id: int | None) -> str:
    """The chain of a school, or of the board for what concerns the whole city."""
    return f"board:{board_id}" if school_id is None else f"school:{school_id}"


def record(
    tx: Transaction,
    chain: str,
    actor: str,
    verb: str,
    subject: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Put an entry on a chain.  `details` are IDs, numbers and digests, never personal data."""
    entry = Entry(chain, 0, _board_of(tx, chain), tx.now, actor, verb, subject, details or {})
    audit.append(tx, entry)


def digest(tx: Transaction, text: str) -> str:
    """A salted digest: proves what a text was to who has it, and tells nobody else."""
    return tx.vault.index("audit", text).hex()[:32]


def verify(tx: Transaction) -> list[Finding]:
    """Everything wrong with any chain; empty if all are whole."""
    key = audit_key(tx.secret)
    found: list[Finding] = []
    for chain in audit.chains(tx):
        found += check(key, chain, audit.head_of(tx, chain), audit.entries_of(tx, chain))
    return found


def _board_of(tx: Transaction, chain: str) -> int:
    kind, _, number = chain.partition(":")
    return int(number) if kind == "board" else schools.school(tx, int(number)).board_id
