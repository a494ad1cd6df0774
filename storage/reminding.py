"""A broadcast and its reminders: the same message to ever fewer families.

Whoever changes both locks the broadcast before its reminders, so that nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.broadcasts import Relation, State
from storage import broadcasts
from storage.database import Transaction
from storage.tables import Broadcast

# What may still go out, or did: all others were ended already.
_NOT_ENDED = (
    State.DRAFT,
    State.PENDING,
    State.RETURNED,
    State.APPROVED,
    State.SENDING,
    State.SENT,
)


def is_reminder(row: Broadcast) -> bool:
    return row.relation == Relation.REMINDER


def root_of(tx: Transaction, row: Broadcast) -> Broadcast:
    """What a reminder reminds of in the end; any other broadcast stands for itself."""
    while is_reminder(row) and row.origin_id is not None:
        row = broadcasts.broadcast(tx, row.origin_id)
    return row


def lock_root(tx: Transaction, row: Broadcast) -> Broadcast | None:
    """What a reminder reminds of, locked; None for a broadcast that reminds of nothing."""
    return broadcasts.lock(tx, root_of(tx, row).id) if is_reminder(row) else None


def reminders_of(tx: Transaction, broadcast_id: int) -> Iterator[Broadcast]:
    """The reminders of a broadcast, and theirs, but for those that were ended."""
    for row in broadcasts.follow_ups_of(tx, broadcast_id, (Relation.REMINDER,), _NOT_ENDED):
        yield row
        yield from reminders_of(tx, row.id)


def same_message(tx: Transaction, row: Broadcast) -> list[Broadcast]:
    """A broadcast with all its reminders, whichever of them is given."""
    root = root_of(tx, row)
    return [root, *reminders_of(tx, root.id)]
