"""`renrakumo run`: one command that starts web, worker and intake and keeps them running.

Each is a child process.  A dead child is started again, at once the first time and then
ever more slowly while it keeps dying young; SIGTERM or SIGINT stops them all and waits.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import structlog
from prometheus_client.multiprocess import mark_process_dead

log = structlog.get_logger()

STEADY = 10.0  # A child that lived so many seconds did not die young.
SLOWEST = 30.0
# How long a child may take to finish what it is doing.  One that sends waits up to ten minutes for
# what a relay says after the final dot: cut off sooner, a mail would perhaps leave twice.
PATIENCE = 30.0
SENDING_PATIENCE = 660.0


Words = tuple[str, ...]
"""A command line of ours: a verb and what follows it."""

TURNS: Words = ("worker", "--only", "turns")
SENDING: Words = ("worker", "--only", "sending")
# What an installation runs; the intake comes to it where anything is to be taken in.  Turns and
# sending are processes of their own, or a fan-out and a storm of conversations would share one
# interpreter, which runs on one core.
PARTS: tuple[Words, ...] = (("web",), TURNS, SENDING)
INTAKE: Words = ("intake",)


def command_line(words: Words) -> list[str]:
    """How a child is started: the same interpreter, the same code, another command line."""
    return [sys.executable, "-m", "app", *words]


@dataclass
class Child:
    """One child process and when it is to be started (again)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    deaths: int = 0
    patience: float = PATIENCE

    def start(self, now: float) -> None:
        self.process = subprocess.Popen(self.command, env=self.environment)
        self.started = now

    def buried(self, now: float) -> bool:
        """Whether the child has died; then it is put down for another start."""
        if self.process is None or self.process.poll() is None:
            return False
        self.deaths = 1 if now - self.started >= STEADY else self.deaths + 1
        pause = 0.0 if self.deaths == 1 else min(SLOWEST, 0.5 * 2 ** (self.deaths - 1))
        log.warning("child_died", child=self.name, status=self.process.returncode, pause=pause)
        self._forget_counts(self.process.pid)
        self.process, self.start_at = None, now + pause
        return True

    def _forget_counts(self, pid: int) -> None:
        """A dead child holds nothing any more: its gauges must not be summed up further."""
        folder = (self.environment or {}).get("PROMETHEUS_MULTIPROC_DIR")
        if folder is not None:
            mark_process_dead(pid, folder)

    def stop(self, patience: float) -> None:
        """Wait for the child to finish; one that does not in so many seconds is killed."""
        if self.process is None:
            return
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            log.error("child_killed", child=self.name)
            self.process.kill()
            self.process.wait()


@dataclass
class Supervisor:
    """Watches children until told to stop."""

    children: Sequence[Child]
    clock: Callable[[], float] = monotonic
    stopping: threading.Event = field(default_factory=threading.Event)

    def watch_once(self) -> None:
        """Start every child that is due, and put down the dead for another start."""
        now = self.clock()
        for child in self.children:
            child.buried(now)
            if child.process is None and now >= child.start_at:
                child.start(now)

    def run(self) -> None:
        """Watch until SIGTERM or SIGINT; must be called on the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            while not self.stopping.wait(0.1):
                self.watch_once()
        finally:
            self.stop()

    def stop(self) -> None:
        """Tell all children first and wait afterwards, so that they finish side by side."""
        for child in self.children:
            if child.process is not None:
                child.process.terminate()
        begun = self.clock()
        for child in sorted(self.children, key=lambda child: child.patience):
            child.stop(max(0.1, begun + child.patience - self.clock()))
