"""What bad luck is made of: workers whose time runs faster, and a database that can be cut off.

As a program this is a nursery (tests.journeys.nursery) of workers for which a lease, a wait and
a pause last some tenth of what they last for others, so that a test can outlast them.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from storage.database import Database
from tests.delivery import city
from tests.journeys import nursery
from tests.journeys.killing import Site
from tests.journeys.nursery import ROOT, Nursery

LEASE, MARGIN = 2.5, 0.5
"""Seconds that a lease lasts, and how much earlier its holder stops using it."""
ANSWER = 1.0
"""Seconds that an answer after the final dot is waited for."""
_PAUSES = (0.3, 0.6)


def hurry() -> None:
    """Have everything in this process that waits wait less long."""
    from channels.email import channel
    from channels.email.session import Timeouts
    from delivery import recorder, sending
    from delivery.worker import Worker
    from domain import deliveries, pacing

    quick = Timeouts(connect=2, command=1, answer=ANSWER, quit=0.2, greeting=2)
    make_engine: Callable[..., Any] = channel._engine
    changes: list[tuple[Any, str, Any]] = [
        (channel, "_engine", lambda ways, _, **more: make_engine(ways, quick, **more)),
        (pacing, "PAUSE", 0.05),
        (recorder, "_EXTEND", 0.3),
        (sending, "_AGAIN_SOON", timedelta(seconds=0.1)),
        (sending, "_AGAIN_IN_LANE", timedelta(seconds=0.3)),
        (deliveries, "_PAUSES", _PAUSES),
    ]
    for where, name, value in changes:
        setattr(where, name, value)
    deliveries.try_again_at.__defaults__ = (None, _PAUSES)
    lease = recorder.Pace(timedelta(seconds=LEASE), timedelta(seconds=MARGIN))
    defaults = Worker.__init__.__kwdefaults__
    assert defaults is not None
    defaults["pace"] = lease


@contextmanager
def hasty_nursery() -> Iterator[Nursery]:
    command = [sys.executable, "-m", "tests.journeys.bad_luck"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


def beside(site: Site, folder: Path, relay: str) -> Site:
    """Another machine with the same database, and a relay of its own."""
    folder.mkdir()
    for path in site.folder.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    other = Site(folder, site.database_url, site.standin, site.nursery, secret=site.secret)
    other.environment["RENRAKUMO_SMTP_URL"] = relay
    return other


def fill_disk(site: Site) -> None:
    """From now on no file of the worker can grow beyond what its journal holds already."""
    assert site.process is not None
    largest = max(path.stat().st_size for path in (site.folder / "journal").glob("*.journal"))
    resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, (largest, largest))


def wait_for(condition: Callable[[], bool], site: Site, patience: float = 20) -> None:
    until = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < until, site.log()[-3000:]
        time.sleep(0.01)


def wait_for_messages(site: Site, count: int) -> None:
    """Until the stand-in has so many, from a worker that lives."""

    def has_come() -> bool:
        assert site.is_running(), site.log()[-3000:]
        return bool(site.standin.stats()["messages"] >= count)

    wait_for(has_come, site)


def is_sent(database: Database, broadcast_id: int) -> bool:
    return city.broadcast(database, broadcast_id).state == "sent"


@dataclass
class Proxy:
    """Stands before a PostgreSQL server; what is `cut` is refused until it is not any more."""

    url: str
    is_cut: bool = False
    _open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def through(self) -> str:
        """The URL of the same database by way of this proxy."""
        url = make_url(self.url)
        port = self._listening.getsockname()[1]
        past = URL.create(
            url.drivername, url.username, url.password, "127.0.0.1", port, url.database
        )
        return past.render_as_string(hide_password=False)

    def cut(self, seconds: float) -> None:
        """Break every connection, and take none for a while."""
        self.is_cut = True
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()
        time.sleep(seconds)
        self.is_cut = False

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = self._connect()
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pour, args=pair, daemon=True).start()

    def _connect(self) -> socket.socket:
        url = make_url(self.url)
        host = str(url.query.get("host") or url.host or "/var/run/postgresql")
        port = int(str(url.query.get("port") or url.port or 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{host}/.s.PGSQL.{port}")
        return far


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        source.close()


if __name__ == "__main__":
    for _name in nursery._WANTED:
        import_module(_name)
    hurry()
    _words = nursery._forks()
    assert os.getpid()
    import_module("app").main(_words, prog_name="renrakumo")
