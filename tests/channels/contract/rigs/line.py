"""LINE: friends of one official account."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.line.accounts import Timeouts
from channels.line.channel import LineChannel
from channels.registry import LineAccount
from domain.outcomes import Accepted, Outcome
from tests.channels.contract.rig import Call, Shown, Tap
from tests.line_standin import SECRET, TOKEN, LineStandin

_HOOK = "/webhooks/line"
_LATE = 1.0


@dataclass
class LineRig:
    """LINE takes what is for somebody who has blocked the account, and drops it."""

    standin: LineStandin
    name: str = "line"
    blocked: Outcome = Accepted()  # noqa: RUF009 - frozen
    headlines: bool = True
    shows_choices_once: bool = True
    checks_pictures: bool = False
    to_nonsense: int = 200
    _known: list[str] = field(default_factory=list)

    def channel(self, patience: float = 10) -> LineChannel:
        quick = Timeouts(connect=10, read=patience, picture=10)
        return LineChannel([LineAccount("line", SECRET, TOKEN)], self.standin.url, timeouts=quick)

    def addresses(self, count: int) -> list[str]:
        self._known += self.standin.friends(count)
        return self._known[-count:]

    def person(self, number: int) -> str:
        address = f"U{number:032x}"
        self.standin.befriend(address)
        return address

    def shown(self, address: str) -> list[Shown]:
        found = []
        for entry in self.standin.chat(address):
            mine = entry["from"] == "person"
            found += [_shown(message, mine) for message in entry["messages"]]
        return found

    def reached(self, text: str) -> Counter[str]:
        rows = self.standin.received(text).items()
        return Counter({name: count - dropped for name, (count, dropped) in rows})

    def refused_address(self) -> str:
        self.standin.control("POST", "/unknown", {"refused": True})
        return "U" + "f" * 32

    def throttles(self) -> None:
        body = {"message": "The API rate limit has been exceeded. Try again later."}
        self.standin.fault(path="/message/", status=429, body=body)

    def falls_silent(self, *, accepting: bool) -> None:
        self.standin.fault(path="/message/", delay=_LATE, drop="" if accepting else "before")

    def uses_up_quota(self) -> None:
        self.standin.control("POST", "/quota", {"quota": 0})

    def gets_quota(self) -> None:
        self.standin.control("POST", "/quota", {"quota": None})

    def recovers(self) -> None:
        self.standin.end_faults()

    def blocks(self, address: str) -> None:
        self.standin.act(address, "block", silent=True)

    def says(self, address: str, text: str) -> None:
        assert self.standin.says(address, text)["status"] == 200

    def presses(self, address: str, tap: Tap) -> None:
        assert self.standin.presses(address, tap.token, label=tap.label)["status"] == 200

    def sends_picture(self, address: str, picture: bytes) -> None:
        assert self.standin.sends_picture(address, picture)["status"] == 200

    def sends_sticker(self, address: str) -> None:
        assert self.standin.act(address, "sends-sticker")["status"] == 200

    def repeats(self) -> None:
        self.standin.webhook(duplicates=1.0)

    def opens(self, address: str) -> None:
        assert self.standin.act(address, "follow")["status"] == 200

    def leaves(self, address: str) -> None:
        assert self.standin.act(address, "block")["status"] == 200

    def comes_back(self, address: str) -> None:
        assert self.standin.act(address, "unblock")["status"] == 200

    def forgeries(self, address: str) -> Sequence[Call]:
        body = self.text_event(address, "x").body
        good = _signature(body)
        return [
            Call(_HOOK, body),
            Call(_HOOK, body, {"X-Line-Signature": ""}),
            Call(_HOOK, body, {"X-Line-Signature": _signature(body + b" ")}),
            Call(_HOOK, body + b" ", {"X-Line-Signature": good}),
            Call(_HOOK, body, {"X-Line-Signature": good.swapcase()}),
            Call(f"{_HOOK}/another", body, {"X-Line-Signature": good}),
        ]

    def signed(self, address: str, body: bytes) -> Call:
        return Call(_HOOK, body, {"X-Line-Signature": _signature(body)})

    def text_event(self, address: str, text: str) -> Call:
        message = {"type": "text", "id": "1", "text": text, "quoteToken": "q"}
        return self.signed(address, _events(_event(address, "message", message=message)))

    def unheard_of(self, address: str) -> Call:
        return self.signed(address, _events(_event(address, "telepathy", thought="?")))


def _signature(body: bytes) -> str:
    return base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()


def _events(*events: dict[str, Any]) -> bytes:
    return json.dumps({"destination": "U" + "0" * 32, "events": events}).encode()


def _event(address: str, kind: str, **more: Any) -> dict[str, Any]:
    common = {
        "type": kind,
        "mode": "active",
        "timestamp": 1_922_000_000_000,
        "source": {"type": "user", "userId": address},
        "webhookEventId": "01JFORGED00000000000000000",
        "deliveryContext": {"isRedelivery": False},
    }
    return {**common, **more}


def _shown(message: dict[str, Any], mine: bool) -> Shown:
    """One message object as a phone shows it; a Flex bubble's alternative text is not shown."""
    items = message.get("quickReply", {}).get("items", [])
    quick = [_tap(item["action"], lasting=False) for item in items]
    cards = [_tap(action, lasting=True) for action in _actions(message.get("contents"))]
    pictures = int(message["type"] == "image")
    return Shown(message.get("text", ""), (*cards, *quick), pictures, mine)


def _tap(action: dict[str, Any], lasting: bool) -> Tap:
    return Tap(action["label"], action.get("data", ""), action.get("uri", ""), lasting)


def _actions(part: Any) -> list[dict[str, Any]]:
    """Every action in a Flex container, from the top."""
    if isinstance(part, list):
        return [action for each in part for action in _actions(each)]
    if not isinstance(part, dict):
        return []
    own = [part["action"]] if "action" in part else []
    return own + [action for each in part.values() for action in _actions(each)]
