"""Programs that tests start beside themselves, and that are gone when a test is over."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


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


def wait_for_figures(
    stats: Callable[[], dict[str, Any]], condition: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The first figures that fulfil a condition; fails after five seconds."""
    deadline = time.monotonic() + 5
    while not condition(figures := stats()):
        assert time.monotonic() < deadline, figures
        time.sleep(0.01)
    return figures
