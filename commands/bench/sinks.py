"""Where all mail of a run goes: Postfix's `smtp-sink`, a process of its own that counts."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from commands.bench.children import child, free_port, tool, wait_for_port
from commands.demo.mailbox import Mailbox

_BACKLOG = "2000"
# More than any sender opens; by default smtp-sink serves 256 at once.
_CONNECTIONS = "1000"
# How much of the end of its output holds the newest figures.
_NEWEST = 200


class Sink(Protocol):
    """A server on loopback that takes every mail."""

    @property
    def name(self) -> str: ...

    @property
    def port(self) -> int: ...

    def count(self) -> int:
        """How many messages it has taken so far."""


@dataclass(frozen=True, slots=True)
class SmtpSink:
    """Postfix's own; after each message it appends `sess=N quit=N mesg=N` to a file."""

    port: int
    counted: Path
    name: str = "smtp-sink"

    def count(self) -> int:
        with self.counted.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _NEWEST))
            newest = file.read().rstrip(b"\r").rpartition(b"mesg=")[2]
        return int(newest or 0)


@dataclass(frozen=True, slots=True)
class StandIn:
    """Ours, where there is no Postfix: written in Python, and slower than what it measures."""

    port: int
    mailbox: Mailbox
    name: str = "our SMTP stand-in"

    def count(self) -> int:
        return int(self.mailbox.stats()["messages"])


@contextmanager
def smtp_sink(program: str, folder: Path) -> Iterator[SmtpSink]:
    """Run it, its figures in a file in this folder."""
    port, counted = free_port(), folder / "sink"
    who = ["-u", _nobody()] if os.geteuid() == 0 else []
    command = [program, *who, "-c", "-m", _CONNECTIONS, f"127.0.0.1:{port}", _BACKLOG]
    with counted.open("wb") as out, child(command, stdout=out):
        wait_for_port(port)
        yield SmtpSink(port, counted)


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Run ours."""
    command = [sys.executable, "-m", "standins.smtp", "--port=0", "--control-port=0"]
    with child(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        yield StandIn(ports["smtp"], Mailbox(ports["control"]))


@contextmanager
def best_sink(folder: Path) -> Iterator[Sink]:
    """The fastest there is on this machine."""
    program = tool("smtp-sink")
    with smtp_sink(program, folder) if program else stand_in() as started:
        yield started


def settled(sink: Sink, count: int, seconds: float) -> float:
    """Wait until the sink has taken so many, at most so long; returns the seconds that took.

    Raises TimeoutError.
    """
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        if sink.count() >= count:
            return time.monotonic() - begun
        time.sleep(0.02)
    raise TimeoutError(f"{sink.name} has {sink.count()} messages instead of {count}")


def _nobody() -> str:
    """Whom smtp-sink becomes, which never runs as root."""
    names = {each.pw_name for each in pwd.getpwall()}
    return "postfix" if "postfix" in names else "nobody"
