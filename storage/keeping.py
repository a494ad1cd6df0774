"""Whose drafts are whose, and giving them into other hands."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update

from domain.broadcasts import State
from storage.database import Transaction
from storage.tables import Broadcast

_UNFINISHED = (State.DRAFT, State.RETURNED)


def kept_by(tx: Transaction, board_id: int, staff_id: int) -> Sequence[Broadcast]:
    """The unfinished broadcasts in somebody's hands, the newest first.

    Those they wrote or edited, unless another keeps them now, and those handed over to them.
    """
    query = select(Broadcast).where(
        Broadcast.board_id == board_id, Broadcast.state.in_([each.value for each in _UNFINISHED])
    )
    rows = tx.session.scalars(query.order_by(Broadcast.id.desc()))
    return [row for row in rows if _keeps(row, staff_id)]


def hand_over(
    tx: Transaction, board_id: int, school_id: int | None, from_id: int, to_id: int
) -> list[int]:
    """Give somebody's unfinished broadcasts of one place to another; returns which."""
    rows = kept_by(tx, board_id, from_id)
    ids = [row.id for row in rows if row.school_id == school_id]
    tx.session.execute(
        update(Broadcast)
        .where(Broadcast.id.in_(ids))
        .values(keeper_id=to_id)
        .execution_options(synchronize_session="fetch")
    )
    return ids


def follow(tx: Transaction, from_id: int, to_id: int) -> None:
    """One person was invited twice: what the one keeps, the staff member they already are keeps."""
    tx.session.execute(
        update(Broadcast)
        .where(Broadcast.keeper_id == from_id)
        .values(keeper_id=to_id)
        .execution_options(synchronize_session="fetch")
    )


def _keeps(row: Broadcast, staff_id: int) -> bool:
    if row.keeper_id is not None:
        return row.keeper_id == staff_id
    return staff_id in row.author_ids
