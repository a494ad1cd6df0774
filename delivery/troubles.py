"""The watch: looks for signs of trouble every half minute, in every worker.

It looks at the database and at the disks that this machine's data lie on. What it finds becomes
a trouble by `actions.troubles`, which is safe however many workers watch at once.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Event

import structlog

from actions import troubles as actions
from domain.troubles import DISK_ENOUGH, DISK_LEAST, Kind, Sign
from storage import troubles
from storage.database import Database

log = structlog.get_logger()

_EVERY = 30.0
# As much as a journal takes in a few milliseconds of sending.
_PROBE = bytes(64 * 1024)
_SUBJECT = 100

FreeSpace = Callable[[Path], int]


def free_space(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Watch:
    """A thread of a worker, or the whole of one, that watches until told to stop."""

    def __init__(
        self, database: Database, folders: Iterable[Path], free: FreeSpace = free_space
    ) -> None:
        self._database = database
        self._folders = tuple(folders)
        self._free = free

    def run(self, stop: Event) -> None:
        """Look, wait, look again. Not at once: what a crash left is being settled then."""
        while not stop.wait(_EVERY):
            try:
                self.look()
            except Exception:
                # A database that is away cannot hold a trouble; the log is all there is.
                log.exception("watch_failed")

    def look(self) -> None:
        """One look; each board's troubles are a transaction of their own."""
        signs = signs_of(self._database, self._folders, self._free)
        with self._database.reading() as tx:
            boards = actions.needs_watching(tx, signs)
        for sign in signs:
            log.warning("trouble_seen", kind=sign.kind.value, subject=sign.subject)
        for board_id in boards:
            with self._database.writing() as tx:
                actions.watch(tx, board_id, signs)


def signs_of(
    database: Database, folders: Iterable[Path], free: FreeSpace = free_space
) -> list[Sign]:
    """Everything wrong at this moment, as far as it can be seen from this machine."""
    with database.reading() as tx:
        found = troubles.signs(tx)
        boards = troubles.boards(tx)
    disks = list(_disks(database, folders, free))
    return found + [
        Sign(board, kind, where, {"megabytes": megabytes}, faint)
        for board in boards
        for kind, where, megabytes, faint in disks
    ]


def _disks(
    database: Database, folders: Iterable[Path], free: FreeSpace
) -> Iterator[tuple[Kind, str, int, bool]]:
    seen: set[int] = set()
    for folder in filter(Path.is_dir, (*folders, *_folder_of(database))):
        disk = folder.stat().st_dev
        left = free(folder)
        where = f"{socket.gethostname()}: {folder.absolute()}"[:_SUBJECT]
        if left < DISK_ENOUGH and disk not in seen:
            yield Kind.DISK_FULL, where, left // 1_000_000, left >= DISK_LEAST
        if not can_be_written(folder):
            yield Kind.DISK_UNWRITABLE, where, left // 1_000_000, False
        seen.add(disk)


def _folder_of(database: Database) -> tuple[Path, ...]:
    """Where SQLite's file lies; a database elsewhere has a disk of its own."""
    path = database.engine.url.database
    return (Path(path).parent,) if database.is_sqlite and path else ()


def can_be_written(folder: Path) -> bool:
    """Whether a file can be written there, as a journal must be."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            return probe.write(_PROBE) == len(_PROBE)
    except OSError:
        return False
