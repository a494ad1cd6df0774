"""Fetching updates by long polling, where no webhook can reach us (Telegram).

An update is confirmed, which erases it at the provider, only by asking for the next ones after
it was stored.  One that comes twice is known by the inbox, by its event ID.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Protocol

import structlog

from channels.base import Incoming
from domain.outcomes import Accepted, Outcome, TryLater

log = structlog.get_logger()

# How long one question may stay open (getUpdates, `timeout`), in seconds.
POLL_SECONDS = 50
_AGAIN_SOON = 1.0
_AGAIN_AT_MOST = 60.0


class Polled(Protocol):
    """What is asked of a channel whose updates are fetched."""

    def poll(
        self, offset: int | None, seconds: int, stopping: Callable[[], bool]
    ) -> Sequence[object] | Outcome:
        """The updates that wait, each with its `update_id`; confirms those before `offset`."""

    def read(self, update: object) -> Incoming:
        """One of these updates, in words that no provider owns."""

    def answer_callback(self, answer_token: str) -> Outcome:
        """Tell the provider that a pressed button has been heard."""


class Poller:
    """Fetches one channel's updates.  `store` keeps an event and commits; it may raise.

    `wait` is how it waits after a failure: given the event that stops it, and seconds.
    """

    def __init__(
        self,
        channel: Polled,
        store: Callable[[Incoming], object],
        *,
        wait: Callable[[Event, float], object] = Event.wait,
    ) -> None:
        self._channel = channel
        self._store = store
        self._wait = wait
        self._offset: int | None = None
        self._failures = 0

    def run(self, stop: Event) -> None:
        """Poll until `stop` is set, which ends it within a second."""
        log.info("polling_starts")
        while not stop.is_set():
            pause = self._turn(stop)
            if pause and not stop.is_set():
                self._wait(stop, pause)

    def _turn(self, stop: Event) -> float:
        """One question and what came; returns the seconds to wait before the next."""
        found = self._channel.poll(self._offset, POLL_SECONDS, stop.is_set)
        if not isinstance(found, Sequence):
            _tell(found)
            return self._failed(found)
        pressed: list[str] = []
        whole = all(self._keep(update, pressed) for update in found)
        # Only now: a provider that answers slowly must not keep the rest from being stored.
        for answer_token in pressed:
            self._answer(answer_token)
        if not whole:
            return self._failed(None)
        self._failures = 0
        return 0

    def _keep(self, update: object, pressed: list[str]) -> bool:
        """Store one update, then let it be confirmed; False if either cannot be done.

        What is pressed in it is added to `pressed`.
        """
        try:
            incoming = self._channel.read(update)
            if incoming.kind != "unserved":
                self._store(incoming)
        except Exception:
            log.exception("update_not_stored")
            return False
        if incoming.answer_token:
            pressed.append(incoming.answer_token)
        number = update.get("update_id") if isinstance(update, Mapping) else None
        if not isinstance(number, int):
            return False
        # The API's own arithmetic, and all that is ever done with the number.
        self._offset = number + 1
        return True

    def _answer(self, answer_token: str) -> None:
        """A press that is too old to be answered (Refused) has been heard all the same."""
        outcome = self._channel.answer_callback(answer_token)
        if not isinstance(outcome, Accepted):
            log.info("callback_not_answered", outcome=type(outcome).__name__)

    def _failed(self, outcome: Outcome | None) -> float:
        """How long to wait: ever longer, and never less than the provider asked."""
        pause = min(_AGAIN_SOON * float(2 ** min(self._failures, 10)), _AGAIN_AT_MOST)
        self._failures += 1
        asked = outcome.after if isinstance(outcome, TryLater) else None
        return max(pause, asked.total_seconds() if asked else 0.0)


def _tell(outcome: Outcome) -> None:
    reason = getattr(outcome, "reason", "")
    if reason == "conflict":
        log.error("polling_conflict", cause="a webhook is set, or another process polls")
    else:
        log.warning("polling_failed", reason=reason)
