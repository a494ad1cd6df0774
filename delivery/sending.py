"""A sending thread: takes a chunk, renders it, hands it to its channel, gives it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Event

import structlog

from channels.base import Channel
from delivery import metrics
from delivery.journal import Journal, JournalBroken
from delivery.recorder import Held, Recorder
from delivery.render import Renderer
from domain.outcomes import Outcome, Refused, TryLater, Unknown

log = structlog.get_logger()

_AGAIN_SOON = timedelta(seconds=5)
_AGAIN_AT_MOST = timedelta(minutes=10)


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

    def intent(self, delivery_id: int) -> None:
        """Raises LeaseLost or JournalBroken; the channel must let them pass."""
        if self._is_over():
            raise LeaseLost
        self._journal.intent(*self._held.key, delivery_id)
        self._asked[delivery_id] = None

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        self._asked.pop(delivery_id, None)
        self.put_off |= self._held.lease.keyed and isinstance(outcome, TryLater | Unknown)
        try:
            self._journal.outcome(*self._held.key, delivery_id, outcome)
        finally:
            # Where the journal broke, the ledger alone keeps this message from being sent twice.
            self._recorder.tell(self._held, delivery_id, outcome)

    def stopping(self) -> bool:
        return self._stop.is_set() or self._is_over()

    def _is_over(self) -> bool:
        """Whether nothing of this chunk may be sent any more: late news is no news."""
        too_late = self._clock() >= self._held.lease.deadline
        return too_late or self._recorder.is_lost(self._held)

    def close(self) -> None:
        """What was asked and not answered is unknown, however the channel came to an end."""
        for delivery_id in list(self._asked):
            self.outcome(delivery_id, Unknown("no_answer"))


class Sending:
    """What the sending threads share."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        renderer: Renderer,
        journal: Journal,
        recorder: Recorder,
        clock: Callable[[], datetime],
    ) -> None:
        self._channels = channels
        self._renderer = renderer
        self._journal = journal
        self._recorder = recorder
        self._clock = clock

    def run(self, channel: str, stop: Event) -> None:
        """Send a channel's chunks one after the other.

        Raises JournalBroken, after which nothing may be sent.
        """
        while (held := self._recorder.take(channel)) is not None:
            self.send(held, stop)

    def send(self, held: Held, stop: Event) -> None:
        """Send one chunk and give it back, whatever its channel does."""
        chunk_log = ChunkLog(held, self._journal, self._recorder, stop, self._clock)
        try:
            self._hand_over(held, chunk_log)
        except LeaseLost:
            log.warning("lease_lost_before_sending", chunk=held.lease.chunk_id)
        except JournalBroken:
            raise
        except Exception:
            metrics.CHUNK_FAILURES.labels(held.lease.channel).inc()
            log.exception("channel_failed", chunk=held.lease.chunk_id)
        chunk_log.close()
        at_once = stop.is_set() or chunk_log.put_off
        self._recorder.give_back(held, None if at_once else self._not_before(held))

    def _hand_over(self, held: Held, chunk_log: ChunkLog) -> None:
        rendered = self._renderer.render(held.lease)
        for delivery_id in rendered.unreadable:
            chunk_log.outcome(delivery_id, Refused("address_unreadable"))
        if rendered.chunk.recipients:
            self._channels[held.lease.channel].send(rendered.chunk, chunk_log)

    def _not_before(self, held: Held) -> datetime:
        """When what the channel left without outcome is tried again: ever later.

        The epoch counts how often the chunk was leased.
        """
        pause: timedelta = _AGAIN_SOON * 2 ** min(held.lease.epoch - 1, 10)
        return self._clock() + min(pause, _AGAIN_AT_MOST)
