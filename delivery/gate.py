"""The gate before real carriers: no mail leaves before the checks of its sender passed.

The checks are made in a thread of the worker, by what the composition hands in; what they found
stands in the database, where every worker reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event, Lock
from time import monotonic

import structlog

from actions import mail_checks as actions
from domain.mail_checks import HELD_FOR, HELD_FOR_LOOK, Checked, Subject, is_due
from storage import mail_checks
from storage.database import Database
from storage.people import MAIL

log = structlog.get_logger()

# Seconds for which an answer of the database is good.
_FRESH = 5.0
# Seconds from one look at whether checks are due to the next.
_EVERY = 30.0

Look = Callable[[], Sequence[Checked]]


def nothing() -> Sequence[Checked]:
    """Makes no check: there is nothing to be checked."""
    return ()


class Gate:
    """Whether a channel may send now; safe to ask from several threads, and cheap.

    Without `subject` every channel may.  `look` makes the checks and may take a minute; no
    transaction is open meanwhile.
    """

    def __init__(
        self,
        database: Database,
        subject: Subject = Subject(),  # noqa: B008 - frozen
        look: Look = nothing,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._subject = subject
        self._look = look
        self._elapsed = elapsed
        self._lock = Lock()
        self._open = not subject.bases
        self._pause = HELD_FOR_LOOK
        self._known_at: float | None = None

    def allows(self, channel: str) -> bool:
        """Asked before each chunk and each answer; where the database is away, what was known."""
        if channel != MAIL or not self._subject.bases:
            return True
        # Only one thread asks the database; the others do not wait for it.
        if self._is_stale() and self._lock.acquire(blocking=self._known_at is None):
            try:
                self._refresh()
            finally:
                self._lock.release()
        return self._open

    @property
    def pause(self) -> timedelta:
        """For how long to put off what may not leave; shorter while the first look is under way."""
        return self._pause

    def run(self, stop: Event) -> None:
        """Make the checks when they are due, until stopped."""
        while not stop.is_set():
            try:
                self.check(stop)
            except Exception:
                log.exception("mail_checks_failed")
            stop.wait(_EVERY)

    def check(self, stop: Event | None = None) -> None:
        """Note which settings are in force, and make the checks if they are due.

        What is found after `stop` is left to the next worker: nobody waits for a slow DNS then.
        """
        with self._database.reading() as tx:
            noted = mail_checks.is_current(tx, self._subject)
            due = is_due(mail_checks.standings(tx, self._subject), tx.now)
        found = self._look() if due else ()
        if stop is not None and stop.is_set():
            return
        if found or not noted:
            with self._database.writing() as tx:
                actions.note(tx, self._subject, found)
            self._known_at = None

    def _is_stale(self) -> bool:
        return self._known_at is None or self._elapsed() - self._known_at >= _FRESH

    def _refresh(self) -> None:
        if not self._is_stale():
            return
        try:
            with self._database.reading() as tx:
                found = mail_checks.standings(tx, self._subject)
                is_open = all(one.holds(tx.now) for one in found)
                was_made = all(one.checked_at is not None for one in found)
        except Exception:
            log.exception("gate_not_read")
        else:
            if is_open != self._open:
                log.warning("mail_gate", open=is_open)
            self._open = is_open
            self._pause = HELD_FOR if was_made else HELD_FOR_LOOK
        self._known_at = self._elapsed()
