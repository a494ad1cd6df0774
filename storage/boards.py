"""Boards: the tenants of an installation."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from storage import audit
from storage.database import Transaction
from storage.tables import Board


def board(tx: Transaction, board_id: int) -> Board:
    """A board that is known to exist; raises LookupError."""
    row = tx.session.get(Board, board_id)
    if row is None:
        raise LookupError(f"no board {board_id}")
    return row


def board_by_code(tx: Transaction, code: str) -> Board | None:
    return tx.session.scalar(select(Board).where(Board.code == code))


def add_board(tx: Transaction, code: str, name: str, zone: str) -> Board:
    row = Board(code=code, name=name, zone=zone, settings={}, created_at=tx.now)
    tx.session.add(row)
    tx.flush()
    audit.open_chain(tx, f"board:{row.id}", row.id)
    return row


def set_settings(tx: Transaction, board_id: int, settings: dict[str, Any]) -> None:
    # A new object: SQLAlchemy does not see changes made inside a JSON value.
    board(tx, board_id).settings = dict(settings)
