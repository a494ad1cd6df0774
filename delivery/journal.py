"""A worker's journal: what it was about to do and what came of it, on this machine's disk.

A line is appended for what leaves together and for what comes of it, each in one write, which
survives the end of the process at any moment; the disk is made to hold them every 50 ms, which is
what a power failure can cost.  The file is locked as long as its worker lives: whoever gets
the lock knows that the worker is gone, and settles what it left behind.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from domain.deliveries import without_addresses
from domain.outcomes import Accepted, Outcome, Placed, Refused, Split, TryLater, Unknown
from storage.closing import Remains
from storage.vault import write_secret

SUFFIX = ".journal"
_FLAGS = os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
# The largest number of a row: 63 bits, in both databases.
_LARGEST = 2**63 - 1

Key = tuple[int, int]
"""A lease: the chunk and its epoch."""


class JournalBroken(Exception):
    """The journal cannot be written, so nothing may be sent."""


class Journal:
    """A journal that this process writes; safe to use from several threads."""

    def __init__(self, directory: Path, worker: str) -> None:
        self.path = directory / f"{worker}{SUFFIX}"
        self._lock = Lock()
        self._fd = _locked_file(self.path)
        self._size = 0
        self._dirty = False
        self._broken = ""

    @property
    def size(self) -> int:
        return self._size

    def intents(self, chunk_id: int, epoch: int, delivery_ids: Sequence[int]) -> None:
        """Write down that deliveries are about to leave, in one line; raises JournalBroken."""
        numbers = " ".join(map(str, delivery_ids)).encode()
        self._append(b"i %d %d %b\n" % (chunk_id, epoch, numbers))

    def outcomes(self, chunk_id: int, epoch: int, told: Sequence[tuple[int, Outcome]]) -> None:
        """Write down what became of deliveries, in one write: all that were accepted in a line.

        Raises JournalBroken.
        """
        accepted: list[str] = []
        lines: list[bytes] = []
        for delivery_id, outcome in told:
            if type(outcome) is Accepted and _is_word(outcome.reference):
                accepted.append(f"{delivery_id}:{outcome.reference}")
            else:
                said = json.dumps(_to_json(outcome), separators=(",", ":")).encode()
                lines.append(b"o %d %d %d %b\n" % (chunk_id, epoch, delivery_id, said))
        if accepted:
            lines.append(b"a %d %d %b\n" % (chunk_id, epoch, " ".join(accepted).encode()))
        self._append(b"".join(lines))

    def _append(self, line: bytes) -> None:
        with self._lock:
            # A line after a torn one would be glued to it, and lost with it.
            if self._broken:
                raise JournalBroken(self._broken)
            with self._breaking():
                _write_all(self._fd, line)
            self._size += len(line)
            self._dirty = True

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        """What the disk failed to do once breaks the journal for good."""
        try:
            yield
        except OSError as error:
            self._broken = str(error)
            raise JournalBroken(self._broken) from error

    def sync(self) -> None:
        """Have the disk hold what was written so far; raises JournalBroken."""
        if not self._dirty:
            return
        self._dirty = False
        # Outside the lock: senders go on writing meanwhile.
        with self._breaking():
            os.fdatasync(self._fd)

    def compact(self, held: Callable[[], Collection[Key]]) -> None:
        """Keep only the lines of leases still held; all others are in the ledger.

        Which are held is asked while nobody can write: no lease is missed that begins
        meanwhile.  The new file is complete and locked before it takes the old one's place,
        so that at every moment the journal lies under its name.
        """
        with self._lock:
            keys = held()
            lines = [line for line in _lines(self.path) if _key(line) in keys]
            fd = _locked_file(self.path, b"".join(lines))
            os.close(self._fd)
            self._fd, self._size = fd, sum(map(len, lines))

    def close(self) -> None:
        """Remove the file of a worker whose every outcome is in the ledger."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)


