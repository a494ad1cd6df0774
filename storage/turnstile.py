"""One writer at a time on SQLite, in the order of asking.

SQLite's own way of waiting for the write lock is to sleep and try again, up to 100 ms a time.
While one process writes without a pause, another may so wait for seconds: the webhook that LINE
gives two seconds to answer, behind a worker that records a fan-out.  A blocking `flock` beside
the database is given on by the kernel at once and in turn (docs/decisions/0011).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Turnstile:
    """Lets one transaction of this machine through at a time; safe between threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._fd: int | None = None

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait for the turn and hold it; a process that dies gives it on."""
        with self._lock:
            fd = self._opened()
            fcntl.flock(fd, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None

    def _opened(self) -> int:
        # Not before it is needed: a process that forks would share the lock with its child.
        if self._fd is None:
            self._fd = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        return self._fd
