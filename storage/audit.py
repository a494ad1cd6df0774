"""Audit chains in the database: appending safely, and reading them to be checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from domain.audit import (
    BROKEN_LINK,
    NO_LINK,
    OPEN_SCHOOL,
    Entry,
    Head,
    audit_key,
    link_of,
    seal_entry,
    seal_head,
)
from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import AuditChain, AuditEntry, Board, School


def open_chain(tx: Transaction, chain: str, board_id: int) -> None:
    """Begin the chain of a new board or school."""
    mac = seal_head(audit_key(tx.secret), chain, 0, NO_LINK)
    insert_if_new(tx, AuditChain, chain=chain, board_id=board_id, length=0, mac=mac)


def append(tx: Transaction, entry: Entry) -> Entry:
    """Put an entry at the end of its chain and return it sealed.

    The head is locked, so that of two transactions the second waits and follows the first.
    """
    key = audit_key(tx.secret)
    head = _locked_head(tx, entry.chain, entry.board_id)
    last = _last_entry(tx, entry.chain)
    placed = replace(entry, sequence=(last.sequence if last else 0) + 1, at=tx.now)
    placed = replace(placed, mac=seal_entry(key, placed, _link_to_follow(key, head, last)))
    tx.session.add(_row(placed))
    head.length = placed.sequence
    head.mac = seal_head(key, head.chain, head.length, link_of(placed.mac))
    tx.flush()
    return placed


def chains(tx: Transaction) -> list[str]:
    """Every chain there is or must be: one per board, one per school that is or was opened."""
    boards = {f"board:{i}" for i in tx.session.scalars(select(Board.id))}
    schools = {f"school:{i}" for i in tx.session.scalars(select(School.id))}
    heads = set(tx.session.scalars(select(AuditChain.chain)))
    used = set(tx.session.scalars(select(AuditEntry.chain).distinct()))
    opened = select(AuditEntry.subject).where(AuditEntry.verb == OPEN_SCHOOL)
    return sorted(boards | schools | heads | used | set(tx.session.scalars(opened)))


def head_of(tx: Transaction, chain: str) -> Head | None:
    row = tx.session.get(AuditChain, chain, populate_existing=True)
    return Head(row.chain, row.length, row.mac) if row else None


def entries_of(tx: Transaction, chain: str) -> Sequence[Entry]:
    """The entries of a chain by sequence."""
    query = select(AuditEntry).where(AuditEntry.chain == chain).order_by(AuditEntry.sequence)
    rows = tx.session.scalars(query.execution_options(populate_existing=True))
    return [_entry(row) for row in rows]


def _locked_head(tx: Transaction, chain: str, board_id: int) -> AuditChain:
    query = select(AuditChain).where(AuditChain.chain == chain).with_for_update()
    locked = query.execution_options(populate_existing=True)
    head = tx.session.scalar(locked)
    if head is None:
        # A chain is opened with its board or school: one that is gone was removed.
        insert_if_new(tx, AuditChain, chain=chain, board_id=board_id, length=0, mac="removed")
        head = tx.session.scalars(locked).one()
    return head


def _last_entry(tx: Transaction, chain: str) -> Entry | None:
    query = select(AuditEntry).where(AuditEntry.chain == chain)
    newest = query.order_by(AuditEntry.sequence.desc()).limit(1)
    row = tx.session.scalar(newest.execution_options(populate_existing=True))
    return _entry(row) if row else None


def _link_to_follow(key: bytes, head: AuditChain, last: Entry | None) -> str:
    link = link_of(last.mac) if last else NO_LINK
    ends_as_sealed = head.length == (last.sequence if last else 0)
    sealed = head.mac == seal_head(key, head.chain, head.length, link)
    return link if ends_as_sealed and sealed else BROKEN_LINK


def _row(entry: Entry) -> AuditEntry:
    return AuditEntry(
        chain=entry.chain,
        sequence=entry.sequence,
        board_id=entry.board_id,
        at=entry.at,
        actor=entry.actor,
        verb=entry.verb,
        subject=entry.subject,
        details=dict(entry.details),
        mac=entry.mac,
    )


def _entry(row: AuditEntry) -> Entry:
    return Entry(
        chain=row.chain,
        sequence=row.sequence,
        board_id=row.board_id,
        at=row.at,
        actor=row.actor,
        verb=row.verb,
        subject=row.subject,
        details=row.details,
        mac=row.mac,
    )
