"""Our sender by itself, in one process or in several that share the recipients."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from channels.email.dkim import new_key, private_pem
from commands.bench.children import child
from commands.bench.sending import Sent

Process = subprocess.Popen[bytes]
_MODULE = [sys.executable, "-m", "commands.bench.sending"]


class NotAllAccepted(Exception):
    """The sender by itself lost mail: its speed means nothing then."""


def send(
    port: int, messages: int, connections: int, processes: int = 1, key: Path | None = None
) -> Sent:
    """Send so many to a port of loopback; the seconds are those of the slowest process.

    Raises NotAllAccepted.
    """
    share = -(-messages // processes)
    signing = [f"--key={key}"] if key else []
    with ExitStack() as stack:
        started = []
        for first in range(0, messages, share):
            some = min(share, messages - first)
            words = [f"--port={port}", f"--messages={some}", f"--first={first}"]
            words.append(f"--connections={connections}")
            started.append(stack.enter_context(_ready([*_MODULE, *words, *signing])))
        told = _told(started)
    accepted = sum(each.accepted for each in told)
    if accepted != messages:
        raise NotAllAccepted(f"{accepted} of {messages}")
    return Sent(max(each.seconds for each in told), accepted, max(each.peak for each in told))


def write_key(folder: Path) -> Path:
    """A key of RSA-2048 that is thrown away with the folder."""
    path = folder / "dkim.pem"
    path.write_bytes(private_pem(new_key()))
    return path


@contextmanager
def _ready(command: list[str]) -> Iterator[Process]:
    with child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def _told(started: list[Process]) -> list[Sent]:
    """All have made their recipients; then all begin at once."""
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    told = []
    for process in started:
        assert process.stdout is not None
        told.append(Sent(**json.loads(process.stdout.readline())))
    return told
