"""Ticks for what was sent already: withdrawn broadcasts are finished, those sent again are cut."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from actions import withdrawals
from delivery.each import each
from domain.deliveries import ChunkRule
from storage import resending, withdrawing
from storage.database import Database, Transaction

log = structlog.get_logger()


def tick_withdrawn(database: Database) -> int:
    """Close what workers gave back of withdrawn broadcasts, and report; return how many ended."""
    with database.reading() as tx:
        waiting = withdrawing.not_finished(tx)
    return each(database, waiting, _finish_withdrawn)


def _finish_withdrawn(tx: Transaction, broadcast_id: int) -> bool:
    finished = withdrawals.finish(tx, broadcast_id)
    if finished:
        log.info("withdrawn", broadcast=broadcast_id)
    return finished


def tick_resent(database: Database, rules: Mapping[str, ChunkRule]) -> int:
    """Cut what is to be sent again; return how many chunks came of it."""
    with database.reading() as tx:
        waiting = resending.uncut(tx)

    def cut(tx: Transaction, chunk_id: int) -> int:
        return resending.cut(tx, chunk_id, rules)

    return each(database, waiting, cut)
