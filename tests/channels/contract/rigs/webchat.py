"""Web chat: the browser itself fetches what we have for it, so that no provider can fail."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.webchat.channel import WebchatChannel
from tests.channels.contract.rig import Call, Shown, Tap
from tests.channels.contract.wire import Answered, ask

_OWN_PAGE = {"X-Renrakumo": "chat"}


@dataclass
class WebchatRig:
    """`server` is where our web server listens."""

    server: str
    name: str = "webchat"
    shows_choices_once: bool = True
    checks_pictures: bool = False
    to_nonsense: int = 400
    _times: int = 1
    _told: set[tuple[str, str]] = field(default_factory=set)

    def channel(self, patience: float = 10) -> WebchatChannel:
        return WebchatChannel()

    def addresses(self, count: int) -> list[str]:
        return [self.person(number) for number in range(1, count + 1)]

    def person(self, number: int) -> str:
        digest = hashlib.sha256(str(number).encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def shown(self, address: str) -> list[Shown]:
        """What the page shows; it tells us that it has shown it."""
        answer = ask(self.server, Call("/chat/messages", b"", _cookie(address)), "GET")
        entries = json.loads(answer.body)["messages"]
        new = [entry["id"] for entry in entries if (address, entry["id"]) not in self._told]
        if new:
            body = json.dumps({"ids": new}).encode()
            assert ask(self.server, Call("/chat/seen", body, _headers(address))).status == 204
            self._told |= {(address, name) for name in new}
        return [_SHOWN[entry["kind"]](entry) for entry in entries]

    def says(self, address: str, text: str) -> None:
        self._say(address, text=text)

    def presses(self, address: str, tap: Tap) -> None:
        self._say(address, token=tap.token)

    def sends_picture(self, address: str, picture: bytes) -> None:
        self._say(address, picture=base64.b64encode(picture).decode())

    def sends_sticker(self, address: str) -> None:
        """There are none; a picture of somebody who is no staff counts as such."""
        self._say(address, picture=base64.b64encode(b"a sticker").decode())

    def repeats(self) -> None:
        self._times = 2

    def forgeries(self, address: str) -> Sequence[Call]:
        body = self.text_event(address, "x").body
        foreign = _headers(address) | {"Origin": "https://evil.example"}
        return [
            Call("/chat/say", body, _OWN_PAGE),
            Call("/chat/say", body, _cookie(address)),
            Call("/chat/say", body, _headers(address[:-1])),
            Call("/chat/say", body, foreign),
        ]

    def signed(self, address: str, body: bytes) -> Call:
        return Call("/chat/say", body, _headers(address))

    def text_event(self, address: str, text: str) -> Call:
        said = {"id": "1c6a3f6e-58a5-4d19-9d1f-3f5f8f1f0e0a", "text": text}
        return self.signed(address, json.dumps(said).encode())

    def _say(self, address: str, **said: str) -> None:
        body = json.dumps({"id": str(uuid.uuid4()), **said}).encode()
        answers: list[Answered] = []
        for _ in range(self._times):
            answers.append(ask(self.server, Call("/chat/say", body, _headers(address))))
        assert {answer.status for answer in answers} == {202}


def _cookie(address: str) -> dict[str, str]:
    return {"Cookie": f"chat={address}"}


def _headers(address: str) -> dict[str, str]:
    return {"Content-Type": "application/json", **_OWN_PAGE, **_cookie(address)}


def _reply(entry: dict[str, Any]) -> Shown:
    """The script draws a choice's number onto its button."""
    numbers = [f"{b['number']} {b['label']}" for b in entry["buttons"] if b["number"]]
    parts = (entry["subject"], entry["text"], "\n".join(numbers))
    text = "\n\n".join(part for part in parts if part)
    taps = [
        Tap(button["label"], button["token"], button.get("href", ""), button["card"])
        for button in entry["buttons"]
    ]
    return Shown(text, tuple(taps), len(entry["pictures"]))


def _notice(entry: dict[str, Any]) -> Shown:
    parts = (entry["school"], entry["subject"], entry["text"], entry["page"])
    return Shown("\n".join(parts), pictures=len(entry["pictures"]))


_SHOWN: dict[str, Callable[[dict[str, Any]], Shown]] = {"reply": _reply, "notice": _notice}
