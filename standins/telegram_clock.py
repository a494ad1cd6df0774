"""The Telegram stand-in's own clock, which a test may stop and put forward."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Real time plus what was ordered: whoever waits for a time wakes when it is put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._stopped_at: float | None = None
        self._advanced = asyncio.Event()

    def now(self) -> float:
        """Seconds since 1970, by this clock."""
        return (self._stopped_at or time.time()) + self._ahead

    def stop(self) -> None:
        """Stand still, but for what it is put forward."""
        self._stopped_at = self._stopped_at or time.time()
        self._wake()

    def advance(self, seconds: float) -> None:
        """Put the clock forward; raises ValueError when asked to put it back."""
        if seconds < 0:
            raise ValueError("the clock only goes forward")
        self._ahead += seconds
        self._wake()

    def restore(self) -> None:
        """Show the real time again."""
        self._ahead, self._stopped_at = 0.0, None
        self._wake()

    async def sleep_until(self, when: float) -> None:
        """Return when this clock shows `when`."""
        while (left := when - self.now()) > 0:
            try:
                await asyncio.wait_for(self._advanced.wait(), None if self._stopped_at else left)
            except TimeoutError:
                continue

    def _wake(self) -> None:
        self._advanced.set()
        self._advanced = asyncio.Event()
