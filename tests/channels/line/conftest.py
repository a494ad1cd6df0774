"""One account against a scripted server, or against the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.line.accounts import Timeouts
from channels.line.channel import LineChannel
from channels.registry import LineAccount
from tests.channels.line.kit import ACCOUNT
from tests.channels.line.line_server import LineServer, line_server
from tests.line_standin import SECRET, TOKEN, LineStandin, line_standin


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


@pytest.fixture(scope="module")
def started_standin() -> Iterator[LineStandin]:
    with line_standin("--quota=500") as standin:
        yield standin


@pytest.fixture
def standin(started_standin: LineStandin) -> LineStandin:
    """The stand-in, empty for each test."""
    started_standin.reset()
    return started_standin


@pytest.fixture
def standin_channel(standin: LineStandin) -> Iterator[LineChannel]:
    made = LineChannel([LineAccount("line", SECRET, TOKEN)], standin.url)
    yield made
    made.close()
