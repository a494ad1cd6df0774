"""What is approved and waits for its time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from domain.broadcasts import State
from storage.database import Transaction
from storage.tables import Broadcast


def scheduled_of(tx: Transaction, board_id: int, school_id: int | None) -> Sequence[Broadcast]:
    """What a school, or the city (None), has approved and not begun to send, the next first."""
    column = Broadcast.school_id
    query = select(Broadcast).where(
        Broadcast.board_id == board_id,
        column.is_(None) if school_id is None else column == school_id,
        Broadcast.state == State.APPROVED.value,
    )
    return tx.session.scalars(query.order_by(Broadcast.due_at, Broadcast.id)).all()