def _locked_file(path: Path, content: bytes = b"") -> int:
    """Put a locked file in place: nobody ever sees it under its name without its lock."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(draft, _FLAGS | os.O_EXCL, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        if content:
            _write_all(fd, content)
            os.fsync(fd)
        draft.rename(path)
    except OSError:
        draft.unlink()
        os.close(fd)
        raise
    return fd


def _write_all(fd: int, content: bytes) -> None:
    """In one write; a disk that is nearly full takes a part without complaint."""
    if os.write(fd, content) != len(content):
        raise OSError(errno.ENOSPC, "the disk took only a part")


def host_id(directory: Path) -> str:
    """The name of whoever shares this folder of journals: made once, kept in it.

    Not the machine's name, which two containers may share, and one may change.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "host"
    if not path.exists():
        write_secret(path, secrets.token_hex(8))
    return path.read_text().strip()


# Reading what somebody else left.


@dataclass
class _Chunk:
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)
    # A dictionary, because it keeps the order and forgets an intent at once.
    intents: dict[int, None] = field(default_factory=dict)


def read(path: Path) -> dict[Key, Remains]:
    """What a journal says of each lease; a line that is torn or garbled says nothing.

    However it is garbled: numbers too large, or brackets a hundred thousand deep, are no reason to
    leave unread what all other lines say.
    """
    chunks: dict[Key, _Chunk] = {}
    for line in _lines(path):
        with suppress(Exception):
            _read_line(line, chunks)
    return {
        key: Remains(tuple(chunk.outcomes), tuple(chunk.intents)) for key, chunk in chunks.items()
    }


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def _key(line: bytes) -> Key | None:
    try:
        _, chunk_id, epoch, _ = line.split(b" ", 3)
        return int(chunk_id), int(epoch)
    except ValueError:
        return None


def _number(text: bytes | str) -> int:
    """A number that the database can hold; raises ValueError."""
    number = int(text)
    if not 0 <= number <= _LARGEST:
        raise ValueError(number)
    return number


def _read_line(line: bytes, chunks: dict[Key, _Chunk]) -> None:
    mark, first, second, rest = line.split(b" ", 3)
    key = _number(first), _number(second)
    if mark == b"i":
        intents = dict.fromkeys(map(_number, rest.split()))
        chunks.setdefault(key, _Chunk()).intents.update(intents)
        return
    outcomes = _accepted(rest) if mark == b"a" else [_outcome(rest)]
    chunk = chunks.setdefault(key, _Chunk())
    chunk.outcomes += outcomes
    for delivery_id, _ in outcomes:
        chunk.intents.pop(delivery_id, None)


def _accepted(rest: bytes) -> list[tuple[int, Outcome]]:
    pairs = (word.partition(":") for word in rest.decode().split())
    return [(_number(number), Accepted(reference)) for number, _, reference in pairs]


def _outcome(rest: bytes) -> tuple[int, Outcome]:
    number, _, said = rest.partition(b" ")
    return _number(number), _from_json(json.loads(said))


def _is_word(reference: str) -> bool:
    """Whether it can stand in a line with others: nothing in it ends a word or a line."""
    return not reference or (reference.isascii() and reference.isalnum())


@contextmanager
def inherited(path: Path) -> Iterator[bool]:
    """Hold the lock of a journal while settling it; False if its owner lives.

    A journal that is gone counts as inherited too.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True
        return
    try:
        yield _lock_is_free(fd, path)
    finally:
        os.close(fd)


def _lock_is_free(fd: int, path: Path) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The owner may have put another file in its place since we opened this one.
        return os.path.samestat(os.fstat(fd), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


_KINDS = {"a": Accepted, "p": Placed, "l": TryLater, "r": Refused, "u": Unknown}


def _to_json(outcome: Outcome) -> list[Any]:
    match outcome:
        case Accepted(reference):
            return ["a", without_addresses(reference)]
        case Placed():
            return ["p"]
        case TryLater(reason, after):
            return ["l", reason, after.total_seconds() if after else None]
        case Refused(reason):
            # What else the provider said may name the recipient.
            return ["r", reason]
        case Unknown(reason):
            return ["u", reason]
        case Split(part):
            return ["s", part]


def _from_json(value: list[Any]) -> Outcome:
    kind, *said = value
    if kind == "l":
        reason, after = said
        return TryLater(str(reason), timedelta(seconds=after) if after is not None else None)
    if kind == "s":
        (part,) = said
        return Split(int(part))
    outcome: Outcome = _KINDS[kind](*map(str, said))
    return outcome
