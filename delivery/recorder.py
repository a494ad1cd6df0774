"""The one thread of a worker that writes the ledger: it leases, records, extends and releases.

Everything the sending threads have to tell comes here and is committed in bulk: at the
latest 100 ms after it came, so that even SQLite with its one writer keeps up.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Condition

import structlog

from delivery import metrics
from domain.outcomes import Outcome
from storage import closing, ledger
from storage.database import Database, Transaction
from storage.ledger import Again, Lease

log = structlog.get_logger()

_BATCH = 500
_SOON = 0.1
_POLL = 0.2
_EXTEND = 2.0
_AFTER_ERROR = 0.5


def ticks() -> float:
    """Seconds that also pass while the machine sleeps: a lease runs out meanwhile."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class RecorderStuck(Exception):
    """The ledger could not be written for as long as a lease lasts."""


@dataclass(slots=True)
class Held:
    """A lease in this worker's hands; it must not be used after `until` (in ticks)."""

    lease: Lease
    until: float
    lost: bool = False

    @property
    def key(self) -> tuple[int, int]:
        return self.lease.chunk_id, self.lease.epoch


@dataclass(slots=True)
class _Entry:
    """Outcomes of one lease in the order they came, and whether it is given back then."""

    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)
    released: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a lease lasts, and how much earlier its holder stops using it."""

    lasting: timedelta = timedelta(seconds=30)
    margin: timedelta = timedelta(seconds=5)

    @property
    def usable(self) -> float:
        return (self.lasting - self.margin).total_seconds()


class Recorder:
    """`run` is the thread; everything else may be called from any other."""

    def __init__(
        self,
        database: Database,
        worker: str,
        limits: Mapping[str, int],
        jitter: Callable[[], float],
        pace: Pace = Pace(),
        clock: Callable[[], float] = ticks,
    ) -> None:
        self._database = database
        self._worker = worker
        self._limits = limits
        self._jitter = jitter
        self._pace = pace
        self._clock = clock
        self._changed = Condition()
        self._entries: dict[tuple[int, int], _Entry] = {}
        self._waiting = 0
        self._fresh = 0
        self._since: float | None = None
        self._held: dict[tuple[int, int], Held] = {}
        self._granted: deque[Held] = deque()
        self._idle = 0
        self._stopping = False
        self._finishing = False
        self._next_extend = 0.0
        self._next_poll = 0.0
        self._worked_at = clock()

    # What sending threads call.

    def take(self) -> Held | None:
        """Wait for a chunk to send; None once the worker stops."""
        with self._changed:
            self._idle += 1
            self._changed.notify_all()
            while not self._granted and not self._stopping:
                self._changed.wait()
            self._idle -= 1
            return None if self._stopping else self._granted.popleft()

    def tell(self, held: Held, delivery_id: int, outcome: Outcome) -> None:
        """Have an outcome recorded soon."""
        with self._changed:
            self._entry(held).outcomes.append((delivery_id, outcome))
            self._fresh += 1
            if self._fresh == _BATCH:
                self._changed.notify_all()

    def give_back(self, held: Held, not_before: datetime | None = None) -> None:
        """Have a lease released, after everything that was told of it."""
        with self._changed:
            entry = self._entry(held)
            entry.released, entry.not_before = True, not_before
            self._changed.notify_all()

    def is_lost(self, held: Held) -> bool:
        """Whether a lease must not be used any more."""
        return held.lost or self._clock() >= held.until

    def held_keys(self) -> set[tuple[int, int]]:
        """The leases of which not everything is in the ledger yet."""
        with self._changed:
            return set(self._held) | set(self._entries)

    def stop(self) -> None:
        """Hand out nothing more; what was leased and not taken goes back."""
        with self._changed:
            self._stopping = True
            for held in self._granted:
                self._entry(held).released = True
            self._granted.clear()
            self._changed.notify_all()

    def finish(self) -> None:
        """Let `run` end as soon as everything is recorded."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def _entry(self, held: Held) -> _Entry:
        if self._since is None:
            self._since = self._clock()
        return self._entries.setdefault(held.key, _Entry())

    # The thread.

    def run(self) -> None:
        """Commit again and again until finished; raises RecorderStuck."""
        while not self._is_over():
            self._wait()
            try:
                self.commit()
                self._worked_at = self._clock()
            except Exception as error:
                if self._clock() - self._worked_at > self._pace.usable:
                    raise RecorderStuck from error
                log.exception("recording_failed")
                time.sleep(_AFTER_ERROR)

    def _is_over(self) -> bool:
        with self._changed:
            return self._finishing and not self._entries

    def _wait(self) -> None:
        """Sleep until there is something to commit."""
        with self._changed:
            while (pause := self._pause()) > 0:
                self._changed.wait(pause)

    def _pause(self) -> float:
        now = self._clock()
        if self._finishing or self._fresh >= _BATCH or self._may_lease(now):
            return 0.0
        until = [self._next_poll] if self._wants() else []
        if self._since is not None:
            until.append(self._since + _SOON)
        if self._held:
            until.append(self._next_extend)
        return max(0.0, min(until, default=now + 1.0) - now)

    def _wants(self) -> int:
        """How many threads have nothing to do and nothing granted."""
        return 0 if self._stopping else max(0, self._idle - len(self._granted))

    def _may_lease(self, now: float) -> bool:
        """A thread that just finished a chunk is served at once; idle ones poll."""
        released = any(entry.released for entry in self._entries.values())
        return bool(self._wants()) and (released or now >= self._next_poll)

    def commit(self) -> None:
        """Write everything told so far in one transaction, and lease for who has nothing."""
        with self._changed:
            entries, self._entries = self._entries, {}
            fresh, self._fresh, self._since = self._fresh, 0, None
            wanted = self._wants()
        try:
            self._commit(entries, wanted)
        except BaseException:
            self._restore(entries, fresh)
            raise

    def _restore(self, entries: dict[tuple[int, int], _Entry], fresh: int) -> None:
        """Nothing was committed: put the entries back before those told meanwhile."""
        with self._changed:
            for key, newer in self._entries.items():
                older = entries.setdefault(key, _Entry())
                older.outcomes += newer.outcomes
                older.released = older.released or newer.released
                older.not_before = older.not_before or newer.not_before
            self._entries = entries
            self._fresh += fresh
            self._since = self._since or self._clock()

    def _commit(self, entries: dict[tuple[int, int], _Entry], wanted: int) -> None:
        begun = self._clock()
        extending = begun >= self._next_extend and self._anything_leased(begun)
        if not entries and not extending and not self._anything_due(wanted):
            self._next_poll = begun + _POLL
            return
        with metrics.RECORDING.time(), self._database.writing() as tx:
            stale = self._write(tx, entries)
            released = [key for key, entry in entries.items() if entry.released]
            alive = self._extend(tx) if extending else None
            leases = self._lease(tx, wanted)
        self._forget(stale, released, entries)
        self._note_extended(alive, begun)
        self._grant(leases, begun)
        self._next_poll = begun + _POLL if len(leases) < wanted else begun

    def _anything_leased(self, begun: float) -> bool:
        """Also asked while nothing is held: see `_extend`."""
        if self._held:
            return True
        self._next_extend = begun + _EXTEND
        with self._database.reading() as tx:
            return bool(closing.leases_of(tx, self._worker))

    def _extend(self, tx: Transaction) -> set[tuple[int, int]]:
        """Prolong what is held, and give back what was leased without our knowing.

        When the answer to a COMMIT is lost, its leases may stand in the ledger, and as long as
        this worker lives nobody else would take them.  Nothing of them was sent.
        """
        for lease in closing.leases_of(tx, self._worker):
            if (lease.chunk_id, lease.epoch) not in self._held:
                ledger.release(tx, lease)
                log.warning("lease_unknown", chunk=lease.chunk_id, epoch=lease.epoch)
        return ledger.extend(tx, self._worker, self._pace.lasting)

    def _anything_due(self, wanted: int) -> bool:
        """Asked in a reading transaction, so that an idle worker never takes the write lock."""
        if not wanted:
            return False
        with self._database.reading() as tx:
            return ledger.anything_due(tx, self._limits)

    def _write(
        self, tx: Transaction, entries: Mapping[tuple[int, int], _Entry]
    ) -> set[tuple[int, int]]:
        again = Again(self._limits, self._jitter())
        stale = set()
        for key, entry in entries.items():
            held = self._held[key].lease
            ours = not entry.outcomes or ledger.record(tx, held, entry.outcomes, again)
            if ours and entry.released:
                ours = ledger.release(tx, held, entry.not_before)
            if not ours:
                stale.add(key)
        return stale

    def _lease(self, tx: Transaction, wanted: int) -> list[Lease]:
        if not wanted:
            return []
        return ledger.lease(tx, self._worker, self._limits, wanted, self._pace.lasting)

    def _forget(
        self,
        stale: set[tuple[int, int]],
        released: list[tuple[int, int]],
        entries: Mapping[tuple[int, int], _Entry],
    ) -> None:
        for key in stale:
            self._held[key].lost = True
            metrics.STALE.inc(len(entries[key].outcomes))
            log.warning("lease_lost", chunk=key[0], epoch=key[1])
        self._count({key: entry for key, entry in entries.items() if key not in stale})
        with self._changed:
            for key in released:
                del self._held[key]
            metrics.CHUNKS_HELD.set(len(self._held))

    def _count(self, entries: Mapping[tuple[int, int], _Entry]) -> None:
        for key, entry in entries.items():
            channel = self._held[key].lease.channel
            for _, outcome in entry.outcomes:
                metrics.OUTCOMES.labels(channel, metrics.kind(outcome)).inc()

    def _note_extended(self, alive: set[tuple[int, int]] | None, begun: float) -> None:
        if alive is None:
            return
        self._next_extend = begun + _EXTEND
        for key, held in list(self._held.items()):
            if key in alive:
                held.until = begun + self._pace.usable
            else:
                held.lost = True

    def _grant(self, leases: list[Lease], begun: float) -> None:
        with self._changed:
            for lease in leases:
                held = Held(lease, begun + self._pace.usable)
                self._held[held.key] = held
                if self._stopping:
                    self._entry(held).released = True
                else:
                    self._granted.append(held)
            self._changed.notify_all()
