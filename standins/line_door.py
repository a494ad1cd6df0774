"""What every request to LINE goes through: faults, the access token, rate limits, the answer.

Sources: https://developers.line.biz/en/reference/messaging-api/ #rate-limits, #status-codes,
#response-headers, #error-responses.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from standins.line_account import Account
from standins.line_checks import Refusal
from standins.line_faults import Fault

BODY_BYTES = 2 * 1024 * 1024  # #status-codes, 413: "the request exceeds the max size of 2MB"
_TOO_LARGE = "Payload too large: the request exceeds the max size of 2MB"

# #rate-limits, by method and endpoint: (requests, seconds).  All others: 2,000 a second.
_LIMITS: dict[str, tuple[int, int]] = {
    "POST /v2/bot/message/multicast": (200, 1),
    "POST /v2/bot/chat/loading/start": (100, 1),
    "POST /v2/bot/richmenu": (100, 3600),
    "DELETE /v2/bot/richmenu/{menu}": (100, 3600),
    "DELETE /v2/bot/richmenu/alias/{alias}": (100, 3600),
    "PUT /v2/bot/channel/webhook/endpoint": (1000, 60),
    "GET /v2/bot/channel/webhook/endpoint": (1000, 60),
    "POST /v2/bot/channel/webhook/test": (60, 3600),
}
_OTHERS = (2000, 1)


@dataclass(frozen=True, slots=True)
class Call:
    """One request, read whole."""

    id: str
    endpoint: str
    headers: Mapping[str, str]
    body: bytes
    parts: Mapping[str, str]
    query: Mapping[str, str]
    arrived: float

    def json(self) -> dict[str, Any]:
        """The body; raises the documented refusals of what is no JSON object (#status-codes)."""
        media_type = self.headers.get("Content-Type", "")
        if not media_type.lower().startswith("application/json"):
            raise unsupported(media_type)
        try:
            value = json.loads(self.body)
        except ValueError as error:
            line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
            message = "The request body could not be parsed as JSON"
            raise Refusal(400, f"{message} (line: {line}, column: {column})") from None
        if not isinstance(value, dict):
            raise Refusal(400, "The request body is invalid")
        return value


def unsupported(media_type: str) -> Refusal:
    """#error-messages."""
    return Refusal(415, f"The content type, {media_type}, is not supported")


Answer = dict[str, Any] | web.Response
Handler = Callable[[Account, Call], Answer | Awaitable[Answer]]


class Door:
    """Wraps each endpoint's own rule in the rules that all have."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.faults: list[Fault] = []
        self.clear()

    def clear(self) -> None:
        self.faults.clear()
        self._window: dict[str, int] = {}
        self._requests: Counter[str] = Counter()

    def wrap(
        self, method: str, path: str, handler: Handler, *, open_: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The endpoint as aiohttp wants it; an `open_` one needs no access token."""
        endpoint = f"{method} {path}"

        async def answer(request: web.Request) -> web.StreamResponse:
            call = await _read(request, endpoint)
            fault = next((fault for fault in self.faults if fault.strikes(request.path)), None)
            if fault and (fault.drop == "before" or (fault.status and not fault.drop)):
                response: web.Response | None = None
            else:
                response = await self._answered(call, handler, open_)
            return await _finished(request, self._spoilt(call, fault, response), fault)

        return answer

    async def _answered(self, call: Call, handler: Handler, open_: bool) -> web.Response:
        try:
            if len(call.body) > BODY_BYTES:
                raise Refusal(413, _TOO_LARGE)
            if not open_:
                self._check_token(call)
            self._check_rate(call.endpoint)
            answer = handler(self.account, call)
            if inspect.isawaitable(answer):
                answer = await answer
        except Refusal as refusal:
            answer = _json(refusal.body, refusal.status, refusal.headers)
        response = answer if isinstance(answer, web.Response) else _json(answer)
        self.account.answers[call.endpoint, response.status] += 1
        response.headers["x-line-request-id"] = call.id
        return response

    def _check_token(self, call: Call) -> None:
        """#status-codes, 401, and #error-messages."""
        kind, _, token = call.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not self.account.allows(token):
            reason = "Authentication failed due to the following reason: invalid token."
            confirm = "Confirm that the access token in the authorization header is valid."
            raise Refusal(401, f"{reason} {confirm}")

    def _check_rate(self, endpoint: str) -> None:
        """#rate-limits, counted in windows of the documented length."""
        requests, seconds = _LIMITS.get(endpoint, _OTHERS)
        window = int(self.account.clock.now() / seconds)
        if self._window.get(endpoint) != window:
            self._window[endpoint], self._requests[endpoint] = window, 0
        self._requests[endpoint] += 1
        if self._requests[endpoint] > requests:
            raise Refusal(429, "The API rate limit has been exceeded. Try again later.")

    def _spoilt(self, call: Call, fault: Fault | None, response: web.Response | None) -> Any:
        """The answer that a fault puts in place of the right one."""
        if fault and fault.status and not fault.drop:
            self.account.answers[call.endpoint, fault.status] += 1
            body = fault.body if fault.body is not None else {"message": "Internal server error"}
            return _json(body, fault.status, {"x-line-request-id": call.id})
        return response


async def _read(request: web.Request, endpoint: str) -> Call:
    arrived = time.perf_counter()
    body = b""
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        body = b" " * (BODY_BYTES + 1)
    parts = request.match_info
    return Call(str(uuid.uuid4()), endpoint, request.headers, body, parts, request.query, arrived)


async def _finished(
    request: web.Request, response: web.Response | None, fault: Fault | None
) -> web.StreamResponse:
    if fault and fault.delay:
        await asyncio.sleep(fault.delay)
    if (fault and fault.drop) or response is None:
        if request.transport is not None:
            request.transport.close()
        return web.Response(status=500)
    return response


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
