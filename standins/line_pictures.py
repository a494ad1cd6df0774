"""Looks at every picture that was sent, as the readers' phones would: in the background.

https://developers.line.biz/en/reference/messaging-api/#image-message: JPEG or PNG, the original up
to 10 MB, the preview up to 1 MB.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientTimeout
from PIL import Image, UnidentifiedImageError

from standins.line_account import Account
from standins.line_messages import picture_urls
from standins.line_webhooks import Webhooks

_SECONDS = 10.0
_FAILURES_KEPT = 50


@dataclass(slots=True)
class Pictures:
    """Fetches each address once; only addresses that are mapped to loopback are looked at."""

    account: Account
    webhooks: Webhooks
    ok: int = 0
    bad: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)
    _seen: set[tuple[str, int]] = field(default_factory=set)
    _looked_at: int = 0

    def clear(self) -> None:
        self.ok = self.bad = self._looked_at = 0
        self.failures.clear()
        self._seen.clear()

    def stats(self) -> dict[str, Any]:
        return {"ok": self.ok, "bad": self.bad, "failures": self.failures}

    async def run(self) -> None:
        """Go on looking at what was sent; ends only by cancellation."""
        while True:
            while self._looked_at < len(self.account.sent):
                sent = self.account.sent[self._looked_at]
                self._looked_at += 1
                if b"://" in sent.entry.raw:
                    await self._look(sent.entry.messages)
            await asyncio.sleep(0.1)

    async def _look(self, messages: list[dict[str, Any]]) -> None:
        for url, most in picture_urls(messages):
            mapped = self.account.settings.mapped(url)
            if mapped == url or (url, most) in self._seen:
                continue
            self._seen.add((url, most))
            self._count(url, await self._fault(mapped, most))

    def _count(self, url: str, fault: str) -> None:
        self.bad += bool(fault)
        self.ok += not fault
        if fault and len(self.failures) < _FAILURES_KEPT:
            self.failures.append({"url": url, "why": fault})

    async def _fault(self, url: str, most: int) -> str:
        """What is wrong with a picture; empty if nothing is."""
        try:
            async with self.webhooks.session.get(url, timeout=ClientTimeout(_SECONDS)) as answer:
                data = await answer.content.read(most + 1)
                while len(data) <= most and (more := await answer.content.read(most)):
                    data += more
        except (ClientError, TimeoutError, ValueError) as error:
            return type(error).__name__
        if answer.status != 200:
            return f"status {answer.status}"
        return f"larger than {most} bytes" if len(data) > most else _unreadable(data)


def _unreadable(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return "" if picture.format in ("JPEG", "PNG") else f"format {picture.format}"
    except (UnidentifiedImageError, OSError):
        return "no picture"
