"""A server on loopback that answers as it is told to, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REQUEST_ID = "x-line-request-id"
ACCEPTED_ID = "x-line-accepted-request-id"


@dataclass(frozen=True)
class Says:
    """An answer; a `body` that is no bytes goes out as JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class HangsUp:
    """The connection ends without an answer, after the request has been read or before."""

    after_reading: bool = True


@dataclass(frozen=True)
class StaysSilent:
    """The request is read and nothing comes, until the test is over."""


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; `headers` by their names in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class LineServer:
    """Answers in the order given, then with an empty 200; remembers every request."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.answers: list[Says | HangsUp | StaysSilent] = []
        self.over = threading.Event()
        self._lock = threading.Lock()

    def will(self, *answers: Says | HangsUp | StaysSilent) -> None:
        self.answers.extend(answers)

    def next(self) -> Says | HangsUp | StaysSilent:
        with self._lock:
            return self.answers.pop(0) if self.answers else Says()

    def paths(self) -> list[str]:
        return [one.path for one in self.seen]


@contextmanager
def line_server() -> Iterator[LineServer]:
    """A server in threads of this process."""
    line = LineServer()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(line))
    httpd.daemon_threads = True
    line.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield line
    finally:
        line.over.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def _handler(line: LineServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer in two small packets would wait for the client's delayed acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            answer = line.next()
            if answer == HangsUp(after_reading=False):
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            line.seen.append(Seen(self.command, self.path, headers, body))
            if isinstance(answer, Says):
                self._say(answer)
                return
            if isinstance(answer, StaysSilent):
                line.over.wait()
            self.close_connection = True

        def _say(self, says: Says) -> None:
            body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
            self.send_response(says.status)
            for name, value in {"content-length": str(len(body)), **says.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # A client may stop reading what is too large.
                self.wfile.write(body)
                self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    return Handler
