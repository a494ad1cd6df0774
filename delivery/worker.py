"""A worker: the process that sends.

Its threads: senders, each channel its own (see channels.base.Limits.slots), so that a slow
provider never holds up another; one recorder (the only one that writes the ledger), one that
has the disk hold the journal and settles what dead workers left, one for replies, one that
asks for quotas, one that shows staff their menus, one that watches for trouble, one that shares
what is known of mail's destinations with the other workers, one for test mails, one that looks
whether mail may leave at all, and the scheduler's.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import structlog

from channels.base import Channel, Laned
from delivery import metrics, schedule
from delivery.arrivals import ArrivalRounds
from delivery.gate import Gate
from delivery.journal import Journal, host_id
from delivery.lanes import LaneRounds
from delivery.menus import MenuRounds
from delivery.quotas import Quotas
from delivery.recorder import Pace, Recorder
from delivery.recovery import Recovery
from delivery.render import Addresses, Renderer
from delivery.replies import Replies
from delivery.sending import Sending
from delivery.troubles import Watch
from domain.deliveries import ChunkRule
from storage import closing, journals, ledger
from storage.database import Database
from storage.ledger import Again

log = structlog.get_logger()

_SYNC = 0.05
_RECOVER = 1.0
# How long, in seconds, a worker that has failed waits for answers.
_LAST_ANSWERS = 10.0
_COMPACT_AT = 8 * 1024 * 1024
_NAME = 48


class WorkerFailed(Exception):
    """A thread of the worker ended: it must be started anew."""


class Worker:
    """Sends until told to stop; whoever made it closes the database and the channels."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        name: str,
        journal_dir: Path,
        addresses: Addresses,
        pace: Pace = Pace(),  # noqa: B008 - frozen
        jitter: Callable[[], float] = random.random,
        gate: Gate | None = None,
    ) -> None:
        self._database = database
        # A process ID comes back after a restart: the name must not.
        self.name = f"{name[:_NAME]}-{secrets.token_hex(4)}"
        self._directory = journal_dir.absolute()
        self._rules = {name: _rule(channel) for name, channel in channels.items()}
        self._channels = channels
        self._jitter = jitter
        self._renderer = Renderer(database, addresses)
        self._recorder = Recorder(database, self.name, self._rules, jitter, pace)
        self._gate = gate or Gate(database)
        self._replies = Replies(database, channels, jitter, addresses.public_url, self._gate)
        self._quotas = Quotas(database, channels)
        self._menus = MenuRounds(database, channels)
        self._watch = Watch(database, [self._directory])
        self._lanes = LaneRounds(database, channels)
        self._arrivals = ArrivalRounds(database, channels, self._gate)
        self._failure: BaseException | None = None
        self._stop = Event()

    def run(self, stop: Event) -> None:
        """Work until `stop`; then finish the messages on their way and give the rest back.

        Raises WorkerFailed if a thread ended by itself; what it left is settled by whoever
        runs next.
        """
        self._stop = stop
        host = host_id(self._directory)
        journal = Journal(self._directory, self.name)
        with self._database.writing() as tx:
            journals.opened(tx, self.name, host, str(journal.path))
        recovery = Recovery(self._database, self._directory, host, self._again)
        metrics.DOUBTFUL.inc(recovery.run())
        self._lanes.load()
        self._work(journal, recovery)
        if self._failure is not None:
            raise WorkerFailed(self.name) from self._failure
        self._close(journal)

    def _close(self, journal: Journal) -> None:
        """Leave nothing behind: no lease either whose COMMIT was not answered."""
        with self._database.writing() as tx:
            for lease in closing.leases_of(tx, self.name):
                ledger.release(tx, lease)
            journals.closed(tx, self.name)
        journal.close()

    def _again(self) -> Again:
        return Again(self._rules, self._jitter())

    def _work(self, journal: Journal, recovery: Recovery) -> None:
        """Start all threads, wait, and end them in the order in which they feed each other."""
        sending = Sending(
            self._channels,
            self._renderer,
            journal,
            self._recorder,
            self._database.clock,
            self._fail,
            self._gate,
        )
        scheduler = schedule.ticking(self._database, self._rules, self._recorder.wake)
        recorder = self._thread("recorder", self._recorder.run)
        senders = [
            self._thread(f"sender-{name}-{number}", partial(sending.run, name, self._stop))
            for name, rule in self._rules.items()
            for number in range(rule.slots)
        ]
        others = [
            self._thread("caretaker", lambda: self._take_care(journal, recovery)),
            self._thread("replies", lambda: self._replies.run(self._stop)),
            self._thread("quotas", lambda: self._quotas.run(self._stop)),
            self._thread("menus", lambda: self._menus.run(self._stop)),
            self._thread("watch", lambda: self._watch.run(self._stop)),
            self._thread("lanes", lambda: self._lanes.run(self._stop)),
            self._thread("arrivals", lambda: self._arrivals.run(self._stop)),
        ]
        # Not waited for at the end: a look may take as long as a DNS that does not answer.
        self._thread("gate", lambda: self._gate.run(self._stop))
        scheduler.start()
        log.info("worker_started", worker=self.name)
        self._stop.wait()
        # First: a tick may take long, and what senders give back would be leased again meanwhile.
        self._recorder.stop()
        scheduler.shutdown()
        for thread in (*senders, *others):
            thread.join()
        # Also after a failure what is on its way is heard of: each answer less is one in doubt.
        sending.drain(None if self._failure is None else _LAST_ANSWERS)
        self._recorder.finish()
        recorder.join()
        log.info("worker_stopped", worker=self.name)

    def _thread(self, name: str, target: Callable[[], None]) -> Thread:
        thread = Thread(target=self._guarded, args=(target,), name=name, daemon=True)
        thread.start()
        return thread

    def _guarded(self, target: Callable[[], None]) -> None:
        """A thread that breaks stops the worker: half a worker would look alive."""
        try:
            target()
        except BaseException as error:
            log.exception("thread_failed")
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._stop.set()
        self._recorder.stop()

    def _take_care(self, journal: Journal, recovery: Recovery) -> None:
        next_recovery = 0.0
        while not self._stop.wait(_SYNC):
            journal.sync()
            if journal.size > _COMPACT_AT:
                journal.compact(self._recorder.held_keys)
            if monotonic() >= next_recovery:
                self._recover(recovery)
                next_recovery = monotonic() + _RECOVER

    @staticmethod
    def _recover(recovery: Recovery) -> None:
        """A database that is away for a while ends nobody: the recorder says what is too long."""
        try:
            metrics.DOUBTFUL.inc(recovery.run())
        except Exception:
            log.exception("recovery_failed")


def _rule(channel: Channel) -> ChunkRule:
    limits = channel.limits
    laned = isinstance(channel, Laned)
    return ChunkRule(limits.recipients, limits.slots, limits.keyed, laned)
