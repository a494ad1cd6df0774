"""A Bot API on loopback that answers as it is told, and a clock that only waiting moves."""

from __future__ import annotations

import email
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from channels.telegram.channel import TelegramChannel
from channels.telegram.client import Timeouts
from domain.outcomes import Outcome

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
TOKEN = "123456:a-token-of-the-tests"
SECRET = "the_webhooks_secret"
FAST = Timeouts(connect=2, write=2, read=0.3, pool=2, whole=5, media=5)
# Answers that are none: the connection closes, or nothing comes until the test ends.
DROP, HANG = "drop", "hang"


@dataclass(frozen=True)
class Asked:
    """One request: the method of the Bot API, its parameters, and the bytes of its files."""

    method: str
    fields: dict[str, str]
    files: dict[str, bytes]

    def json(self, name: str) -> Any:
        return json.loads(self.fields[name])


def refusal(code: int, description: str = "", **parameters: int) -> tuple[int, dict[str, Any]]:
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    return code, {**body, "parameters": parameters} if parameters else body


@dataclass
class Api:
    """What was asked, and what is answered next to each method (`script`), else success."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    script: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, bytes] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def to(self, method: str) -> list[Asked]:
        return [each for each in self.asked if each.method == method]

    def texts(self, chat: str) -> list[str]:
        said = [each for each in self.asked if each.fields.get("chat_id") == chat]
        return [each.fields.get("text", each.fields.get("caption", "")) for each in said]

    def answer(self, asked: Asked) -> Any:
        with self.lock:
            self.asked.append(asked)
            script = self.script[asked.method]
            if script:
                told = script.pop(0)
                return told(asked) if callable(told) else told
            return 200, {"ok": True, "result": self.success(asked)}

    def success(self, asked: Asked) -> Any:
        if asked.method in ("sendMessage", "sendPhoto"):
            return self.message(asked, int(asked.method == "sendPhoto"))[0]
        if asked.method == "sendMediaGroup":
            return self.message(asked, len(asked.json("media")))
        if asked.method == "getMe":
            return {"id": 1, "is_bot": True, "first_name": "れんらく", "username": "renraku_bot"}
        if asked.method == "getUpdates":
            return []
        return True

    def message(self, asked: Asked, photos: int) -> list[dict[str, Any]]:
        return [self.one(asked, bool(photos)) for _ in range(photos or 1)]

    def one(self, asked: Asked, has_photo: bool) -> dict[str, Any]:
        self.number += 1
        chat = {"id": int(asked.fields["chat_id"]), "type": "private"}
        message: dict[str, Any] = {"message_id": self.number, "date": 1795482000, "chat": chat}
        if has_photo:
            message["photo"] = [
                size(f"small-{self.number}", 90),
                size(f"photo-{self.number}", 1280),
            ]
        return message


def size(name: str, side: int) -> dict[str, Any]:
    return {"file_id": name, "file_unique_id": name, "width": side, "height": side}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: Api

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fields = _fields(address.query.encode())
        files: dict[str, bytes] = {}
        if str(self.headers.get("Content-Type")).startswith("multipart/"):
            _read_parts(self.headers["Content-Type"], body, fields, files)
        else:
            fields |= _fields(body)
        assert address.path.startswith(f"/bot{TOKEN}/")
        self._answer(self.api.answer(Asked(address.path.rpartition("/")[2], fields, files)))

    def do_GET(self) -> None:
        data = self.api.files.get(unquote(self.path).removeprefix(f"/file/bot{TOKEN}/"))
        self._answer((404, refusal(404, "Not Found")[1]) if data is None else (200, data))

    def _answer(self, told: Any) -> None:
        if told == HANG:
            self.api.ended.wait(20)
        if told in (HANG, DROP):
            self.close_connection = True
            return
        code, content = told
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Tests are quiet."""


def _fields(encoded: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(encoded.decode()).items()}


def _read_parts(kind: str, body: bytes, fields: dict[str, str], files: dict[str, bytes]) -> None:
    whole = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    for part in whole.get_payload():
        name = str(part.get_param("name", header="content-disposition"))  # type: ignore[union-attr]
        data = bytes(part.get_payload(decode=True))  # type: ignore[union-attr]
        if part.get_filename():  # type: ignore[union-attr]
            files[name] = data
        else:
            fields[name] = data.decode()


@contextmanager
def running_api() -> Iterator[Api]:
    api = Api()
    handler = type("Told", (Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        api.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield api
        finally:
            api.ended.set()
            server.shutdown()
            thread.join()


class Time:
    """A clock in seconds that stands still except while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds
            self.waits.append(seconds)


class Log:
    """A send log that keeps what it is told; it stops once `stop` says so."""

    def __init__(self, stop: Callable[[], bool] = lambda: False) -> None:
        self.intents: list[int] = []
        self.outcomes: dict[int, Outcome] = {}
        self.stopping = stop

    def intent(self, delivery_id: int) -> None:
        self.intents.append(delivery_id)

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        assert delivery_id not in self.outcomes
        self.outcomes[delivery_id] = outcome


@contextmanager
def channel_at(
    url: str, time: Time, timeouts: Timeouts = FAST, secret: str = SECRET
) -> Iterator[TelegramChannel]:
    channel = TelegramChannel(
        TOKEN,
        secret,
        url,
        clock=lambda: NOW,
        monotonic=time.monotonic,
        wait=time.wait,
        timeouts=timeouts,
    )
    try:
        yield channel
    finally:
        channel.close()
