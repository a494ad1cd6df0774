"""The Telegram stand-in as a process of its own, for any test that talks to its Bot API."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.processes import ask, running_standin, wait_for_figures

TOKEN = "123456:test-token"


@dataclass(frozen=True)
class TelegramStandin:
    """A running stand-in: where it listens, and its control page as methods."""

    port: int
    control_port: int
    token: str = TOKEN

    @property
    def url(self) -> str:
        """The base URL of the Bot API, to which a token and a method are added."""
        return f"http://127.0.0.1:{self.port}/bot"

    @property
    def file_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/file/bot"

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the Bot API with a JSON body; the answer whole, good or bad."""
        return self.ask(method, json.dumps(parameters).encode(), "application/json")[1]

    def result(self, method: str, **parameters: Any) -> Any:
        answer = self.call(method, **parameters)
        assert answer["ok"], answer
        return answer["result"]

    def ask(self, method: str, body: bytes | None, kind: str) -> tuple[int, dict[str, Any]]:
        """Any request to the Bot API: status and answer."""
        url = f"{self.url}{self.token}/{method}"
        return sent(urllib.request.Request(url, data=body, headers={"Content-Type": kind}))

    def people(self, *ids: int | str, count: int = 0, started: bool = True) -> list[str]:
        """Make people who started the bot; their IDs."""
        order = {"ids": ids, "count": count, "started": started}
        return list(self.order("/people", order)["ids"])

    def act(self, person: int | str, act: str, **order: Any) -> dict[str, Any]:
        """Let a person do something: follow, says, presses, block ..."""
        return self.order(f"/people/{person}/{act}", order)

    def chat(self, person: int | str, after: int = 0) -> list[dict[str, Any]]:
        return list(json.loads(self.get(f"/people/{person}/chat?after={after}"))["entries"])

    def texts(self, person: int | str) -> list[str]:
        """What the bot sent to a person, as text."""
        bot = [entry for entry in self.chat(person) if entry["via"] == "send"]
        messages = [message for entry in bot for message in entry["messages"]]
        return [message.get("text", message.get("caption", "")) for message in messages]

    def received(self, contains: str) -> dict[str, int]:
        """How often each person was sent a message with this text."""
        quoted = urllib.parse.quote(contains)
        rows = map(json.loads, self.get(f"/received?contains={quoted}").splitlines())
        return {row["recipient"]: row["count"] for row in rows}

    def stats(self) -> dict[str, Any]:
        return dict(json.loads(self.get("/stats")))

    def fault(self, **order: Any) -> None:
        self.order("/faults", order)

    def end_faults(self) -> None:
        self.request("DELETE", "/faults")

    def disturb(self, **order: Any) -> None:
        """How webhooks are sent: duplicates, reorder."""
        self.order("/webhook", order)

    def stop_clock(self) -> None:
        """Let the stand-in's clock go by `advance` only, so that rates and pauses are exact."""
        self.order("/clock", {"stop": True})

    def advance(self, seconds: float) -> None:
        """Put the stand-in's clock forward."""
        self.order("/clock", {"advance": seconds})

    def reset(self) -> None:
        self.order("/reset", {})

    def order(self, path: str, order: dict[str, Any]) -> dict[str, Any]:
        return dict(json.loads(self.request("POST", path, json.dumps(order).encode())))

    def get(self, path: str) -> bytes:
        return self.request("GET", path)

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        return ask(self.control_port, method, path, body)

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first figures that fulfil a condition; fails after five seconds."""
        return wait_for_figures(self.stats, condition)


def sent(request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    """Send a request: status and JSON, also of an error."""
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, dict(json.loads(response.read()))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(json.loads(error.read()))


@contextmanager
def telegram_standin(*options: str, token: str = TOKEN) -> Iterator[TelegramStandin]:
    """Start a stand-in on free ports, and stop it in the end."""
    with running_standin("telegram", f"--token={token}", *options) as ports:
        yield TelegramStandin(*ports, token)


@pytest.fixture(scope="module")
def running_telegram() -> Iterator[TelegramStandin]:
    with telegram_standin() as standin:
        yield standin


@pytest.fixture
def telegram(running_telegram: TelegramStandin) -> TelegramStandin:
    """A stand-in for each module, empty for each test."""
    running_telegram.reset()
    return running_telegram
