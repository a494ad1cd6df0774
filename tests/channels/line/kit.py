"""People, chunks and a log, as the tests of this folder make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from channels.base import Bulk, RawRequest, Recipient, SendChunk
from channels.registry import LineAccount
from domain.outcomes import Outcome

SECRET = "made-up-secret"
ACCOUNT = LineAccount("line", SECRET, access_token="long-lived")
KEY = UUID("0b9a4a1e-0c3d-4a5b-9f65-0d6b3f0c1a2b")
BULK = Bulk(
    "city",
    "第三小学校",
    "dai3.city.example.jp",
    "遠足の延期",
    "明日は延期です。",
    "ja",
    page_url="https://renraku.example.jp/m/abc",
    open_token="open-7",
)


def person(number: int) -> str:
    """A LINE user ID."""
    return f"U{number:032x}"


def chunk(
    addresses: Sequence[str] | int, bulk: Bulk = BULK, account: str = "line", key: UUID = KEY
) -> SendChunk:
    """A chunk for these people; delivery IDs count from 1."""
    found = [person(n) for n in range(addresses)] if isinstance(addresses, int) else addresses
    people = tuple(Recipient(n, a, f"m{n}", "", "") for n, a in enumerate(found, start=1))
    return SendChunk(1, account, "bulk", bulk, people, key)


class Log:
    """A journal that remembers the order of things, and can say stop."""

    def __init__(self, stopping: bool = False, raising: Exception | None = None) -> None:
        self.lines: list[tuple[int, str]] = []
        self.outcomes: dict[int, Outcome] = {}
        self._stopping = stopping
        self._raising = raising

    def intent(self, delivery_id: int) -> None:
        if self._raising is not None:
            raise self._raising
        self.lines.append((delivery_id, "intent"))

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        assert delivery_id not in self.outcomes
        self.lines.append((delivery_id, "outcome"))
        self.outcomes[delivery_id] = outcome

    def stopping(self) -> bool:
        return self._stopping


def signature(body: bytes, secret: str = SECRET) -> str:
    """As LINE signs (Messaging API, "Verify webhook signature")."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def request(*events: Any, account: str = "") -> RawRequest:
    """A signed webhook of these events."""
    body = json.dumps({"destination": person(0), "events": list(events)}).encode()
    return RawRequest({"X-Line-Signature": signature(body)}, body, account)


def event(kind: str, number: int = 1, **more: Any) -> dict[str, Any]:
    """An event with all that LINE's events have in common."""
    common = {
        "type": kind,
        "mode": "active",
        "timestamp": 1_700_000_000_123,
        "source": {"type": "user", "userId": person(number)},
        "webhookEventId": f"01HEXAMPLE{number:016d}",
        "deliveryContext": {"isRedelivery": False},
    }
    return {**common, **more}
