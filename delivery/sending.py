"""A sending thread: takes a chunk, renders it, hands it to its channel, gives it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Condition, Event

import structlog

from channels.base import Channel, Laned, SendChunk
from delivery import metrics
from delivery.demand import Held
from delivery.gate import Gate
from delivery.journal import Journal, JournalBroken
from delivery.recorder import Recorder
from delivery.render import Renderer
from domain.outcomes import Outcome, Refused, TryLater, Unknown

log = structlog.get_logger()

_AGAIN_SOON = timedelta(seconds=5)
_AGAIN_AT_MOST = timedelta(minutes=10)
_AGAIN_IN_LANE = timedelta(seconds=30)


class LeaseLost(Exception):
    """The lease ran out or was taken away, or what is in it may not be sent any more."""


class ChunkLog:
    """The log of one chunk: journal first, then the recorder (see channels.base.SendLog)."""

    def __init__(
        self,
        held: Held,
        journal: Journal,
        recorder: Recorder,
        stop: Event,
        clock: Callable[[], datetime],
    ) -> None:
        self._held = held
        self._clock = clock
        self._journal = journal
        self._recorder = recorder
        self._stop = stop
        self._asked: dict[int, None] = {}
        # Whether the outcomes themselves say when a keyed chunk is asked again.
        self.put_off = False
        # Once the chunk is given back nothing of it may leave any more.
        self.ended = False

    def intent(self, delivery_id: int) -> None:
        """Raises LeaseLost or JournalBroken; the channel must let them pass."""
        self.intents([delivery_id])

    def intents(self, delivery_ids: Sequence[int]) -> None:
        """The same for deliveries that leave together."""
        if self._is_over():
            raise LeaseLost
        self._journal.intents(*self._held.key, delivery_ids)
        self._asked.update(dict.fromkeys(delivery_ids))

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        self.put_off |= self._held.lease.keyed and isinstance(outcome, TryLater | Unknown)
        self.outcomes([(delivery_id, outcome)])

    def outcomes(self, told: Sequence[tuple[int, Outcome]]) -> None:
        """Several outcomes, written down together."""
        for delivery_id, _ in told:
            self._asked.pop(delivery_id, None)
        try:
            self._journal.outcomes(*self._held.key, told)
        finally:
            # Where the journal broke, the ledger alone keeps these from being sent twice.
            self._recorder.tell_all(self._held, told)

    def stopping(self) -> bool:
        return self._stop.is_set() or self._is_over()

    def _is_over(self) -> bool:
        """Whether nothing of this chunk may be sent any more: late news is no news."""
        too_late = self._clock() >= self._held.lease.deadline
        return too_late or self.ended or self._recorder.is_lost(self._held)

    def close(self) -> None:
        """What was asked and not answered is unknown, however the channel came to an end."""
        for delivery_id in list(self._asked):
            self.outcome(delivery_id, Unknown("no_answer"))


class Sending:
    """What the sending threads share; `failed` hears of what must end the worker."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        renderer: Renderer,
        journal: Journal,
        recorder: Recorder,
        clock: Callable[[], datetime],
        failed: Callable[[BaseException], None],
        gate: Gate,
    ) -> None:
        self._failed = failed
        self._gate = gate
        self._changed = Condition()
        self._started = 0
        self._channels = channels
        self._renderer = renderer
        self._journal = journal
        self._recorder = recorder
        self._clock = clock

    def run(self, channel: str, stop: Event) -> None:
        """Send a channel's chunks one after the other, or start them where it takes many at once.

        Raises JournalBroken, after which nothing may be sent.
        """
        laned = self._channels[channel]
        while (held := self._recorder.take(channel)) is not None:
            if not self._gate.allows(channel):
                self._recorder.give_back(held, self._clock() + self._gate.pause)
            elif isinstance(laned, Laned):
                self._start(laned, held, stop)
            else:
                self.send(held, stop)

    def drain(self, patience: float | None = None) -> None:
        """Wait until what was started has ended, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._started, patience)

    def send(self, held: Held, stop: Event) -> None:
        """Send one chunk and give it back, whatever its channel does."""
        chunk_log = ChunkLog(held, self._journal, self._recorder, stop, self._clock)
        try:
            self._hand_over(held, chunk_log)
        except JournalBroken:
            raise
        except Exception as error:
            self._note(held, error)
        self._give_back(held, chunk_log, stop)

    def _hand_over(self, held: Held, chunk_log: ChunkLog) -> None:
        chunk = self._rendered(held, chunk_log)
        if chunk.recipients:
            self._channels[held.lease.channel].send(chunk, chunk_log)

    def _rendered(self, held: Held, chunk_log: ChunkLog) -> SendChunk:
        rendered = self._renderer.render(held.lease)
        for delivery_id in rendered.unreadable:
            chunk_log.outcome(delivery_id, Refused("address_unreadable"))
        return rendered.chunk

    def _start(self, channel: Laned, held: Held, stop: Event) -> None:
        """Begin a chunk; what ends it gives it back, on whatever thread that happens."""
        chunk_log = ChunkLog(held, self._journal, self._recorder, stop, self._clock)
        ended = partial(self._ended, held, chunk_log, stop)
        with self._changed:
            self._started += 1
        try:
            chunk = self._rendered(held, chunk_log)
            if chunk.recipients:
                channel.start(chunk, chunk_log, ended)
            else:
                ended(None)
        except Exception as error:
            ended(error)

    def _ended(
        self, held: Held, chunk_log: ChunkLog, stop: Event, error: BaseException | None
    ) -> None:
        with self._changed:
            # A channel that broke while it took the chunk over may tell of its end all the same.
            if chunk_log.ended:
                return
            chunk_log.ended = True
        try:
            if isinstance(error, JournalBroken):
                raise error
            if error is not None:
                self._note(held, error)
            self._give_back(held, chunk_log, stop)
        except JournalBroken as broken:
            self._failed(broken)
        finally:
            with self._changed:
                self._started -= 1
                self._changed.notify_all()

    @staticmethod
    def _note(held: Held, error: BaseException) -> None:
        if isinstance(error, LeaseLost):
            log.warning("lease_lost_before_sending", chunk=held.lease.chunk_id)
            return
        metrics.CHUNK_FAILURES.labels(held.lease.channel).inc()
        log.error("channel_failed", chunk=held.lease.chunk_id, exc_info=error)

    def _give_back(self, held: Held, chunk_log: ChunkLog, stop: Event) -> None:
        chunk_log.close()
        at_once = stop.is_set() or chunk_log.put_off
        self._recorder.give_back(held, None if at_once else self._not_before(held))

    def _not_before(self, held: Held) -> datetime:
        """When what the channel left without outcome is tried again: ever later.

        The epoch counts how often the chunk was leased. A channel that paces its destinations
        leaves what would hold up others, and comes back to it soon.
        """
        laned = isinstance(self._channels[held.lease.channel], Laned)
        pause: timedelta = _AGAIN_SOON * 2 ** min(held.lease.epoch - 1, 10)
        return self._clock() + min(pause, _AGAIN_IN_LANE if laned else _AGAIN_AT_MOST)
