"""A bot of a few lines, to which the LINE stand-in's webhooks can be sent."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.line_standin import SECRET


@dataclass
class Bot:
    """What it was told: bodies, and whether each was rightly signed."""

    port: int = 0
    status: int = 200
    slow: threading.Event | None = None
    heard: Callable[[dict[str, Any]], None] | None = None
    calls: list[tuple[bytes, bool]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhook"

    def events(self) -> list[dict[str, Any]]:
        """Every event of the rightly signed calls, in the order of arrival."""
        return [event for raw, fine in self.calls if fine for event in json.loads(raw)["events"]]


@contextmanager
def line_bot() -> Iterator[Bot]:
    """A bot on a free port."""
    bot = Bot()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(bot)) as server:
        bot.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield bot
        finally:
            server.shutdown()
            thread.join()


def _handler(bot: Bot) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            digest = hmac.digest(SECRET.encode(), raw, hashlib.sha256)
            fine = self.headers.get("X-Line-Signature") == b64encode(digest).decode()
            if bot.slow:
                bot.slow.wait(10)
            bot.calls.append((raw, fine))
            self.send_response(bot.status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if bot.heard and fine:
                for event in json.loads(raw)["events"]:
                    bot.heard(event)

        def log_message(self, *_arguments: Any) -> None:
            pass

    return Handler
