"""Ticks for what was sent already: withdrawn broadcasts are finished, those sent again are cut."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from actions import withdrawals
from domain.deliveries import ChunkRule
from storage import resending, withdrawing
from storage.database import Database

log = structlog.get_logger()


def tick_withdrawn(database: Database) -> int:
    """Close what workers gave back of withdrawn broadcasts, and report; return how many ended."""
    with database.reading() as tx:
        waiting = withdrawing.not_finished(tx)
    return sum(_finish(database, broadcast_id) for broadcast_id in waiting)


def _finish(database: Database, broadcast_id: int) -> bool:
    with database.writing() as tx:
        finished = withdrawals.finish(tx, broadcast_id)
    if finished:
        log.info("withdrawn", broadcast=broadcast_id)
    return finished


def tick_resent(database: Database, rules: Mapping[str, ChunkRule]) -> int:
    """Cut what is to be sent again; return how many chunks came of it."""
    with database.reading() as tx:
        waiting = resending.uncut(tx)
    return sum(_cut(database, chunk_id, rules) for chunk_id in waiting)


def _cut(database: Database, chunk_id: int, rules: Mapping[str, ChunkRule]) -> int:
    with database.writing() as tx:
        return resending.cut(tx, chunk_id, rules)
