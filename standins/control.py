"""A very small HTTP server on loopback, by which tests and the demo steer a stand-in.

It shares the event loop of the stand-in, so that what it tells is one consistent moment.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_LINES_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: bytes, or an iterable of lines that are sent as they are made."""

    body: bytes | Iterable[bytes] = b""
    media_type: str = "application/json"
    status: int = 200


Handler = Callable[[Request], Answer]


def as_json(value: Any, status: int = 200) -> Answer:
    """A value as a JSON answer."""
    return Answer(json.dumps(value, ensure_ascii=False).encode(), status=status)


async def serve(handler: Handler, port: int) -> asyncio.Server:
    """Listen on 127.0.0.1; port 0 takes any."""
    return await asyncio.start_server(_connection(handler), "127.0.0.1", port)


def port_of(server: asyncio.Server) -> int:
    """The port that a server got."""
    return int(server.sockets[0].getsockname()[1])


def _connection(
    handler: Handler,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            await _write(writer, _answer(handler, request))
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            pass  # no request, or nobody there any more to answer to
        finally:
            writer.close()

    return answer_one


def _answer(handler: Handler, request: Request) -> Answer:
    try:
        return handler(request)
    except (ValueError, TypeError, KeyError) as error:
        return as_json({"error": f"{type(error).__name__}: {error}"}, status=400)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _version = head[0].split(" ")
    fields = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query)), body)


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    status = HTTPStatus(answer.status)
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {answer.media_type}\r\n"
    if isinstance(answer.body, bytes):
        head += f"Content-Length: {len(answer.body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode("latin-1"))
    if isinstance(answer.body, bytes):
        writer.write(answer.body)
    else:
        for number, line in enumerate(answer.body):
            writer.write(line)
            if number % _LINES_AT_ONCE == 0:
                await writer.drain()
    await writer.drain()
