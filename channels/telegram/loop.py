"""One event loop on a thread of its own: our threads ask, asyncio answers.

python-telegram-bot speaks asyncio only, and its client belongs to the loop in which it was
first used: so there is one loop for as long as the channel lives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, TypeVar

Result = TypeVar("Result")
# How long closing waits for connections to say goodbye, in seconds.
_GOODBYE = 5


class LoopClosed(Exception):
    """The loop was closed: nothing can be asked any more."""


class LoopThread:
    """A loop that starts at the first question, so that a process that asks none has none."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._closed = False

    def submit(self, make: Callable[[], Coroutine[Any, Any, Result]]) -> Future[Result]:
        """Run a coroutine in the loop; raises LoopClosed."""
        with self._lock:
            if self._closed:
                raise LoopClosed
            loop = self._loop or self._start()
            return asyncio.run_coroutine_threadsafe(make(), loop)

    def close(self, last: Callable[[], Awaitable[object]]) -> None:
        """Cancel what is under way, await `last` in the loop, and end the thread."""
        with self._lock:
            closed, self._closed = self._closed, True
        if closed or self._loop is None or self._thread is None:
            return
        winding_up = asyncio.run_coroutine_threadsafe(_wind_up(last), self._loop)
        try:
            with suppress(TimeoutError):
                winding_up.result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _start(self) -> asyncio.AbstractEventLoop:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=self._name, daemon=True)
        self._thread.start()
        return self._loop


async def _wind_up(last: Callable[[], Awaitable[object]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.wait_for(last(), _GOODBYE)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    # Names are looked up on the loop's own threads.
    await loop.shutdown_default_executor()
