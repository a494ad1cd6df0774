"""How fast the Telegram stand-in lets a bot send.

core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about 30 messages a
second over all; in one chat not more than one a second, though short bursts may pass; in a
group not more than 20 a minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

PER_CHAT = 1.0
PER_GROUP = 20 / 60


@dataclass(slots=True)
class Bucket:
    """A bucket of tokens: `rate` flow in each second, `size` fit in."""

    rate: float
    size: float
    tokens: float
    at: float

    def wait(self, now: float, cost: int) -> float:
        """Seconds until `cost` messages may go; 0 is now.

        More than fit go when the bucket is full, and leave a debt: an album is sent whole.
        """
        self.tokens = min(self.size, self.tokens + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, (min(cost, self.size) - self.tokens) / self.rate)


class Limits:
    """All buckets of one bot."""

    def __init__(self, now: Callable[[], float], rate: float, chat_burst: int) -> None:
        self._now, self._rate, self._chat_burst = now, rate, chat_burst
        self.clear()

    def clear(self) -> None:
        """Fill all buckets."""
        self._all = Bucket(self._rate, self._rate, self._rate, self._now())
        self._chats: dict[int, Bucket] = {}

    def take(self, chat: int, cost: int) -> int:
        """Take leave to send; else the whole seconds to wait, which take nothing."""
        now = self._now()
        one = self._chats.get(chat) or self._chat(chat, now)
        wait = max(self._all.wait(now, cost), one.wait(now, cost))
        if wait > 0:
            return math.ceil(wait)
        self._all.tokens -= cost
        one.tokens -= cost
        return 0

    def _chat(self, chat: int, now: float) -> Bucket:
        size = 20 if chat < 0 else self._chat_burst
        rate = PER_GROUP if chat < 0 else PER_CHAT
        return self._chats.setdefault(chat, Bucket(rate, size, size, now))
