"""How far a broadcast is, for the progress bar."""

from __future__ import annotations

from dataclasses import dataclass

from domain.deliveries import State
from storage import ledger
from storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Progress:
    """Deliveries by state; `state` is the broadcast's own."""

    state: str
    total: int
    counts: dict[State, int]

    @property
    def settled(self) -> int:
        """Those of which nothing more is asked; placed ones wait to be looked at."""
        return self.total - self.counts[State.WAITING]


def progress(tx: Transaction, broadcast_id: int) -> Progress:
    """Count a broadcast's deliveries; cheap enough to ask several times a second."""
    state, found = ledger.counts(tx, broadcast_id)
    counts = {one: found.get(one.value, 0) for one in State}
    return Progress(state, sum(counts.values()), counts)
