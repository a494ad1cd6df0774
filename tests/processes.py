"""Programs that tests start beside themselves, and that are gone when a test is over."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from io import BytesIO
from threading import get_ident
from typing import Any
from urllib.error import HTTPError

# Thousands of requests go to control pages: each thread keeps its connections to them.
_open: dict[tuple[int, int], HTTPConnection] = {}


@dataclass(frozen=True)
class Standin:
    """A running stand-in: where it listens, and what every control page knows."""

    port: int
    control_port: int

    def stats(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/stats")))

    def fault(self, **order: Any) -> None:
        self.request("POST", "/faults", json.dumps(order).encode())

    def end_faults(self) -> None:
        self.request("DELETE", "/faults")

    def reset(self) -> None:
        self.request("POST", "/reset")

    def get(self, path: str) -> bytes:
        return self.request("GET", path)

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        return ask(self.control_port, method, path, body)

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first figures that fulfil a condition; fails after five seconds."""
        return wait_for_figures(self.stats, condition)


def ask(port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    """The answer of a control page on this machine; raises urllib's HTTPError for a bad one."""
    connection = _open.setdefault(
        (port, get_ident()), HTTPConnection("127.0.0.1", port, timeout=30)
    )
    was_open = connection.sock is not None
    try:
        answer, read = _asked(connection, method, path, body)
    except ConnectionError:
        # Nobody keeps a silent connection for ever.
        if not was_open:
            raise
        answer, read = _asked(connection, method, path, body)
    if answer.status >= 400:
        raise HTTPError(path, answer.status, answer.reason, answer.headers, BytesIO(read))
    return read


def _asked(
    connection: HTTPConnection, method: str, path: str, body: bytes | None
) -> tuple[HTTPResponse, bytes]:
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer, answer.read()
    except BaseException:
        # Not to be used again: it may hold half an answer.
        connection.close()
        raise


def _hang_up() -> None:
    """Close what is open; whoever is asked again is called again."""
    while _open:
        _open.popitem()[1].close()


@contextmanager
def running_standin(name: str, *options: str) -> Iterator[tuple[int, int]]:
    """Start a stand-in on free ports, and stop it in the end: its port, and that of its control.

    It says where it listens once it does; until then whoever starts it waits.
    """
    command = [sys.executable, "-m", f"standins.{name}", "--port=0", "--control-port=0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield ready[name], ready["control"]
        finally:
            process.terminate()
            _hang_up()


def wait_for_figures(
    stats: Callable[[], dict[str, Any]], condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The first figures that fulfil a condition; fails after five seconds."""
    deadline = time.monotonic() + 5
    while not condition(figures := stats()):
        assert time.monotonic() < deadline, figures
        time.sleep(0.01)
    return figures
