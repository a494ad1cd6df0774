"""How fast we send: the Bot API's limits, and what a 429 asked for.

"My bot is hitting limits" in https://core.telegram.org/bots/faq: about 30 messages a second
altogether, one a second to one chat, short bursts being possible.  The limits are not exact,
and a 429 says when to go on: then the whole bot waits.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

PER_SECOND = 30
# So many of those a fan-out leaves to replies, which people wait for.
RESERVED = 5
# So many messages of one conversation, or of one broadcast, may go to a chat at once; on average
# it is one a second.
BURST = 3
# A wait is cut into slices of this length, so that a worker that stops is not held up (seconds).
SLICE = 0.2
# What is waited at least, so that rounding never makes a wait of nothing.
_LEAST = 0.001
_CHATS_KEPT = 4096


def never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Want:
    """One request: to which chat, and as how many messages it counts (an album's photos, each).

    `bulk` is a fan-out, which replies overtake; `begun` goes on with what a chat has begun to
    get.
    """

    chat: str
    bulk: bool
    messages: int = 1
    begun: bool = False


class Pacing:
    """The pace of one bot in one process; any number of threads ask."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        self._monotonic = monotonic
        self._wait = wait
        self._lock = Lock()
        self._sent: deque[float] = deque()
        self._next_bulk = float("-inf")
        self._paused_until = float("-inf")
        self._chats: dict[str, float] = {}

    def admit(self, want: Want, *, patience: float, stopping: Callable[[], bool] = never) -> bool:
        """Wait until messages may go to a chat.

        False if `stopping` says so, or if the API wants to be left alone for more than
        `patience` seconds.
        """
        while not stopping():
            with self._lock:
                now = self._monotonic()
                if self._paused_until - now > patience:
                    return False
                delay = self._delay(now, want)
                if delay <= 0:
                    self._count(now, want)
                    return True
            self._wait(min(max(delay, _LEAST), SLICE))
        return False

    def pause(self, seconds: float) -> None:
        """The API wants to be left alone."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._monotonic() + seconds)

    def pause_left(self) -> float:
        """How many seconds of a pause are left."""
        with self._lock:
            return max(0.0, self._paused_until - self._monotonic())

    def _delay(self, now: float, want: Want) -> float:
        """How long to wait, as far as can be said now."""
        burst = 1 if want.bulk and not want.begun else BURST
        # An album goes whole, and is paid for afterwards.
        of_chat = self._chats.get(want.chat, now) - now - burst + min(want.messages, burst)
        spacing = self._next_bulk - now if want.bulk else 0.0
        return max(self._paused_until - now, self._window(now, want), spacing, of_chat)

    def _window(self, now: float, want: Want) -> float:
        """How long until the last second has room."""
        while self._sent and self._sent[0] + 1 <= now:
            self._sent.popleft()
        room = PER_SECOND - (RESERVED if want.bulk else 0)
        over = len(self._sent) + want.messages - room
        return self._sent[over - 1] + 1 - now if over > 0 else 0.0

    def _count(self, now: float, want: Want) -> None:
        self._sent.extend([now] * want.messages)
        # When the chat's next message is due at one a second; those in the past mean nothing.
        self._chats[want.chat] = max(self._chats.get(want.chat, now), now) + want.messages
        if len(self._chats) > _CHATS_KEPT:
            self._chats = {name: due for name, due in self._chats.items() if due > now}
        if want.bulk:
            # Evenly, so that a slow network cannot press two seconds' messages into one.
            self._next_bulk = now + want.messages / (PER_SECOND - RESERVED)
