"""A phone that talks to web chat over HTTP, as the page in a browser does."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from web.chat import COOKIE
from web.security import OWN_PAGE

Found = TypeVar("Found")
PATIENCE = 20.0  # Seconds that an answer may take before the demo gives up.


class NoAnswer(Exception):
    """The bot did not answer in time: the demo ends and says so."""


@dataclass
class Phone:
    """One person's web chat; `entries` are the bubbles seen so far, oldest first."""

    name: str
    base: str
    address: str
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def says(self, text: str) -> list[dict[str, Any]]:
        """Type a line and wait for the answer."""
        return self._tell(text=text)

    def taps(self, label: str) -> list[dict[str, Any]]:
        """Press the newest button with this label and wait for the answer."""
        for entry in reversed(self.entries.values()):
            for button in entry.get("buttons", ()):
                if button["label"] == label:
                    return self._tell(token=button["token"])
        raise NoAnswer(f"{self.name}: no button {label}")

    def sends_picture(self, picture: bytes) -> list[dict[str, Any]]:
        return self._tell(picture=base64.b64encode(picture).decode())

    def waits_for(self, kind: str, words: str = "") -> dict[str, Any]:
        """The newest bubble of this kind with these words, once there is one."""

        def look() -> dict[str, Any] | None:
            self.looks()
            newest_first = reversed(self.entries.values())
            return next((e for e in newest_first if e["kind"] == kind and words in _words(e)), None)

        return self.waits(look, f"{kind} {words!r}")

    def waits(self, look: Callable[[], Found | None], what: str) -> Found:
        """Wait until something else happens in this person's world."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.1)
        raise NoAnswer(f"{self.name}: {what} did not come")

    def looks(self) -> list[dict[str, Any]]:
        """Fetch and display what is new, telling the server that it was displayed."""
        shown = self._call("GET", "messages")["messages"]
        new = [entry for entry in shown if entry["id"] not in self.entries]
        self.entries.update((entry["id"], entry) for entry in new)
        if new:
            self._call("POST", "seen", {"ids": [entry["id"] for entry in new]})
        return new

    def _tell(self, **what: str) -> list[dict[str, Any]]:
        self.looks()
        self._call("POST", "say", {"id": str(uuid.uuid4()), **what})
        return self.waits(self._replies, "an answer")

    def _replies(self) -> list[dict[str, Any]]:
        return [entry for entry in self.looks() if entry["kind"] == "reply"]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = Request(  # noqa: S310 (always http on loopback)
            f"{self.base}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers=self._headers(),
        )
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            raw = answer.read()
        return json.loads(raw) if raw else {}

    def _headers(self) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "Cookie": f"{COOKIE}={self.address}",
            OWN_PAGE: "1",
        }


def _words(entry: dict[str, Any]) -> str:
    return f"{entry['subject']} {entry['text']}"
