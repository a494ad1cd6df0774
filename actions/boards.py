"""Opening a board of education, and what it may choose."""

from __future__ import annotations

from typing import Any

from actions import audit
from domain.board_settings import BoardSettings
from storage import boards
from storage.database import Transaction
from storage.tables import Board


def open_board(tx: Transaction, code: str, name: str, zone: str = "Asia/Tokyo") -> Board:
    board = boards.add_board(tx, code, name, zone)
    chain = audit.chain_of(board.id, None)
    audit.record(tx, chain, audit.SYSTEM, "open_board", f"board:{board.id}")
    return board


def settings(tx: Transaction, board_id: int) -> BoardSettings:
    return BoardSettings.from_json(boards.board(tx, board_id).settings)


def change_settings(
    tx: Transaction, board_id: int, by: str = audit.SYSTEM, **changes: Any
) -> BoardSettings:
    """Raises TypeError for an unknown setting and ValueError for an impossible value."""
    changed = settings(tx, board_id).changed(**changes)
    boards.set_settings(tx, board_id, changed.to_json())
    chain = audit.chain_of(board_id, None)
    audit.record(tx, chain, by, "change_settings", f"board:{board_id}", changes)
    return changed
