"""What was set aside of what came in: having it taken again, and clearing it away."""

from __future__ import annotations

from actions import audit
from storage import inbox
from storage.database import Transaction
from storage.inbox import Arrival, Parked


def retry(
    tx: Transaction, item: Parked, arrival: Arrival | None = None, by: str = audit.SYSTEM
) -> None:
    """Have it taken again like anything new; `arrival` is how this version understands it."""
    inbox.unpark(tx, item.id, arrival)
    _record(tx, item, "retry_parked", by)


def dismiss(tx: Transaction, item: Parked, by: str = audit.SYSTEM) -> None:
    """Clear it away: what it said is erased, and nobody is told."""
    inbox.dismiss(tx, item.id)
    _record(tx, item, "dismiss_parked", by)


def _record(tx: Transaction, item: Parked, verb: str, by: str) -> None:
    chain = audit.chain_of(item.board_id, None)
    audit.record(tx, chain, by, verb, f"inbox:{item.id}", {"channel": item.channel})
