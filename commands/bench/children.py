"""Programs beside the bench: found, given a time, and ended with all that they started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

# How much of what a failed program said is told.
_TOLD = 400
# What an orderly end may take before a process is killed.
_GOODBYE = 5.0
_START = 15.0


class ProgramFailed(Exception):
    """A program beside the bench ended with an error; says which, and what it said last."""


def tool(name: str) -> str | None:
    """Where a program lies; those of mail servers are often not on everybody's PATH."""
    places = [*os.get_exec_path(), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    return shutil.which(name, path=os.pathsep.join(places))


@contextmanager
def child(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, ended with its whole group when the block ends."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the group, then SIGKILL to whatever of it is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_GOODBYE)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def ran(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
) -> str:
    """What a program prints that may take so many seconds; raises ProgramFailed.

    What it started goes with it, also when it takes longer (subprocess.TimeoutExpired).
    """
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    with child(command, env=environment, **pipes) as process:
        said, _ = process.communicate(timeout=seconds)
    text = said.decode(errors="replace")
    if process.returncode:
        raise ProgramFailed(f"{command[0]} ended with {process.returncode}: {text[-_TOLD:]}")
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for_port(port: int) -> None:
    """Wait until something listens on loopback; raises TimeoutError."""
    until = time.monotonic() + _START
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")
