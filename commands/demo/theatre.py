"""The processes behind the demo and the bench: stand-ins, the web server, workers.

Stand-ins are reached by configuration only, exactly as the real providers would be.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from commands.demo.mailbox import Mailbox
from commands.demo.outside import Outside
from commands.house import House
from commands.supervisor import Child, Supervisor, Words, command_line
from commands.telegram import sync as sync_telegram
from domain.outcomes import Accepted
from settings import PREFIX, SettingsApart
from storage import accounts

PATIENCE = 30.0


PUBLIC_URL = "https://renraku.midori.example"


@dataclass(frozen=True, slots=True)
class Theatre:
    """An installation of its own in `folder`, whose messages go to the stand-ins.

    Its public address is an https name, as LINE and Telegram ask for; the stand-ins know that it
    means `local_url`.
    """

    house: House
    local_url: str
    mailbox: Mailbox
    line: Outside
    telegram: Outside
    environment: Mapping[str, str]


@contextmanager
def theatre(folder: Path, listen: str, demo: bool = False) -> Iterator[Theatre]:
    """Start the stand-ins and prepare an empty installation that sends to them.

    With `demo` its web server has /demo, once the stage is written down.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    local_url = f"http://{listen}"
    keys = _Keys()
    with ExitStack() as stack:
        # All are started before the first is waited for.
        begun = [
            stack.enter_context(stand_in("smtp")),
            stack.enter_context(stand_in("line", *keys.for_line(local_url))),
            stack.enter_context(stand_in("telegram", *keys.for_telegram(local_url))),
        ]
        mail, line, telegram = map(ports, begun)
        outside = (
            Outside("line", line["line"], line["control"]),
            Outside("telegram", telegram["telegram"], telegram["control"]),
        )
        values = {
            **own_values(folder, listen),
            **({"DEMO_FILE": str(folder / "stage.json")} if demo else {}),
            "SMTP_URL": f"smtp://127.0.0.1:{mail['smtp']}",
            **keys.values(*outside),
        }
        environment = without_ours() | {PREFIX + name: value for name, value in values.items()}
        house = House(
            SettingsApart.model_validate({name.lower(): value for name, value in values.items()})
        )
        house.prepare()
        stack.callback(house.close)
        yield Theatre(house, local_url, Mailbox(mail["control"]), *outside, environment)


def own_values(folder: Path, listen: str) -> dict[str, str]:
    """The settings of an installation in a folder, without its channels."""
    return {
        "VAR_DIR": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'renrakumo.db'}",
        "PUBLIC_URL": PUBLIC_URL,
        "LISTEN": listen,
        "BOARD_CODE": "demo",
        "BOARD_NAME": "みどり市教育委員会",
        "MAIL_FROM": "renraku@midori.example",
        "LOG_FORMAT": "json",
    }


@dataclass(frozen=True, slots=True)
class _Keys:
    """What the made-up accounts at LINE and Telegram are proved by, new for each theatre."""

    line_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    line_token: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    bot_token: str = field(default_factory=lambda: f"700000001:{secrets.token_urlsafe(26)}")
    webhook_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def for_line(self, local_url: str) -> tuple[str, ...]:
        return (
            f"--webhook={PUBLIC_URL}/webhooks/line",
            f"--channel-secret={self.line_secret}",
            f"--access-token={self.line_token}",
            f"--map={PUBLIC_URL}={local_url}",
        )

    def for_telegram(self, local_url: str) -> tuple[str, ...]:
        return (f"--token={self.bot_token}", f"--map={PUBLIC_URL}={local_url}")

    def values(self, line: Outside, telegram: Outside) -> dict[str, str]:
        return {
            "LINE_CHANNEL_SECRET": self.line_secret,
            "LINE_CHANNEL_ACCESS_TOKEN": self.line_token,
            "LINE_API_URL": line.api_url,
            "TELEGRAM_BOT_TOKEN": self.bot_token,
            "TELEGRAM_WEBHOOK_SECRET": self.webhook_secret,
            "TELEGRAM_API_URL": telegram.api_url,
        }


def without_ours() -> dict[str, str]:
    """The environment without this installation's own settings: the demo never touches it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@contextmanager
def stand_in(name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of the stand-ins as a process, on free ports, until the block ends."""
    command = [sys.executable, "-m", f"standins.{name}", "--port=0", "--control-port=0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def ports(process: subprocess.Popen[bytes]) -> dict[str, int]:
    """Where a stand-in listens, which it says first of all."""
    assert process.stdout is not None
    told: dict[str, int] = json.loads(process.stdout.readline())
    return told


@contextmanager
def running(parts: Sequence[Words], environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run children of ours, started again when they die, until the block ends."""
    children = [
        _Logged(" ".join(words), command_line(words), environment, log=log) for words in parts
    ]
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


def let_people_arrive(scene: Theatre) -> None:
    """Let everybody whom the database knows on LINE and Telegram be there, at the stand-ins."""
    for outside in (scene.line, scene.telegram):
        with scene.house.database.reading() as tx:
            people = accounts.addresses(tx, outside.name)
        outside.add_people(people)


def set_telegram_up(scene: Theatre) -> None:
    """Tell Telegram where its updates go, as `renrakumo telegram sync` does."""
    outcome = sync_telegram(scene.house)
    if not isinstance(outcome, Accepted):
        raise RuntimeError(f"Telegram's stand-in: {outcome}")
