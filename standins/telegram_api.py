"""The Telegram stand-in's own HTTP server: requests in, answers out, faults where ordered.

core.telegram.org/bots/api#making-requests: GET and POST, parameters in the query, urlencoded,
as JSON or as multipart; names of methods in any case.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any, cast
from urllib.parse import unquote

from aiohttp import web

from standins.telegram_errors import Refused, bad
from standins.telegram_faults import Fault
from standins.telegram_methods import METHODS, Parameters
from standins.telegram_state import Content, World

# At most 50 MB (core.telegram.org/bots/api#sending-files).
BODY_BYTES = 50 * 1024 * 1024


async def _no_updates(given: Parameters) -> list[Content]:
    return []


class Api:
    """Carries out methods, and speaks HTTP about it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.more: dict[str, Callable[[Parameters], Content]] = {}
        self.get_updates: Callable[[Parameters], Awaitable[list[Content]]] = _no_updates

    async def call(self, method: str, given: Parameters) -> tuple[int, Content]:
        """Carry out a method: the HTTP status and the body of its answer."""
        try:
            status, body = 200, {"ok": True, **await self._carried_out(method, given)}
        except Refused as refused:
            status, body = refused.code, refused.answer()
        self.world.answers[method, status] += 1
        return status, body

    async def _carried_out(self, method: str, given: Parameters) -> Content:
        if method == "getupdates":
            return {"result": await self.get_updates(given)}
        if method in self.more:
            return self.more[method](given)
        if method not in METHODS:
            raise Refused(404, "Not Found: method not found")
        return {"result": METHODS[method](self.world, given)}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer any request to the Bot API's port."""
        first, _, rest = request.path.removeprefix("/").partition("/")
        is_file = first == "file"
        if is_file:
            first, _, rest = rest.partition("/")
        token = unquote(first.removeprefix("bot")).encode()
        if not first.startswith("bot") or not rest:
            return _json(Refused(404, "Not Found").answer(), 404)
        if not compare_digest(token, self.world.token.encode()):
            # core.telegram.org/bots/api#authorizing-your-bot.
            return _json(Refused(401, "Unauthorized").answer(), 401)
        return self._file(rest) if is_file else await self._method(rest.lower(), request)

    def _file(self, path: str) -> web.Response:
        """core.telegram.org/bots/api#getfile: a link that has not run out."""
        file = self.world.files.by_path.get(path)
        fault = self._fault("file", "")
        if fault and fault.status:
            return web.Response(body=fault.text(), status=fault.status)
        if file is None or file.link_until <= self.world.clock.now():
            return _json(Refused(404, "Not Found").answer(), 404)
        return web.Response(body=file.data, content_type="application/octet-stream")

    async def _method(self, method: str, request: web.BaseRequest) -> web.StreamResponse:
        try:
            given = await _parameters(request)
        except web.HTTPRequestEntityTooLarge:
            return _json(Refused(413, "Request Entity Too Large").answer(), 413)
        except Refused as refused:
            return _json(refused.answer(), refused.code)
        fault = self._fault(method, given.text("chat_id"))
        if fault is None:
            status, body = await self.call(method, given)
            return _json(body, status)
        return await self._wrong(fault, method, given, request)

    def _fault(self, method: str, chat: str) -> Fault | None:
        return next((f for f in self.world.faults if f.strikes(method, chat)), None)

    async def _wrong(
        self, fault: Fault, method: str, given: Parameters, request: web.BaseRequest
    ) -> web.StreamResponse:
        """Do what was ordered; a real server, too, carries out before it answers."""
        right: tuple[int, Content] | None = None
        if fault.drop == "after" or not (fault.drop or fault.status):
            right = await self.call(method, given)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop:
            if request.transport:
                request.transport.abort()
            return web.Response()
        if right is not None:
            return _json(right[1], right[0])
        self.world.answers[method, fault.status] += 1
        return web.Response(body=fault.text(), status=fault.status, content_type="application/json")


def _json(body: Content, status: int) -> web.Response:
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return web.Response(body=data, status=status, content_type="application/json")


async def _parameters(request: web.BaseRequest) -> Parameters:
    values: dict[str, Any] = dict(request.query)
    files: dict[str, bytes] = {}
    if request.content_type == "application/json":
        values |= _object(await request.read())
    elif request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = value.file.read()
            else:
                values[name] = cast(str | bytes, value)
    return Parameters(values, files)


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        values = json.loads(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise bad("can't parse request parameters as JSON")
    return values
