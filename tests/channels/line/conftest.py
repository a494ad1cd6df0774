"""One account against a scripted server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.line.accounts import Timeouts
from channels.line.channel import LineChannel
from tests.channels.line.kit import ACCOUNT
from tests.channels.line.line_server import LineServer, line_server


@pytest.fixture
def line() -> Iterator[LineServer]:
    with line_server() as server:
        yield server


@pytest.fixture
def channel(line: LineServer) -> Iterator[LineChannel]:
    made = LineChannel([ACCOUNT], line.url)
    yield made
    made.close()


@pytest.fixture
def hasty(line: LineServer) -> Iterator[LineChannel]:
    """A channel that waits for an answer hardly at all."""
    made = LineChannel([ACCOUNT], line.url, timeouts=Timeouts(connect=2, read=0.05))
    yield made
    made.close()
