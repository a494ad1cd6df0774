"""Telegram as a channel: what the contract in channels.base asks for, for one bot."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock

from telegram import Bot

from channels.base import Answer, Incoming, Limits, RawRequest, SendChunk, SendLog, Webhook
from channels.telegram import updates, webhook
from channels.telegram.client import Client, Timeouts
from channels.telegram.content import ALBUM, TEXT_UNITS, Plan, of_messages
from channels.telegram.pacing import Pacing
from channels.telegram.sending import Sending, is_chat
from channels.telegram.verdicts import Answered, verdict
from domain.outcomes import Accepted, Outcome, Refused, TryLater

NAME = updates.NAME
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the header's name
LIMITS = Limits(text_units=TEXT_UNITS, buttons=40, pictures=ALBUM, recipients=50, slots=8)
# Beside the slots there are replies, pictures that are fetched, and callbacks.
_CONNECTIONS = LIMITS.slots + 8
# https://core.telegram.org/bots/features#deep-linking: what may follow "?start=".
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class TelegramChannel:
    """One bot.  `webhook_secret` is what Telegram puts into the header of each update.

    `monotonic` and `wait` are the clock of its pace (seconds), `clock` the time of events that
    bring none.
    """

    name = NAME
    accounts = (NAME,)
    limits = LIMITS

    def __init__(
        self,
        bot_token: str,
        webhook_secret: str = "",
        api_url: str = "https://api.telegram.org",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        self._secret = webhook_secret
        self._clock = clock
        self._client = Client(bot_token, api_url, _CONNECTIONS, timeouts)
        self._pacing = Pacing(monotonic=monotonic, wait=wait)
        self._sending = Sending(self._client, self._pacing)
        self._naming = Lock()
        self._username: str | None = None

    def verify(self, request: RawRequest) -> bool:
        """Whether the header has our secret (setWebhook, `secret_token`)."""
        given = _header(request.headers, SECRET_HEADER)
        if not self._secret or not given:
            return False
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._secret.encode())

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        """The one update that a request brings."""
        return [updates.parse(request.body, self._clock())]

    def read_again(self, account: str, raw: bytes) -> Incoming:  # noqa: ARG002 - there is one
        """The one update that was kept."""
        return updates.parse(raw, self._clock())

    def acknowledge(self, request: RawRequest) -> bytes:
        """Answers a callback query along the way, so that the button stops turning at once.

        https://core.telegram.org/bots/api#making-requests-when-getting-updates
        """
        number = updates.callback_id(request.body)
        if not number:
            return b"{}"
        return json.dumps({"method": "answerCallbackQuery", "callback_query_id": number}).encode()

    def reply(self, answer: Answer) -> Outcome:
        """Answer one person; tried again, an answer goes on where it broke off."""
        if not is_chat(answer.address):
            return Refused("bad_address")
        plan = Plan(answer.key, of_messages(answer.messages))
        return self._sending.carry_out(plan, answer.address, bulk=False)

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Send to one recipient after the other, at the pace of the bot."""
        self._sending.send(chunk, log)

    def fetch(self, account: str, media: str) -> bytes | Outcome:  # noqa: ARG002 - there is one
        """Download a picture by its file ID."""
        try:
            return self._client.call(lambda bot: _download(bot, media), media=True)
        except _TooLarge:
            return Refused("too_large")
        except Exception as error:
            return _missed(error)

    def link(self, account: str, text: str) -> str | None:  # noqa: ARG002 - there is one
        """A deep link, after which the person's first message is "/start <text>"."""
        if _PAYLOAD.fullmatch(text) is None:
            return None
        username = self._own_name()
        return f"https://t.me/{username}?start={text}" if username else None

    def webhook(self, account: str) -> Webhook | Outcome:  # noqa: ARG002 - there is one
        """Where Telegram sends updates, and what it could not hand over (getWebhookInfo)."""
        return webhook.told(self._client)

    def set_webhook(self, url: str) -> Outcome:
        """Have updates sent to this address; it must be https (setWebhook)."""
        if not self._secret:
            return Refused("no_secret")
        return webhook.set_webhook(self._client, url, self._secret)

    def delete_webhook(self) -> Outcome:
        """Have updates kept until they are polled."""
        return webhook.delete_webhook(self._client)

    def set_commands(self) -> Outcome:
        """Show what one can type in the menu of every private chat."""
        return webhook.set_commands(self._client)

    def poll(
        self, offset: int | None, seconds: int, stopping: Callable[[], bool]
    ) -> Sequence[object] | Outcome:
        """Wait up to so many seconds for updates; asking confirms all before `offset`."""
        try:
            return self._client.updates(offset, seconds, updates.SERVED, stopping)
        except Exception as error:
            return verdict(error)

    def read(self, update: object) -> Incoming:
        """One update that was polled, as `parse` would have read it."""
        return updates.read(update, self._clock())

    def answer_callback(self, answer_token: str) -> Outcome:
        """Stop a pressed button from turning; "Query is too old" comes back as Refused."""
        number = answer_token.removeprefix(updates.CALLBACK)
        try:
            self._client.call(lambda bot: bot.answer_callback_query(number))
        except Exception as error:
            return verdict(error)
        return Accepted()

    def close(self) -> None:
        """Break off what is under way, close connections, end the thread."""
        self._client.close()

    def _own_name(self) -> str | None:
        with self._naming:
            if self._username is None:
                try:
                    self._username = self._client.call(lambda bot: bot.get_me()).username
                except Exception:
                    # Asked again at the next link; until then there is none.
                    return None
            return self._username


class _TooLarge(Exception):
    """A file that getFile does not serve."""


async def _download(bot: Bot, media: str) -> bytes:
    file = await bot.get_file(media)
    if (file.file_size or 0) > updates.DOWNLOAD_LIMIT:
        raise _TooLarge
    return bytes(await file.download_as_bytearray())


def _missed(error: Exception) -> Outcome:
    """Why a file did not come.  Asking twice harms nothing, so what is unknown is tried again."""
    if isinstance(error, Answered) and error.status in (400, 404, 410):
        return Refused("too_large" if "too big" in error.description else "gone")
    outcome = verdict(error)
    return outcome if isinstance(outcome, TryLater) else TryLater("no_answer")


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "")
