"""Doing the same for each of many: one that fails holds up no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from storage.database import Database, Transaction

log = structlog.get_logger()

Act = Callable[[Transaction, int], int]


def each(
    database: Database,
    ids: Iterable[int],
    act: Act,
    failed: Callable[[Transaction, int], None] | None = None,
) -> int:
    """Act on each in a transaction of its own; return the sum of what was done.

    What raises is rolled back and left to the next tick; `failed` notes that, where it counts.
    """
    return sum(_one(database, one, act, failed) for one in ids)


def _one(
    database: Database, one: int, act: Act, failed: Callable[[Transaction, int], None] | None
) -> int:
    try:
        with database.writing() as tx:
            return act(tx, one)
    except Exception:
        log.exception("step_failed", step=act.__name__, id=one)
    if failed is not None:
        _note(database, one, failed)
    return 0


def _note(database: Database, one: int, failed: Callable[[Transaction, int], None]) -> None:
    try:
        with database.writing() as tx:
            failed(tx, one)
    except Exception:
        log.exception("step_failed", step=failed.__name__, id=one)
