"""The whole path: from the moment a broadcast is due to its last outcome in the durable ledger.

An installation of its own with a worker of its own, exactly as `renrakumo run` starts it.  The
broadcast is approved some seconds before it is due, because approving is no part of the way; what
is measured are the times in the ledger itself.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from actions import boards
from commands.bench import letters
from commands.bench.children import child
from commands.bench.sinks import Sink, settled
from commands.demo.city import MAIL_ONLY, build_city
from commands.demo.fanout import approve_city_wide
from commands.demo.theatre import PUBLIC_URL, wait_for_worker
from commands.house import House
from commands.supervisor import SENDING, command_line
from delivery.progress import progress
from domain.deliveries import State
from settings import PREFIX, SettingsApart
from storage import accounts
from storage import broadcasts as stored
from storage.database import system_clock

# Between approval and due: more where approving counts a million families.
_LEAD = 3
_LEAD_OF_A_MILLION = 30
_LOOK_EVERY = 0.25


@dataclass(frozen=True, slots=True)
class Memory:
    """The worker's resident memory in bytes: before, half-way, at the end and at its highest."""

    start: int
    middle: int
    end: int
    peak: int


@dataclass(frozen=True, slots=True)
class Run:
    """One broadcast.  `first` are the seconds to the first outcome, mostly freezing.

    `ahead` are the seconds by which it was approved before it was due: below 0, approving is part
    of what was measured.  `lost` have no 250 of the sink, `doubled` are messages that it took
    beyond one for each.
    """

    recipients: int
    seconds: float
    first: float
    ahead: float
    memory: Memory
    lost: int
    doubled: int


@dataclass(frozen=True, slots=True)
class Installation:
    """One that sends to a sink, and the environment that its processes get."""

    house: House
    sink: Sink
    environment: dict[str, str]


@contextmanager
def installation(
    folder: Path, sink: Sink, connections: int, database_url: str = ""
) -> Iterator[Installation]:
    """An empty one, on SQLite in this folder unless a database is named."""
    folder.mkdir()
    values = {
        "VAR_DIR": str(folder),
        "DATABASE_URL": database_url or f"sqlite:///{folder / 'renrakumo.db'}",
        "PUBLIC_URL": PUBLIC_URL,
        "BOARD_CODE": "bench",
        "BOARD_NAME": "みどり市教育委員会",
        "MAIL_FROM": letters.SENDER,
        "MAIL_CONNECTIONS": str(connections),
        "SMTP_URL": f"smtp://127.0.0.1:{sink.port}",
        "LOG_FORMAT": "json",
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    own = {PREFIX + name: value for name, value in values.items()}
    lower = {name.lower(): value for name, value in values.items()}
    house = House(SettingsApart.model_validate(lower))
    house.prepare()
    try:
        yield Installation(house, sink, others | own)
    finally:
        house.close()


def send_to_all(
    where: Installation, recipients: int, times: int, after: Callable[[], None]
) -> list[Run]:
    """Register so many by mail, then send that often to all of them.

    `after` is called when all are registered, which is not measured.
    """
    house = where.house
    build_city(house.database, house.board_id, recipients, MAIL_ONLY)
    lead = max(_LEAD, _LEAD_OF_A_MILLION * recipients // 1_000_000)
    with house.database.writing() as tx:
        boards.change_settings(tx, house.board_id, undo_seconds=lead)
    after()
    with _worker(where) as process:
        return [_send(where, process, recipients) for _ in range(times)]


@contextmanager
def _worker(where: Installation) -> Iterator[subprocess.Popen[bytes]]:
    log = where.house.settings.var_dir / "worker.log"
    with (
        log.open("wb") as out,
        child(command_line(SENDING), env=where.environment, stdout=out, stderr=out) as process,
    ):
        wait_for_worker(log)
        yield process


def _send(where: Installation, worker: subprocess.Popen[bytes], recipients: int) -> Run:
    before = where.sink.count()
    with _Watch(worker.pid) as watch:
        broadcast_id = approve_city_wide(where.house, letters.BODY)
        approved = system_clock()
        _wait_until_finished(where.house, worker, broadcast_id, 60 + recipients / 4000)
    with where.house.database.reading() as tx:
        row = stored.broadcast(tx, broadcast_id)
        last = accounts.last_outcome(tx, broadcast_id)
        (begun,) = accounts.begun(tx, [broadcast_id])
        accepted = progress(tx, broadcast_id).counts[State.ACCEPTED]
    assert row.due_at is not None
    assert begun.first_at is not None
    assert last is not None
    settled(where.sink, before + accepted, 5)
    return Run(
        recipients,
        (last - row.due_at).total_seconds(),
        (begun.first_at - row.due_at).total_seconds(),
        (row.due_at - approved).total_seconds(),
        watch.memory(),
        lost=recipients - accepted,
        doubled=where.sink.count() - before - accepted,
    )


def _wait_until_finished(
    house: House, worker: subprocess.Popen[bytes], broadcast_id: int, seconds: float
) -> None:
    """Look seldom and at one row: looking takes time from those that are measured."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and worker.poll() is None:
        with house.database.reading() as tx:
            if stored.broadcast(tx, broadcast_id).finished_at is not None:
                return
        time.sleep(_LOOK_EVERY)
    log = house.settings.var_dir / "worker.log"
    raise TimeoutError(f"the broadcast is not finished\n{log.read_text()[-4000:]}")


@dataclass
class _Watch:
    """Reads a process's resident memory while a block runs."""

    pid: int
    seen: list[int] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> _Watch:
        self.seen.append(self._read("VmRSS"))
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def memory(self) -> Memory:
        middle = self.seen[len(self.seen) // 2]
        return Memory(self.seen[0], middle, self.seen[-1], self._read("VmHWM"))

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            self.seen.append(self._read("VmRSS"))

    def _read(self, name: str) -> int:
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return 0  # not Linux
        kilobytes = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
        return int(next(kilobytes, 0)) * 1024
