"""Webhooks: what the LINE stand-in tells the bot, signed, within LINE's own two seconds.

Sources: https://developers.line.biz/en/reference/messaging-api/ #webhooks,
#common-properties, #signature-validation; docs/messaging-api/receiving-messages/ for redelivery
and for the time-out (`request_timeout`, docs/messaging-api/check-webhook-error-statistics/).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from standins.line_account import Account

_HELD_SECONDS = 1.0
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# #webhook-event-objects: these have a reply token (accountLink only if it succeeded).
_ANSWERABLE = {"message", "follow", "postback", "accountLink"}

Event = dict[str, Any]


@dataclass(slots=True)
class Habits:
    """How well webhooks are delivered.

    `duplicates` is the share of events that come a second time (`isRedelivery`); `reorder` swaps
    each two calls; `redeliver` is how often a call that got no 2xx is tried again, after `pause`
    seconds, then twice that, and so on (LINE publishes neither number).
    """

    duplicates: float = 0.0
    reorder: bool = False
    redeliver: int = 0
    pause: float = 1.0


class Webhooks:
    """Sends events to the account's webhook."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.habits = Habits()
        self.statuses: Counter[str] = Counter()
        self._timeout = ClientTimeout(account.settings.webhook_seconds)
        self.failure = ""
        self._session: ClientSession | None = None
        self._held: tuple[Event, ...] = ()
        self._tasks: set[asyncio.Task[Any]] = set()

    def clear(self) -> None:
        self.habits = Habits()
        self.statuses.clear()
        self._held = ()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._session:
            await self._session.close()

    @property
    def session(self) -> ClientSession:
        """One pool of kept-alive connections; made here, for it needs the running loop."""
        if self._session is None:
            connector = TCPConnector(limit=0, keepalive_timeout=60)
            self._session = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
        return self._session

    def event(
        self, kind: str, person: str, event_id: str = "", *, answerable: bool = True, **rest: Any
    ) -> Event:
        """One event as LINE makes it (#common-properties)."""
        at = self.account.clock.now()
        event: Event = {
            "type": kind,
            **rest,
            "webhookEventId": event_id or ulid(at),
            "deliveryContext": {"isRedelivery": False},
            "timestamp": int(at * 1000),
            "source": {"type": "user", "userId": person},
            "mode": "active",
        }
        if answerable and kind in _ANSWERABLE:
            event["replyToken"] = self.account.new_reply_token(person, at)
        self.account.remember_event(event)
        return event

    async def send(self, *events: Event) -> int | None:
        """Deliver events as the habits say; the status, None if there was no answer."""
        if self.habits.reorder and not self._held:
            self._held = events
            self._later(_HELD_SECONDS, self.let_go())
            return None
        status = await self._delivered(events)
        await self.let_go()
        return status

    async def let_go(self) -> None:
        """Deliver what was held back to come after the next."""
        held, self._held = self._held, ()
        if held:
            await self._delivered(held)

    async def redeliver(self, event: Event) -> int | None:
        """The same event again, as LINE redelivers it."""
        return await self._post([self.again(event)])

    def again(self, event: Event) -> Event:
        if "replyToken" in event:
            self.account.renew_reply_token(event["replyToken"])
        return event | {"deliveryContext": {"isRedelivery": True}}

    async def post(self, body: bytes, headers: dict[str, str]) -> int | None:
        """One call to the webhook; without a status in time None, and `failure` says why."""
        url = self.account.settings.mapped(self.account.webhook)
        status: int | None = None
        try:
            async with self.session.post(
                url, data=body, headers=headers, timeout=self._timeout
            ) as answer:
                await answer.read()
                status = answer.status
        except TimeoutError:
            self.failure = "REQUEST_TIMEOUT"
        except (ClientError, ValueError):
            self.failure = "COULD_NOT_CONNECT"
        self.statuses[str(status) if status else "none"] += 1
        return status

    def sealed(self, events: Sequence[Event]) -> tuple[bytes, dict[str, str]]:
        """The body of a call and its headers."""
        whole = {"destination": self.account.user_id, "events": list(events)}
        body = json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
        return body, self.headers(body)

    def headers(self, body: bytes) -> dict[str, str]:
        """#signature-validation: base64 of HMAC-SHA256 over the body, by the channel secret."""
        digest = hmac.digest(self.account.settings.secret.encode(), body, hashlib.sha256)
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
            "X-Line-Signature": b64encode(digest).decode(),
        }

    async def _delivered(self, events: Sequence[Event]) -> int | None:
        status = await self._post(events)
        again = [event for event in events if random.random() < self.habits.duplicates]
        if again:
            await self._post([self.again(event) for event in again])
        if not _fine(status) and self.habits.redeliver:
            self._later(self.habits.pause, self._retry(events))
        return status

    async def _retry(self, events: Sequence[Event]) -> None:
        pause = self.habits.pause
        for _time in range(self.habits.redeliver):
            if _fine(await self._post([self.again(event) for event in events])):
                return
            pause *= 2
            await asyncio.sleep(pause)

    async def _post(self, events: Sequence[Event]) -> int | None:
        return await self.post(*self.sealed(events))

    def _later(self, seconds: float, work: Any) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await work

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def ulid(at: float) -> str:
    """A webhook event ID: LINE's are ULIDs."""
    number = (int(at * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -5, -5))


def _fine(status: int | None) -> bool:
    return status is not None and 200 <= status < 300
