"""Emergencies that nobody took note of: reminders, and in the end the board.

A tick like those of delivery.schedule: safe in every worker at once.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from actions import emergencies
from storage import emergencies as stored
from storage.database import Database, Transaction

log = structlog.get_logger()


def tick_escalate(database: Database) -> int:
    """Tell again whoever is to be told now, and report what was reached; return how many."""
    with database.reading() as tx:
        due = emergencies.due_steps(tx)
        finished = stored.unreported(tx)
    again = sum(_each(database, one, _take_step) for one in due)
    return again + sum(_each(database, one, emergencies.tell_figures) for one in finished)


def _take_step(tx: Transaction, broadcast_id: int) -> bool:
    step = emergencies.take_step(tx, broadcast_id)
    if step is not None:
        log.warning("emergency_not_acknowledged", broadcast=broadcast_id, step=step.value)
    return step is not None


def _each(database: Database, broadcast_id: int, act: Callable[[Transaction, int], bool]) -> bool:
    """Each in its own transaction: one that fails holds up no other."""
    try:
        with database.writing() as tx:
            return act(tx, broadcast_id)
    except Exception:
        log.exception("escalation_failed", broadcast=broadcast_id)
        return False
