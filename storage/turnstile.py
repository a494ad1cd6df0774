"""One writer at a time on SQLite, in the order of asking.

SQLite's own way of waiting for the write lock is to sleep and try again, up to 100 ms a time.
While one process writes without a pause, another may so wait for seconds: the webhook that LINE
gives two seconds to answer, behind a worker that records a fan-out.  A blocking `flock` beside
the database is given on by the kernel at once.

One lock alone is not enough: who gives it back and wants it again has it before the kernel has
woken anybody else.  So there are two, as before a counter: whoever is next stands in the doorway
(`.next`) until the counter (`.lock`) is free, and everybody else, the one just served too, waits
outside (docs/decisions/0011).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, get_ident


class Turnstile:
    """Lets one transaction of this machine through at a time; safe between threads."""

    def __init__(self, path: str) -> None:
        self._paths = (f"{path}.next", f"{path}.lock")
        self._lock = Lock()
        self._inside: int | None = None
        self._files: list[int] = []

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait for the turn and hold it; a process that dies gives it on.

        Raises RuntimeError in a thread that is inside already: it would wait for itself.
        """
        if self._inside == get_ident():
            raise RuntimeError("a writing transaction within a writing transaction")
        with self._lock:
            doorway, counter = self._opened()
            with _locked(doorway):
                fcntl.flock(counter, fcntl.LOCK_EX)
            self._inside = get_ident()
            try:
                yield
            finally:
                self._inside = None
                fcntl.flock(counter, fcntl.LOCK_UN)

    def close(self) -> None:
        with self._lock:
            while self._files:
                os.close(self._files.pop())

    def _opened(self) -> list[int]:
        # Not before it is needed: a process that forks would share the locks with its child.
        for path in self._paths[len(self._files) :]:
            self._files.append(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        return self._files


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
