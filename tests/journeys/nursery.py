"""Where workers are born that are to be killed: a process that has imported everything, and forks.

Each is a process of its own, with its own connections, locks and journal, that SIGKILL ends for
good; only the second of processor time that every start would take for importing is paid once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# What most of the time of a start goes into; whatever else is wanted, a child imports itself.
_WANTED = (
    "app",
    "channels.email.channel",
    "channels.line.channel",
    "commands.backup",
    "commands.processes",
    "commands.restore",
)


@dataclass(frozen=True)
class Nursery:
    """Asks the process that forks; one question at a time."""

    process: subprocess.Popen[str]

    def start(
        self, words: Sequence[str], environment: Mapping[str, str], out: Path, log: Path
    ) -> Born:
        """`renrakumo` with these words; what it says is added to `out`, its log to `log`."""
        order = {"words": words, "environment": environment, "out": str(out), "log": str(log)}
        return Born(self, self.ask(order))

    def ask(self, order: Mapping[str, object]) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@dataclass
class Born:
    """A child of the nursery, used like one of `subprocess.Popen`."""

    nursery: Nursery
    pid: int
    returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self.nursery.ask({"bury": self.pid})
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, patience: float) -> int:
        until = time.monotonic() + patience
        while (status := self.poll()) is None:
            assert time.monotonic() < until, f"process {self.pid} did not end in time"
            time.sleep(0.01)
        return status


@contextmanager
def nursery() -> Iterator[Nursery]:
    command = [sys.executable, "-m", "tests.journeys.nursery"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        # It ends when nothing more can be asked of it.
        process.stdin.close()


def _forks() -> list[str]:
    """Fork for each order; returns in the children only, with their words."""
    for line in sys.stdin:
        order = json.loads(line)
        if "bury" in order:
            _say(_status(order["bury"]))
            continue
        pid = os.fork()
        if pid == 0:
            _settle(order)
            return list(order["words"])
        _say(pid)
    os._exit(0)


def _status(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _say(answer: int | None) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _settle(order: Mapping[str, Any]) -> None:
    """Become what `python -m app` in this environment and with these files would be."""
    os.environ.clear()
    os.environ.update(order["environment"])
    for number, path in ((0, os.devnull), (1, order["out"]), (2, order["log"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)


if __name__ == "__main__":
    for _name in _WANTED:
        import_module(_name)
    _words = _forks()
    import_module("app").main(_words, prog_name="renrakumo")
