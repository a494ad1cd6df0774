"""One HTTP request, following nothing, and our web server, whose application each test brings."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.serving import make_server

from tests.channels.contract.rig import Call
from tests.web.live import Quiet

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    body: bytes
    location: str = ""


def ask(server: str, call: Call, method: str = "POST") -> Answered:
    """Make a request of a server named by its origin."""
    connection = HTTPConnection(urlsplit(server).netloc, timeout=20)
    try:
        connection.request(method, call.path, call.body or None, dict(call.headers))
        answer = connection.getresponse()
        return Answered(answer.status, answer.read(), answer.headers.get("Location", ""))
    finally:
        connection.close()


class Door:
    """The web server's application: whichever a test has put there, else 503."""

    def __init__(self) -> None:
        self.app: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.app is None:
            start_response("503 Service Unavailable", [])
            return []
        return self.app(environ, start_response)


@contextmanager
def serving(door: Door) -> Iterator[str]:
    """A threaded web server on loopback; its origin."""
    server = make_server("127.0.0.1", 0, door, True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
