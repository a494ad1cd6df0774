"""Schools hear once a day whose addresses were suspended."""

from __future__ import annotations

from actions import suppressions as actions
from delivery.each import each
from storage.database import Database


def tick_suspended(database: Database) -> int:
    """Tell the schools that are to hear of suspensions now; return how many were told."""
    with database.reading() as tx:
        due = actions.boards_to_tell(tx)
    return each(database, due, actions.tell_schools)
