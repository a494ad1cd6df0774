"""Emergencies that nobody took note of: reminders, and in the end the board.

A tick like those of delivery.schedule: safe in every worker at once.
"""

from __future__ import annotations

import structlog

from actions import emergencies
from delivery.each import each
from storage import emergencies as stored
from storage.database import Database, Transaction

log = structlog.get_logger()


def tick_escalate(database: Database) -> int:
    """Tell again whoever is to be told now, and report what was reached; return how many."""
    with database.reading() as tx:
        due = emergencies.due_steps(tx)
        finished = stored.unreported(tx)
    return each(database, due, _take_step) + each(database, finished, emergencies.tell_figures)


def _take_step(tx: Transaction, broadcast_id: int) -> bool:
    step = emergencies.take_step(tx, broadcast_id)
    if step is not None:
        log.warning("emergency_not_acknowledged", broadcast=broadcast_id, step=step.value)
    return step is not None
