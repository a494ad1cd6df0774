"""The typed client: python-telegram-bot's Bot over our own loop, time-outs and error reading.

Of python-telegram-bot, only what makes requests and reads answers is used: no Application, no
handlers, no rate limiter (ours is in pacing.py).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlencode

from telegram import Bot
from telegram.request import HTTPXRequest

from channels.telegram.loop import LoopThread
from channels.telegram.verdicts import NoAnswer, answered

Result = TypeVar("Result")
# How often a long poll looks whether it is to stop, in seconds.
_LOOK = 0.2

# httpx logs each address, which holds the bot's token, and python-telegram-bot answers that are
# no JSON, whole.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)
logging.getLogger("telegram").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds; `whole` is for a request with everything, `media` likewise
    for one that carries pictures.
    """

    connect: float = 10
    write: float = 20
    read: float = 30
    pool: float = 10
    whole: float = 60
    media: float = 120


class Request(HTTPXRequest):
    """Requests whose errors keep the API's own code and parameters."""

    async def do_request(self, *args: Any, **named: Any) -> tuple[int, bytes]:
        """Make one request; raises Answered for anything but success."""
        code, payload = await super().do_request(*args, **named)
        if not 200 <= code < 300:
            raise answered(code, payload)
        return code, payload


class Client:
    """One bot.  Its methods block the thread that calls them; any thread may."""

    def __init__(self, token: str, api_url: str, connections: int, timeouts: Timeouts) -> None:
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._connections = connections
        self._timeouts = timeouts
        self._loop = LoopThread("telegram")
        self._lock = Lock()
        self._requests: tuple[Request, Request] | None = None
        self._made: Bot | None = None

    def call(
        self, ask: Callable[[Bot], Coroutine[Any, Any, Result]], *, media: bool = False
    ) -> Result:
        """Ask the Bot API; raises what channels.telegram.verdicts.verdict understands."""
        seconds = self._timeouts.media if media else self._timeouts.whole
        return _result(self._loop.submit(lambda: _within(ask(self._bot()), seconds)))

    def updates(
        self, offset: int | None, seconds: int, allowed: Sequence[str], stopping: Callable[[], bool]
    ) -> list[object]:
        """One long poll, its updates as they came; nothing if it was broken off."""
        future = self._loop.submit(lambda: self._get_updates(offset, seconds, allowed))
        while not wait([future], timeout=_LOOK).done:
            if stopping():
                future.cancel()
                return []
        return _result(future)

    async def _get_updates(
        self, offset: int | None, seconds: int, allowed: Sequence[str]
    ) -> list[object]:
        # Not by Bot.get_updates: it drops every update of a batch of which it cannot read one.
        asked = {"timeout": seconds, "allowed_updates": json.dumps(list(allowed))}
        if offset is not None:
            asked["offset"] = offset
        url = f"{self._api_url}/bot{self._token}/getUpdates?{urlencode(asked)}"
        read = seconds + self._timeouts.read
        self._bot()
        assert self._requests is not None
        polling = self._requests[1]
        _, payload = await _within(
            polling.do_request(url, "POST", read_timeout=read), read + self._timeouts.whole
        )
        return list(json.loads(payload)["result"])

    def close(self) -> None:
        """Break off what is under way and close all connections."""
        self._loop.close(self._shut_down)

    async def _shut_down(self) -> None:
        for request in self._requests or ():
            await request.shutdown()

    def _bot(self) -> Bot:
        with self._lock:
            if self._made is None:
                self._requests = (self._request(self._connections), self._request(2))
                self._made = Bot(
                    self._token,
                    base_url=f"{self._api_url}/bot",
                    base_file_url=f"{self._api_url}/file/bot",
                    request=self._requests[0],
                    get_updates_request=self._requests[1],
                )
            return self._made

    def _request(self, connections: int) -> Request:
        return Request(
            connection_pool_size=connections,
            connect_timeout=self._timeouts.connect,
            read_timeout=self._timeouts.read,
            write_timeout=self._timeouts.write,
            media_write_timeout=self._timeouts.write,
            pool_timeout=self._timeouts.pool,
        )


async def _within(asked: Coroutine[Any, Any, Result], seconds: float) -> Result:
    """The answer, or NoAnswer if it drips in too slowly for any single time-out to notice."""
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except TimeoutError as error:
        raise NoAnswer from error


def _result(future: Future[Result]) -> Result:
    try:
        return future.result()
    except CancelledError as error:
        raise NoAnswer from error
