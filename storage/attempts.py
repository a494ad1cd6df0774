"""Wrong tries, counted to limit guessing."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from storage.database import Transaction
from storage.tables import Attempt

WINDOW = timedelta(hours=1)


def add(tx: Transaction, board_id: int, scope: str) -> None:
    tx.session.add(Attempt(board_id=board_id, scope=scope, at=tx.now))
    tx.flush()


def count(tx: Transaction, scope: str, within: timedelta = WINDOW) -> int:
    """The tries in the last hour, or in another time until now."""
    query = select(func.count()).where(Attempt.scope == scope, Attempt.at > tx.now - within)
    return tx.session.scalar(query) or 0
