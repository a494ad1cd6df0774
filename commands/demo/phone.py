"""The phones of the story: a browser with web chat; LINE and Telegram at their stand-ins."""

from __future__ import annotations

import base64
import json
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.request import Request, urlopen

from commands.demo.outside import Outside
from commands.demo.reading import Entry, entries
from web.chat import COOKIE
from web.security import OWN_PAGE

Found = TypeVar("Found")
PATIENCE = 60.0  # Seconds that an answer may take before the demo gives up.
_PAUSE = 0.05


class NoAnswer(Exception):
    """The bot did not answer in time: the demo ends and says so."""


@dataclass
class Phone(ABC):
    """One person's conversation; `entries` are the bubbles seen so far, oldest first.

    What is pressed and waited for came after what this person did last, so that nobody presses
    a button of an older card, or is content with an older message.
    """

    name: str
    entries: dict[str, Entry] = field(default_factory=dict, init=False)
    _before: int = field(default=0, init=False)

    def says(self, text: str) -> list[Entry]:
        """Type a line and wait for the answer."""
        return self._tell(text=text)

    def taps(self, label: str) -> list[Entry]:
        """Press the newest button with this label, once there is one, and wait for the answer."""
        return self._tell(token=self.button(label)["token"], label=label)

    def sends_picture(self, picture: bytes) -> list[Entry]:
        return self._tell(picture=base64.b64encode(picture).decode())

    def button(self, label: str) -> Entry:
        """The newest button with this label, once there is one."""
        return self._newest(lambda button: button["label"] == label, f"button {label}")

    def link(self, label: str = "") -> Entry:
        """The newest button that opens a page, once there is one."""
        return self._newest(
            lambda button: bool(button.get("href")) and label in button["label"], f"link {label}"
        )

    def _newest(self, is_meant: Callable[[Entry], bool], what: str) -> Entry:
        def look() -> Entry | None:
            self.looks()
            buttons = [b for entry in self._recent() for b in filter(is_meant, _buttons(entry))]
            return buttons[-1] if buttons else None

        return self.waits(look, what)

    def waits_for(self, words: str) -> Entry:
        """The newest bubble with these words, once there is one."""

        def look() -> Entry | None:
            self.looks()
            return next((e for e in reversed(self._recent()) if words in words_of(e)), None)

        return self.waits(look, repr(words))

    def _recent(self) -> list[Entry]:
        """What came since this person last did something, oldest first."""
        return [*self.entries.values()][self._before :]

    def waits(self, look: Callable[[], Found | None], what: str) -> Found:
        """Wait until something else happens in this person's world."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(_PAUSE)
        raise NoAnswer(f"{self.name}: {what} did not come")

    def looks(self) -> list[Entry]:
        """See what is new."""
        new = [entry for entry in self._fetch() if entry["id"] not in self.entries]
        self.entries.update((entry["id"], entry) for entry in new)
        return new

    def _tell(self, **what: str) -> list[Entry]:
        self.looks()
        self._before = len(self.entries)
        self._send(what)
        return self.waits(self._replies, "an answer")

    def _replies(self) -> list[Entry]:
        return [entry for entry in self.looks() if entry["kind"] == "reply"]

    @abstractmethod
    def _fetch(self) -> list[Entry]:
        """Everything that the phone shows now, oldest first."""

    @abstractmethod
    def _send(self, what: dict[str, str]) -> None:
        """Hand over a text, a token (with its label) or a picture (base64)."""


@dataclass
class BrowserPhone(Phone):
    """Web chat in a browser with this address in its cookie."""

    base: str
    address: str

    def looks(self) -> list[Entry]:
        """Display what is new, telling the server that it was displayed."""
        new = super().looks()
        if new:
            self._call("POST", "seen", {"ids": [entry["id"] for entry in new]})
        return new

    def _fetch(self) -> list[Entry]:
        shown: list[Entry] = self._call("GET", "messages")["messages"]
        return shown

    def _send(self, what: dict[str, str]) -> None:
        said = {key: value for key, value in what.items() if key != "label"}
        self._call("POST", "say", {"id": str(uuid.uuid4()), **said})

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


@dataclass
class OutsidePhone(Phone):
    """LINE or Telegram on the phone of one person there."""

    outside: Outside
    person: str

    def does(self, what: str, **content: object) -> None:
        """Do something that is no message: `block` …"""
        self.outside.does(self.person, what, **content)

    def _fetch(self) -> list[Entry]:
        return entries(self.outside.name, self.outside.chat(self.person))

    def _send(self, what: dict[str, str]) -> None:
        if "text" in what:
            self.outside.does(self.person, "says", text=what["text"])
        elif "token" in what:
            self.outside.does(self.person, "presses", data=what["token"], label=what["label"])
        else:
            self.outside.does(self.person, "sends-picture", picture=what["picture"])


def _buttons(entry: Entry) -> list[Entry]:
    return [*entry.get("buttons", ())]


def words_of(entry: Entry) -> str:
    """All the words of a bubble."""
    return f"{entry['subject']}\n{entry['text']}".strip()
