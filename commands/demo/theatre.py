"""The processes behind the demo and the bench: the SMTP stand-in, the web server, workers.

Stand-ins are reached by configuration only, exactly as a real relay would be.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from commands.demo.mailbox import Mailbox
from commands.house import House
from commands.supervisor import Child, Supervisor, command_line
from settings import PREFIX, SettingsApart

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Theatre:
    """An installation of its own in `folder`, whose mail goes to the stand-in."""

    house: House
    mailbox: Mailbox
    environment: Mapping[str, str]


@contextmanager
def theatre(folder: Path, listen: str, database_url: str | None = None) -> Iterator[Theatre]:
    """Start the stand-in and prepare an empty installation that sends to it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _stand_in() as ports:
        values = {
            "VAR_DIR": str(folder),
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'renrakumo.db'}",
            "PUBLIC_URL": f"http://{listen}",
            "LISTEN": listen,
            "BOARD_CODE": "demo",
            "BOARD_NAME": "みどり市教育委員会",
            "SMTP_URL": f"smtp://127.0.0.1:{ports['smtp']}",
            "MAIL_FROM": "renraku@midori.example",
            "DEMO_FILE": str(folder / "stage.json"),
            "LOG_FORMAT": "json",
        }
        environment = _without_ours() | {PREFIX + name: value for name, value in values.items()}
        house = House(
            SettingsApart.model_validate({name.lower(): value for name, value in values.items()})
        )
        house.prepare()
        try:
            yield Theatre(house, Mailbox(ports["control"]), environment)
        finally:
            house.database.close()


def _without_ours() -> dict[str, str]:
    """The environment without this installation's own settings: the demo never touches it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@contextmanager
def _stand_in() -> Iterator[dict[str, int]]:
    command = [sys.executable, "-m", "standins.smtp", "--port", "0", "--control-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running(verbs: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run children of ours, started again when they die, until the block ends."""
    children = [_Logged(verb, command_line(verb), environment, log=log) for verb in verbs]
    supervisor = Supervisor(children)
    watcher = threading.Thread(target=_watch, args=(supervisor,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        supervisor.stopping.set()
        watcher.join()
        supervisor.stop()


def _watch(supervisor: Supervisor) -> None:
    while not supervisor.stopping.wait(0.1):
        supervisor.watch_once()


@dataclass
class _Logged(Child):
    """A child whose log goes to a file, so that the story stays readable.

    In a session of its own: a Ctrl-C at the terminal reaches the demo, which stops it orderly.
    """

    log: Path = Path(os.devnull)

    def start(self, now: float) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )
        self.started = now


def wait_until_ready(url: str) -> None:
    """Wait until the web server answers; raises TimeoutError."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 (http on loopback)
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {url}")


def wait_for_worker(log: Path) -> None:
    """Wait until a worker said in its log that it works; raises TimeoutError."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if log.exists() and b"worker_started" in log.read_bytes():
            return
        time.sleep(0.05)
    raise TimeoutError("the worker did not start")


def free_address(wanted: str) -> str:
    """The wanted address, or another port where that one is taken."""
    host, _, port = wanted.rpartition(":")
    for number in (int(port), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError:
                continue
            return f"{host}:{probe.getsockname()[1]}"
    raise OSError(f"no free port on {host}")
