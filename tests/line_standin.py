"""The LINE stand-in as a process of its own, for any test that talks to LINE."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.processes import ask, running_standin, wait_for_figures

SECRET = "line-channel-secret"
TOKEN = "line-access-token"


@dataclass(frozen=True)
class LineStandin:
    """A running stand-in: where it listens, and its control page as methods."""

    port: int
    control_port: int
    secret: str = SECRET
    token: str = TOKEN
    channel_id: str = "1234567890"

    @property
    def url(self) -> str:
        """Stands for https://api.line.me, api-data.line.me and access.line.me."""
        return f"http://127.0.0.1:{self.port}"

    def friends(self, count: int) -> list[str]:
        """New friends; no event is sent."""
        return list(self.control("POST", "/people", {"count": count})["ids"])

    def befriend(self, *ids: str) -> None:
        self.control("POST", "/people", {"ids": ids})

    def says(self, person: str, text: str, **more: Any) -> dict[str, Any]:
        return self.act(person, "says", text=text, **more)

    def presses(self, person: str, data: str, **more: Any) -> dict[str, Any]:
        return self.act(person, "presses", data=data, **more)

    def sends_picture(self, person: str, picture: bytes, **more: Any) -> dict[str, Any]:
        return self.act(person, "sends-picture", picture=b64encode(picture).decode(), **more)

    def act(self, person: str, action: str, **order: Any) -> dict[str, Any]:
        """follow, block, unblock, says, presses, sends-picture, sends-sticker, unsends, event."""
        return dict(self.control("POST", f"/people/{person}/{action}", order))

    def chat(self, person: str, after: int = 0) -> list[dict[str, Any]]:
        return list(self.control("GET", f"/people/{person}/chat?after={after}")["entries"])

    def menu(self, person: str) -> dict[str, Any]:
        return dict(self.control("GET", f"/people/{person}/menu"))

    def received(self, contains: str = "") -> dict[str, tuple[int, int]]:
        """For each recipient: how often named by requests with a text, how often dropped."""
        raw = self.request("GET", f"/received?contains={quote(contains)}")
        rows = map(json.loads, raw.splitlines())
        return {row["recipient"]: (row["count"], row["dropped"]) for row in rows}

    def stats(self) -> dict[str, Any]:
        return dict(self.control("GET", "/stats"))

    def fault(self, **order: Any) -> None:
        self.control("POST", "/faults", order)

    def end_faults(self) -> None:
        self.control("DELETE", "/faults")

    def advance(self, seconds: float) -> None:
        """Move the stand-in's clock on."""
        self.control("POST", "/clock", {"advance": seconds})

    def webhook(self, **order: Any) -> None:
        """`url`, `duplicates`, `reorder`, `redeliver`."""
        self.control("POST", "/webhook", order)

    def garbage(self, kind: str) -> int | None:
        """The status that the bot answered to such a call."""
        status = self.control("POST", "/webhook/garbage", {"kind": kind})["status"]
        return None if status is None else int(status)

    def reset(self) -> None:
        self.control("POST", "/reset")

    def control(self, method: str, path: str, order: Any = None) -> Any:
        body = None if order is None else json.dumps(order).encode()
        return json.loads(self.request(method, path, body))

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        return ask(self.control_port, method, path, body)

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first figures that fulfil a condition; fails after five seconds."""
        return wait_for_figures(self.stats, condition)

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = TOKEN,
        **headers: str,
    ) -> tuple[int, Any, dict[str, str]]:
        """One request to LINE: status, body (JSON if it is), headers in lower case.

        A header's name is given with `_` for `-`; a body of bytes goes as it is.
        """
        fields = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        request = urllib.request.Request(self.url + path, data, fields, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return _read(response)
        except urllib.error.HTTPError as error:
            with error:
                return _read(error)


def _read(response: Any) -> tuple[int, Any, dict[str, str]]:
    raw = response.read()
    headers = {name.lower(): value for name, value in response.headers.items()}
    is_json = headers.get("content-type", "").startswith("application/json")
    return response.status, json.loads(raw) if is_json else raw, headers


@contextmanager
def line_standin(*options: str) -> Iterator[LineStandin]:
    """Start a stand-in on free ports, and stop it in the end."""
    keys = (f"--channel-secret={SECRET}", f"--access-token={TOKEN}")
    with running_standin("line", *keys, *options) as ports:
        yield LineStandin(*ports)


@pytest.fixture(scope="module")
def running_line_standin() -> Iterator[LineStandin]:
    with line_standin() as standin:
        yield standin


@pytest.fixture
def line(running_line_standin: LineStandin) -> LineStandin:
    """A stand-in for each module, empty for each test."""
    running_line_standin.reset()
    return running_line_standin
