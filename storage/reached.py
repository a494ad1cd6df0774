"""The families that a broadcast reached, as they count when it is withdrawn or sent again.

Perhaps is reached here: who may have got it must neither get it twice nor miss what sets it
right. And whoever confirmed has it, by whatever way.
"""

from __future__ import annotations

from sqlalchemy import CompoundSelect, distinct, func, select

from storage.audiences import reached
from storage.database import Transaction
from storage.tables import AudienceMember, Confirmation


def reached_families(broadcast_id: int) -> CompoundSelect[tuple[int]]:
    """A query for the families in the frozen audience with somebody whom the broadcast reached."""
    heard = reached(broadcast_id).subquery("heard")
    confirmed = (
        select(AudienceMember.family_id)
        .join(
            Confirmation,
            (Confirmation.broadcast_id == AudienceMember.broadcast_id)
            & (Confirmation.guardian_id == AudienceMember.guardian_id),
        )
        .where(AudienceMember.broadcast_id == broadcast_id)
    )
    return select(heard.c.family_id).union(confirmed)


def count_families(tx: Transaction, broadcast_id: int) -> tuple[int, int]:
    """How many families the frozen audience has, and how many of them were reached."""
    families = reached_families(broadcast_id).subquery()
    all_of_it = select(func.count(distinct(AudienceMember.family_id))).where(
        AudienceMember.broadcast_id == broadcast_id
    )
    total = tx.session.scalar(all_of_it) or 0
    return total, tx.session.scalar(select(func.count()).select_from(families)) or 0
