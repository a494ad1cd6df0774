"""The one thread of a worker that writes the ledger: it leases, records, extends and releases.

Everything the sending threads have to tell comes here and is committed in bulk: at the
latest 100 ms after it came, so that even SQLite with its one writer keeps up.  Only what is told
of a keyed chunk waits until that is given back: it is the answer to one request, which comes
into the ledger whole, so that those who were parted from others stay together.

What is leased is what there is room for (delivery.demand): no channel waits for another.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Condition

import structlog

from delivery import metrics
from delivery.demand import Demand, Held
from domain.deliveries import ChunkRule
from domain.outcomes import Outcome
from storage import closing, ledger, recording, withdrawing
from storage.database import Database, Transaction
from storage.ledger import Again, Lease, Want
from storage.recording import Told

log = structlog.get_logger()

# So many outcomes are recorded before their time: as many as come in it at full speed.
_BATCH = 2500
_SOON = 0.1
_EXTEND = 2.0
# How often it asks whether what is held was withdrawn: nothing may leave a second after that.
_LOOK = 0.25
_AFTER_ERROR = 0.5


def ticks() -> float:
    """Seconds that also pass while the machine sleeps: a lease runs out meanwhile."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class RecorderStuck(Exception):
    """The ledger could not be written for as long as a lease lasts."""


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
        rules: Mapping[str, ChunkRule],
        jitter: Callable[[], float],
        pace: Pace = Pace(),
        clock: Callable[[], float] = ticks,
    ) -> None:
        self._database = database
        self._worker = worker
        self._rules = rules
        self._jitter = jitter
        self._pace = pace
        self._clock = clock
        self._changed = Condition()
        self._entries: dict[tuple[int, int], _Entry] = {}
        self._fresh = 0
        self._since: float | None = None
        self._held: dict[tuple[int, int], Held] = {}
        self._demand = Demand(rules)
        self._stopping = False
        self._finishing = False
        self._next_extend = 0.0
        self._next_look = 0.0
        self._worked_at = clock()

    # What sending threads call.

    def take(self, channel: str) -> Held | None:
        """Wait for a chunk of a channel to send; None once the worker stops."""
        granted, idle = self._demand.granted[channel], self._demand.idle
        with self._changed:
            idle[channel] += 1
            self._changed.notify_all()
            while not granted and not self._stopping:
                self._changed.wait()
            idle[channel] -= 1
            return None if self._stopping else granted.popleft()

    def tell_all(self, held: Held, told: Sequence[tuple[int, Outcome]]) -> None:
        """Have outcomes of one lease recorded soon; of a keyed chunk, when it is given back."""
        with self._changed:
            self._entry(held).outcomes.extend(told)
            if held.lease.keyed:
                return
            self._note_news()
            before, self._fresh = self._fresh, self._fresh + len(told)
            if before < _BATCH <= self._fresh:
                self._changed.notify_all()

    def give_back(self, held: Held, not_before: datetime | None = None) -> None:
        """Have a lease released, after everything that was told of it."""
        with self._changed:
            self._release(held, not_before)
            self._changed.notify_all()

    def wake(self) -> None:
        """There is something new to lease."""
        with self._changed:
            self._demand.look_again()
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
            for granted in self._demand.granted.values():
                for held in granted:
                    self._release(held)
                granted.clear()
            self._changed.notify_all()

    def finish(self) -> None:
        """Let `run` end as soon as everything is recorded."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def _entry(self, held: Held) -> _Entry:
        return self._entries.setdefault(held.key, _Entry())

    def _release(self, held: Held, not_before: datetime | None = None) -> None:
        entry = self._entry(held)
        entry.released, entry.not_before = True, not_before
        self._note_news()

    def _note_news(self) -> None:
        if self._since is None:
            self._since = self._clock()

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
        until = [self._demand.next_poll(want) for want in self._wants()]
        if self._since is not None:
            until.append(self._since + _SOON)
        if self._held:
            until += [self._next_extend, self._next_look]
        return max(0.0, min(until, default=now + 1.0) - now)

    def _wants(self) -> list[Want]:
        if self._stopping:
            return []
        left = (held for key, held in self._held.items() if not self._is_released(key))
        return self._demand.wants(left)

    def _is_released(self, key: tuple[int, int]) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.released

    def _may_lease(self, now: float) -> list[Want]:
        """What is to be asked for now; where a chunk just ended, the next one at once."""
        finished = [held.lease for key, held in self._held.items() if self._is_released(key)]
        return self._demand.ripe(self._wants(), finished, now)

    def commit(self) -> None:
        """Write everything told so far in one transaction, and lease for who has nothing."""
        with self._changed:
            wanted = self._may_lease(self._clock())
            entries = self._take_ripe()
            fresh, self._fresh, self._since = self._fresh, 0, None
        try:
            self._commit(entries, wanted)
        except BaseException:
            self._restore(entries, fresh)
            raise

    def _take_ripe(self) -> dict[tuple[int, int], _Entry]:
        """What may be written now: of a keyed chunk not before its request is through."""
        taken = {key: entry for key, entry in self._entries.items() if self._is_ripe(key, entry)}
        for key in taken:
            del self._entries[key]
        return taken

    def _is_ripe(self, key: tuple[int, int], entry: _Entry) -> bool:
        return entry.released or self._finishing or not self._held[key].lease.keyed

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
            if entries:
                self._note_news()

    def _commit(self, entries: dict[tuple[int, int], _Entry], wanted: Sequence[Want]) -> None:
        begun = self._clock()
        self._look_for_withdrawn(begun)
        extending = begun >= self._next_extend and self._anything_leased(begun)
        if not entries and not extending and not self._anything_due(wanted):
            self._note_leased(wanted, [], begun)
            return
        with metrics.RECORDING.time(), self._database.writing() as tx:
            stale = self._write(tx, entries)
            released = [key for key, entry in entries.items() if entry.released]
            alive = self._extend(tx) if extending else None
            leases = ledger.lease(tx, self._worker, wanted, self._pace.lasting)
        self._forget(stale, released, entries)
        self._note_extended(alive, begun)
        self._grant(leases, begun)
        self._note_leased(wanted, leases, begun)

    def _note_leased(self, wanted: Sequence[Want], leases: list[Lease], begun: float) -> None:
        with self._changed:
            self._demand.answered(wanted, leases, begun)

    def _look_for_withdrawn(self, begun: float) -> None:
        """Lose the leases of withdrawn broadcasts; what came of them so far is recorded yet."""
        if not self._held or begun < self._next_look:
            return
        self._next_look = begun + _LOOK
        with self._database.reading() as tx:
            broadcasts = {held.lease.broadcast_id for held in self._held.values()}
            stopped = withdrawing.stopped_among(tx, broadcasts)
        for held in self._held.values():
            held.lost |= held.lease.broadcast_id in stopped

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

    def _anything_due(self, wanted: Sequence[Want]) -> bool:
        """Asked in a reading transaction, so that an idle worker never takes the write lock."""
        if not wanted:
            return False
        with self._database.reading() as tx:
            return ledger.anything_due(tx, wanted)

    def _write(
        self, tx: Transaction, entries: Mapping[tuple[int, int], _Entry]
    ) -> set[tuple[int, int]]:
        told = [
            Told(self._held[key].lease, entry.outcomes, entry.released, entry.not_before)
            for key, entry in entries.items()
        ]
        return recording.record_all(tx, told, Again(self._rules, self._jitter()))

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
                self._demand.ended(self._held.pop(key), self._clock())
            metrics.CHUNKS_HELD.set(len(self._held))

    def _count(self, entries: Mapping[tuple[int, int], _Entry]) -> None:
        for key, entry in entries.items():
            channel = self._held[key].lease.channel
            kinds = Counter(metrics.kind(outcome) for _, outcome in entry.outcomes)
            for kind, count in kinds.items():
                metrics.OUTCOMES.labels(channel, kind).inc(count)

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
                held = Held(lease, begun + self._pace.usable, begun)
                self._held[held.key] = held
                if self._stopping:
                    self._release(held)
                else:
                    self._demand.granted[lease.channel].append(held)
            self._changed.notify_all()
