"""How the Telegram stand-in hands out updates: to the webhook, or to who asks by getUpdates.

The order of sending is WebhookActor.cpp's of tdlib/telegram-bot-api: one update after another
in each queue (a kind of update in a chat), queues side by side on up to `max_connections`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from standins import telegram_rules as rules
from standins.telegram_api import Api
from standins.telegram_errors import Refused
from standins.telegram_methods import Parameters
from standins.telegram_state import Content, Update, Webhook

# At most 100 at once (API#getupdates); the server ends a long poll after 50 seconds.
LIMIT = 100
POLL_SECONDS = 50
# WebhookActor.cpp: WEBHOOK_MAX_RESEND_TIMEOUT, MAX_RETRY_AFTER, and its time-out of a request.
RESEND_SECONDS = 60.0
RETRY_AFTER_SECONDS = 3600
ANSWER_SECONDS = 60.0
# How long, at most, one update is held back while they are to come in another order.
_HOLD_SECONDS = 0.2


class Updates:
    """The updates' way to the bot."""

    def __init__(self, api: Api, mapped: Mapping[str, str]) -> None:
        self._api, self._world = api, api.world
        self._mapped = {name.rstrip("/"): to.rstrip("/") for name, to in mapped.items()}
        self.duplicates, self.reorder = 0.0, False
        self._first: dict[int, asyncio.Future[int | None]] = {}
        self._news = asyncio.Event()
        self._poll = 0
        self._session: aiohttp.ClientSession | None = None
        self._restart()
        self._world.when_updated = self._add
        api.more = {
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._webhook_info,
        }
        api.get_updates = self._get_updates

    def clear(self) -> None:
        """Stop sending; the settings that were ordered are forgotten."""
        self._stop()
        self.duplicates, self.reorder = 0.0, False

    async def close(self) -> None:
        """Stop for good."""
        self._stop()
        if self._session:
            await self._session.close()

    async def first_status(self, update: Update | None, seconds: float) -> int | None:
        """What the webhook answered to the first try; None if there was no answer, or no try."""
        if update is None or not self._world.webhook.url or update.id not in self._world.pending:
            return None
        first = self._first.setdefault(update.id, asyncio.get_running_loop().create_future())
        done, _ = await asyncio.wait([first], timeout=seconds)
        return first.result() if done else None

    # Settings.

    def _set_webhook(self, given: Parameters) -> Content:
        """API#setwebhook."""
        url = given.text("url")
        if not url:
            return self._delete_webhook(given)
        rules.webhook_url(url, mapped=self._target(url) is not None)
        secret = rules.secret_token(given.text("secret_token"))
        allowed = rules.allowed_updates(given.structure("allowed_updates"))
        # Client.cpp: out of 1 to 100 it is brought within.
        connections = min(100, max(1, given.number("max_connections", 40)))
        was_set = self._world.webhook.url == url
        self._stop()
        self._world.webhook = Webhook(url, secret, connections)
        self._world.allowed = allowed or self._world.allowed
        self._drop_pending(given)
        self._restart()
        return {"result": True, "description": f"Webhook {'is already' if was_set else 'was'} set"}

    def _delete_webhook(self, given: Parameters) -> Content:
        """API#deletewebhook."""
        was_set = bool(self._world.webhook.url)
        self._stop()
        self._world.webhook = Webhook()
        self._drop_pending(given)
        word = "was" if was_set else "is already"
        return {"result": True, "description": f"Webhook {word} deleted"}

    def _drop_pending(self, given: Parameters) -> None:
        if given.flag("drop_pending_updates"):
            self._world.pending.clear()

    def _webhook_info(self, given: Parameters) -> Content:
        """API#getwebhookinfo and API#webhookinfo."""
        self._world.forget_expired()
        webhook = self._world.webhook
        info: Content = {
            "url": webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._world.pending),
        }
        if webhook.url:
            info |= {"max_connections": webhook.max_connections, "ip_address": "203.0.113.1"}
        if webhook.last_error:
            info["last_error_date"] = int(webhook.last_error_at)
            info["last_error_message"] = webhook.last_error
        if self._world.allowed != rules.DEFAULT_UPDATES:
            info["allowed_updates"] = sorted(self._world.allowed)
        return {"result": info}

    def _target(self, url: str) -> str | None:
        """Where a URL really goes; None where it is not mapped."""
        parts = urlsplit(url)
        to = self._mapped.get(f"{parts.scheme}://{parts.netloc}")
        return None if to is None else to + url[len(f"{parts.scheme}://{parts.netloc}") :]

    # Long polling.

    async def _get_updates(self, given: Parameters) -> list[Content]:
        """API#getupdates."""
        if self._world.webhook.url:
            raise Refused(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        allowed = rules.allowed_updates(given.structure("allowed_updates"))
        self._world.allowed = allowed or self._world.allowed
        self._poll += 1
        self._wake()  # whoever polls already
        self._confirm(given.number("offset"))
        await self._wait_for_news(self._poll, min(POLL_SECONDS, given.number("timeout")))
        limit = given.number("limit", LIMIT)
        waiting = list(self._world.pending.values())
        return [update.body() for update in waiting[: limit if 0 < limit <= LIMIT else LIMIT]]

    def _confirm(self, offset: int) -> None:
        """API#getupdates: all before `offset` are done with; a negative one counts from the end."""
        self._world.forget_expired()
        pending = self._world.pending
        done = list(pending)[:offset] if offset < 0 else [n for n in pending if n < offset]
        for number in done:
            del pending[number]

    async def _wait_for_news(self, poll: int, seconds: int) -> None:
        clock = self._world.clock
        end = asyncio.create_task(clock.sleep_until(clock.now() + seconds))
        try:
            while not self._world.pending and not end.done() and seconds > 0:
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait([news, end], return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                self._check_only_poll(poll)
        finally:
            end.cancel()

    def _check_only_poll(self, poll: int) -> None:
        if poll != self._poll:
            raise Refused(
                409,
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running",
            )
        if self._world.webhook.url:
            raise Refused(409, "Conflict: terminated by setWebhook request")

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    # Sending.

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        for first in self._first.values():
            if not first.done():
                first.set_result(None)
        self._first.clear()
        self._queues.clear()

    def _restart(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._queues: dict[tuple[str, int], deque[Update]] = {}
        self._connections = asyncio.Semaphore(self._world.webhook.max_connections)
        self._wake()
        for update in list(self._world.pending.values()):
            self._add(update)

    def _add(self, update: Update) -> None:
        self._wake()
        if not self._world.webhook.url:
            return
        # Client.cpp gives add_update() one queue for each chat and kind: messages, presses and
        # my_chat_member of one person overtake each other.
        key = (update.kind, update.id if self.reorder else update.chat)
        if key in self._queues:
            self._queues[key].append(update)
            return
        self._queues[key] = deque([update])
        task = asyncio.get_running_loop().create_task(self._work(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, key: tuple[str, int]) -> None:
        """Send a queue's updates one after another."""
        queue = self._queues[key]
        if self.reorder:
            await asyncio.sleep(random.uniform(0, _HOLD_SECONDS))
        while queue:
            await self._deliver(queue[0])
            self._tell(queue.popleft(), None)
        del self._queues[key]

    async def _deliver(self, update: Update) -> None:
        """Try until it is taken or too old, with growing pauses (on_update_error)."""
        delay, fails, clock = 1.0, 0, self._world.clock
        while update.id in self._world.pending:
            retry_after = await self._try(update)
            if retry_after is None:
                self._world.pending.pop(update.id, None)
                return
            pause = float(min(retry_after, RETRY_AFTER_SECONDS))
            if not retry_after and fails:
                limit = random.uniform(RESEND_SECONDS, 2 * RESEND_SECONDS)
                pause = delay = min(limit, delay * 2)
            fails += 1
            if clock.now() + pause > update.expires:
                self._world.pending.pop(update.id, None)
                self._world.counts["webhooks_dropped"] += 1
                return
            await clock.sleep_until(clock.now() + pause)

    async def _try(self, update: Update) -> int | None:
        """Send it once: None if it was taken, else the seconds of Retry-After."""
        async with self._connections:
            status, retry_after = await self._post(update)
            taken = status is not None and 200 <= status <= 299
            if taken and random.random() < self.duplicates:
                self._world.counts["webhooks_doubled"] += 1
                await self._post(update)
        self._tell(update, status)
        return None if taken else retry_after

    def _tell(self, update: Update, status: int | None) -> None:
        """Let go whoever waits for the first try."""
        first = self._first.pop(update.id, None)
        if first and not first.done():
            first.set_result(status)

    async def _post(self, update: Update) -> tuple[int | None, int]:
        webhook = self._world.webhook
        try:
            response, body = await self._exchange(webhook, update)
        except TimeoutError:
            return self._unanswered(webhook, "Read timeout expired")
        except aiohttp.ClientConnectorError:
            return self._unanswered(webhook, "Connection refused")
        except aiohttp.ClientError:
            return self._unanswered(webhook, "Webhook connection closed")
        if 200 <= response.status <= 299:
            self._world.counts["webhooks_sent"] += 1
            await self._obey(body)
        else:
            words = f"{response.status} {response.reason}"
            self._failed(webhook, f"Wrong response from the webhook: {words}")
        after = response.headers.get("Retry-After", "")
        return response.status, int(after) if after.isdigit() else 0

    async def _exchange(
        self, webhook: Webhook, update: Update
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        url = self._target(webhook.url) or ""
        secret = {"X-Telegram-Bot-Api-Secret-Token": webhook.secret} if webhook.secret else {}
        async with self._client().post(
            url, json=update.body(), headers=secret, allow_redirects=False
        ) as response:
            return response, await response.read()

    def _unanswered(self, webhook: Webhook, words: str) -> tuple[None, int]:
        self._failed(webhook, words)
        return None, 0

    def _failed(self, webhook: Webhook, words: str) -> None:
        webhook.last_error, webhook.last_error_at = words, self._world.clock.now()
        self._world.counts["webhooks_failed"] += 1

    async def _obey(self, body: bytes) -> None:
        """API#making-requests-when-getting-updates: the answer may itself be a request.

        WebhookActor::handle leaves out what would set the webhook or get something.
        """
        try:
            values = json.loads(body)
            method = str(values["method"]).lower()
        except (ValueError, TypeError, KeyError):
            return
        if method not in ("setwebhook", "deletewebhook") and not method.startswith("get"):
            self._world.counts["webhook_answers"] += 1
            await self._api.call(method, Parameters(values, {}))

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            )
        return self._session


def check_mapping(given: str) -> tuple[str, str]:
    """Read `https://name=http://127.0.0.1:8000`; raises ValueError if it is none."""
    name, equals, to = given.partition("=")
    if not equals or urlsplit(to).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError(f"not a mapping to loopback: {given}")
    return name, to
