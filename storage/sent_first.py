"""What was sent first lately: so that two teachers do not send the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from domain.broadcasts import State
from storage.database import Transaction
from storage.tables import Board, Broadcast, EmergencyReport

# What was taken back is to be sent again, and at once.
_ON_ITS_WAY = (State.APPROVED, State.SENDING, State.SENT)


def lock(tx: Transaction, board_id: int) -> None:
    """Let one transaction at a time send first on a board: of two at once, one sees the other."""
    row = select(Board.id).where(Board.id == board_id)
    tx.session.execute(row.with_for_update(key_share=True))


def since(
    tx: Transaction, board_id: int, moment: datetime
) -> Sequence[tuple[EmergencyReport, Broadcast]]:
    """What was sent first since then and not taken back, the newest first."""
    query = (
        select(EmergencyReport, Broadcast)
        .join(Broadcast, Broadcast.id == EmergencyReport.broadcast_id)
        .where(
            EmergencyReport.board_id == board_id,
            EmergencyReport.opened_at > moment,
            Broadcast.state.in_([state.value for state in _ON_ITS_WAY]),
        )
        .order_by(EmergencyReport.opened_at.desc(), EmergencyReport.broadcast_id.desc())
    )
    return tx.session.execute(query).tuples().all()
