"""What happens because its time has come: freezing, expiring, finishing.

The ticks are plain functions over the database, safe to run in every worker at once: each
move is a compare-and-swap, so that one worker makes it and the others find it made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from threading import Event

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from actions import broadcasts as actions
from actions import reports
from delivery.admissions import tick_admissions
from delivery.aftermath import tick_resent, tick_withdrawn
from delivery.each import each
from delivery.escalation import tick_escalate
from delivery.freeze import Outgrown, freeze, note
from delivery.suspensions import tick_suspended
from domain.broadcasts import Verb
from domain.deliveries import ChunkRule
from storage import broadcasts, closing, freezing, planner
from storage.database import Database, Transaction
from storage.freezing import Frozen

log = structlog.get_logger()

_EVERY = 0.5
# A broadcast of ten thousands takes less than a second: it is not to wait for half of one.
_AT_ONCE = 0.1


def tick_due(
    database: Database, rules: Mapping[str, ChunkRule], begun: Callable[[], None] = lambda: None
) -> int:
    """Freeze every broadcast that is due; return how many.  `begun` hears of each.

    What is due is asked anew after each, so that an emergency does not wait for a long list.
    """
    frozen, tried = 0, set[int]()
    while (broadcast_id := _next_due(database, tried)) is not None:
        tried.add(broadcast_id)
        if _freeze(database, broadcast_id, rules):
            frozen += 1
            begun()
    return frozen


def _next_due(database: Database, tried: Collection[int]) -> int | None:
    with database.reading() as tx:
        return next((one for one in freezing.due(tx) if one not in tried), None)


def _freeze(database: Database, broadcast_id: int, rules: Mapping[str, ChunkRule]) -> bool:
    """Each in its own transaction: one that cannot be frozen holds up no other."""
    try:
        with database.writing() as tx:
            frozen = freeze(tx, broadcast_id, rules)
    except Exception:
        log.exception("freezing_failed", broadcast=broadcast_id)
        return False
    if isinstance(frozen, Frozen):
        log.info("frozen", broadcast=broadcast_id, recipients=frozen.recipients)
    elif isinstance(frozen, Outgrown):
        log.warning("audience_outgrown", broadcast=broadcast_id, families=frozen.families)
    return frozen is not None


def tick_statistics(database: Database, frozen: Event) -> None:
    """Have counted what was just frozen; whatever becomes of that holds up no freezing.

    On SQLite there is nothing to gather, and its one writer is not to be kept waiting.
    """
    if not frozen.is_set():
        return
    frozen.clear()
    try:
        if not database.is_sqlite:
            with database.writing() as tx:
                planner.gather_statistics(tx)
    except Exception:
        log.exception("gathering_statistics_failed")


def tick_lapse(database: Database) -> int:
    """Close every broadcast that was not sent while it was valid; return how many."""
    with database.reading() as tx:
        lapsed = freezing.lapsed(tx)
    return each(database, lapsed, actions.expire)


def tick_expire(database: Database) -> int:
    """Settle what is past its deadline; return how many deliveries."""
    with database.reading() as tx:
        if not closing.any_expired(tx):
            return 0
    with database.writing() as tx:
        return closing.expire(tx)


def tick_finish(database: Database) -> int:
    """Close every broadcast of which nothing is left to send, and report; return how many."""
    with database.reading() as tx:
        exhausted = closing.exhausted(tx)
    return each(database, exhausted, _finish)


def _finish(tx: Transaction, broadcast_id: int) -> bool:
    # Asked again: a chunk may have been put down for another try meanwhile.
    if broadcast_id not in closing.exhausted(tx) or not closing.finish(tx, broadcast_id):
        return False
    note(tx, broadcasts.broadcast(tx, broadcast_id), Verb.FINISH, {})
    reports.tell(tx, broadcast_id)
    log.info("finished", broadcast=broadcast_id)
    return True


def tick(database: Database, rules: Mapping[str, ChunkRule]) -> None:
    """Everything that is due now."""
    tick_starts(database, rules)
    tick_at_once(database)
    tick_soon(database, rules)


def tick_starts(
    database: Database, rules: Mapping[str, ChunkRule], begun: Callable[[], None] = lambda: None
) -> None:
    """What is to be sent, without a moment's delay; `begun` hears of each that was started."""
    _guarded(lambda: tick_due(database, rules, begun))


def tick_at_once(database: Database) -> None:
    """What must happen within a second of its time: what is not sent any more."""
    _guarded(lambda: tick_lapse(database))
    _guarded(lambda: tick_withdrawn(database))


def tick_soon(database: Database, rules: Mapping[str, ChunkRule]) -> None:
    """What may come a few seconds late where there is much of it."""
    _guarded(lambda: tick_resent(database, rules))
    _guarded(lambda: tick_expire(database))
    _guarded(lambda: tick_finish(database))
    _guarded(lambda: tick_escalate(database))
    _guarded(lambda: tick_admissions(database))
    _guarded(lambda: tick_suspended(database))


def _guarded(step: Callable[[], int]) -> int:
    # The next tick comes in any case; what failed is tried again by it.
    try:
        return step()
    except Exception:
        log.exception("tick_failed")
        return 0


def ticking(
    database: Database, rules: Mapping[str, ChunkRule], begun: Callable[[], None]
) -> BackgroundScheduler:
    """A scheduler, not yet started, that ticks again and again and never twice at once.

    The ticks have a thread each, so that none waits for another.
    """
    # It warns of every tick that a long one (a large freezing) made it leave out.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(timezone="UTC")
    frozen = Event()

    def started() -> None:
        frozen.set()
        begun()

    jobs: list[tuple[Callable[..., None], tuple[object, ...], float]] = [
        (tick_starts, (database, rules, started), _AT_ONCE),
        (tick_statistics, (database, frozen), _AT_ONCE),
        (tick_at_once, (database,), _EVERY),
        (tick_soon, (database, rules), _EVERY),
    ]
    for what, arguments, seconds in jobs:
        scheduler.add_job(
            what,
            "interval",
            arguments,
            seconds=seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    return scheduler
