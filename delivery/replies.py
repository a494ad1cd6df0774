"""The replies threads: answers leave within a moment, never behind a fan-out.

Each channel has slots of its own, so that a slow relay holds up no other channel's answers.
Web chat is not among them: there the browser fetches the replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    Future,
    ThreadPoolExecutor,
    wait,
)
from datetime import timedelta
from threading import Event
from time import monotonic

import structlog

from channels.base import Channel
from delivery.answering import Answering, Tried
from delivery.gate import Gate
from domain.channels import FETCHED
from storage import replies
from storage.database import Database, Transaction
from storage.replies import ClaimedAnswer

log = structlog.get_logger()

# So many more are claimed for each of a channel's reply slots, because a claim costs more than an
# answer that leaves at once. What waits so long that a provider hangs goes back when the worker
# stops.
_AHEAD = 2

_EVERY = 0.1
_BUSY = 0.02
# What comes to its end within this time is noted in one transaction.
_GATHER = 0.02
_TROUBLE = 0.5
# While an answer is on its way it is held again and again, however long its provider takes; so
# this is how long the answers of a killed worker wait.  Longer than any token is good for: nobody
# knows whether that worker used it.
_HOLD = timedelta(minutes=2)
_KEEP = 30.0


class Replies:
    """Sends new replies; several workers may run it at once.

    `public_url` is where our pages are, for the links in what is said; without `gate` every
    channel may send.
    """

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Channel],
        jitter: Callable[[], float],
        public_url: str = "",
        gate: Gate | None = None,
    ) -> None:
        gate = gate or Gate(database)
        self._queues = [
            _Queue(
                database,
                name,
                Answering(database, channel, public_url, jitter, gate),
                channel.limits.reply_slots,
            )
            for name, channel in channels.items()
            if name not in FETCHED
        ]

    def run(self, stop: Event) -> None:
        """Poll until stopped; what is with a provider by then is still finished."""
        if not self._queues:
            return
        with ThreadPoolExecutor(len(self._queues), thread_name_prefix="replies") as pool:
            running = [pool.submit(queue.run, stop) for queue in self._queues]
            broken, _ = wait(running, return_when=FIRST_EXCEPTION)
            if any(future.exception() for future in broken):
                # Half of the replies would look alive.
                stop.set()
        for future in running:
            future.result()

    def run_once(self) -> int:
        """Send what is due now, one answer to each person; return how many were tried."""
        return sum(queue.run_once() for queue in self._queues)


class _Queue:
    """The answers of one channel."""

    def __init__(self, database: Database, channel: str, answering: Answering, slots: int) -> None:
        self._database = database
        self._channel = channel
        self._answering = answering
        self._slots = slots
        self._on_way: dict[Future[Tried], ClaimedAnswer] = {}
        self._next_keep = 0.0

    def run(self, stop: Event) -> None:
        with ThreadPoolExecutor(self._slots, thread_name_prefix=f"{self._channel}-reply") as pool:
            while self._on_way or not stop.is_set():
                try:
                    if self._has_work(stop.is_set()):
                        self._work(pool, stop.is_set())
                    self._rest(stop)
                except Exception:
                    log.exception("replies_failed", channel=self._channel)
                    self._recover(stop)

    def run_once(self) -> int:
        with self._database.writing() as tx:
            claimed = replies.claim(tx, self._channel, _HOLD, self._most)
        tried = [self._answering.say(answer) for answer in claimed]
        with self._database.writing() as tx:
            self._answering.note(tx, tried)
        return len(claimed)

    @property
    def _most(self) -> int:
        return self._slots * (1 + _AHEAD)

    def _has_work(self, stopping: bool) -> bool:
        """Whether a transaction is worth its while; asked without the write lock."""
        keep_now = self._on_way and monotonic() >= self._next_keep
        if keep_now or self._through() or self._unbegun(stopping):
            return True
        if stopping or len(self._on_way) >= self._most:
            return False
        with self._database.reading() as tx:
            return replies.any_due(tx, self._channel)

    def _work(self, pool: ThreadPoolExecutor, stopping: bool) -> None:
        """Note what came of answers and claim the next ones, all in one transaction.

        When stopping nothing more is claimed, and what was not begun is given back.
        """
        through, unbegun = self._through(), self._unbegun(stopping)
        free = 0 if stopping else self._most - len(self._on_way) + len(through)
        with self._database.writing() as tx:
            self._answering.note(tx, [future.result() for future in through])
            replies.give_back(tx, self._ids(unbegun))
            self._keep_held(tx)
            claimed = replies.claim(tx, self._channel, _HOLD, free) if free else []
        for future in (*through, *unbegun):
            del self._on_way[future]
        for answer in claimed:
            self._on_way[pool.submit(self._answering.say, answer)] = answer

    def _keep_held(self, tx: Transaction) -> None:
        if monotonic() >= self._next_keep:
            still = [future for future in self._on_way if not future.done()]
            replies.keep(tx, self._ids(still), _HOLD)
            self._next_keep = monotonic() + _KEEP

    def _rest(self, stop: Event) -> None:
        """Until the next poll, or until an answer is through: its reader's next one may follow."""
        if not self._on_way:
            stop.wait(_EVERY)
            return
        pause = _BUSY if len(self._on_way) < self._most else _EVERY
        through, _ = wait(self._on_way, pause, FIRST_COMPLETED)
        if through:
            wait(self._on_way, _GATHER, ALL_COMPLETED)

    def _recover(self, stop: Event) -> None:
        """After trouble with the database. What could not be noted is noted at the next try; at
        the end it is left to whoever claims it next, once its hold is over.
        """
        if stop.wait(_TROUBLE):
            for future in self._through():
                del self._on_way[future]

    def _through(self) -> list[Future[Tried]]:
        return [each for each in self._on_way if each.done() and not each.cancelled()]

    def _unbegun(self, stopping: bool) -> list[Future[Tried]]:
        return [each for each in self._on_way if stopping and each.cancel()]

    def _ids(self, futures: Iterable[Future[Tried]]) -> list[int]:
        return [number for future in futures for number in self._on_way[future].ids]
