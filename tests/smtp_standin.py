"""The SMTP stand-in as a process of its own, for any test that sends mail."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests import processes
from tests.processes import Standin


@dataclass(frozen=True)
class SmtpStandin(Standin):
    """A running stand-in, with its control page as methods."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def messages(self, limit: int = 50, to: str = "") -> list[dict[str, Any]]:
        return list(json.loads(self.get(f"/messages?limit={limit}&to={to}")))

    def message(self, sequence: int) -> dict[str, Any]:
        return dict(json.loads(self.get(f"/messages/{sequence}")))

    def raw(self, sequence: int) -> bytes:
        return self.get(f"/messages/{sequence}/raw")

    def received(self) -> dict[tuple[str, str], int]:
        """How often each (recipient, Message-ID) came."""
        rows = map(json.loads, self.get("/received").splitlines())
        return {(row["recipient"], row["message_id"]): row["count"] for row in rows}


@contextmanager
def smtp_standin(*options: str) -> Iterator[SmtpStandin]:
    """Start a stand-in on free ports, and stop it in the end."""
    with processes.running_standin("smtp", *options) as ports:
        yield SmtpStandin(*ports)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def running_standin() -> Iterator[SmtpStandin]:
    with smtp_standin() as standin:
        yield standin


@pytest.fixture
def standin(running_standin: SmtpStandin) -> SmtpStandin:
    """A stand-in for each module, empty for each test."""
    running_standin.reset()
    return running_standin
