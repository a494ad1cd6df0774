"""Test mails to mailboxes that showed no sign of life for long (the board's arrival_test_days).

By day, in small batches, and never while answers wait: a family that is just registering waits for
its number behind a handful of these at most.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from threading import Event
from zoneinfo import ZoneInfo

import structlog

from actions import arrivals
from actions import boards as board_settings
from delivery.gate import Gate
from storage import arrivals as stored
from storage import replies
from storage.database import Database, Transaction
from storage.people import MAIL
from storage.tables import Board

log = structlog.get_logger()

# Mail makes telephones sound.
_FIRST_HOUR, _LAST_HOUR = 8, 20
_BATCH = 20
# Seconds to the next batch, and to the next look once there was none.
_NEXT = 1.0
_IDLE = 300.0


class ArrivalRounds:
    """The thread of a worker that tests silent mailboxes, if mail is on.

    Nothing is added while the `gate` is closed; without one it is always open.
    """

    def __init__(
        self, database: Database, channels: Collection[str], gate: Gate | None = None
    ) -> None:
        self._database = database
        self._is_on = MAIL in channels
        self._gate = gate or Gate(database)

    def run(self, stop: Event) -> None:
        """Batch after batch until stopped."""
        while self._is_on:
            sent = 0
            try:
                sent = tick_arrivals(self._database) if self._gate.allows(MAIL) else 0
            except Exception:
                log.exception("arrival_tests_failed")
            if stop.wait(_NEXT if sent else _IDLE):
                return


def tick_arrivals(database: Database) -> int:
    """Send the next batch of test mails; return how many there were."""
    with database.reading() as tx:
        due = [board.id for board in stored.boards(tx) if _is_due(tx, board)]
        if not due or replies.any_due(tx, MAIL):
            return 0
    with database.writing() as tx:
        return sum(_test(tx, board_id) for board_id in due)


def _is_due(tx: Transaction, board: Board) -> bool:
    hour = tx.now.astimezone(ZoneInfo(board.zone)).hour
    by_day = _FIRST_HOUR <= hour < _LAST_HOUR
    return by_day and board_settings.settings(tx, board.id).arrival_test_days > 0


def _test(tx: Transaction, board_id: int) -> int:
    days = board_settings.settings(tx, board_id).arrival_test_days
    mailboxes = stored.take_silent(tx, board_id, tx.now - timedelta(days=days), _BATCH)
    for mailbox in mailboxes:
        arrivals.send_test(tx, mailbox)
    if mailboxes:
        log.info("arrival_tests", board=board_id, mailboxes=len(mailboxes))
    return len(mailboxes)
