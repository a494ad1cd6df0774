"""A DNS server on loopback, over UDP and TCP, that knows one small world.

    python -m standins.dns --port 5353 --control-port 8027 --zone FILE

Port 0 takes any; when it is ready it prints one line, {"dns": port, "control": port}.
`standins.dns_zone` says how a zone is written.  The control page:

GET    /stats       {"questions": N}
GET    /questions   how often each "name TYPE" was asked
POST   /faults      {"match": "^gmail.com MX$", "kind": "servfail", "times": 1}; DELETE ends them
POST   /zone        the whole zone anew
POST   /reset       forget questions and faults
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import socket
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from standins.control import Answer, Handler, Request, as_json, port_of, serve
from standins.dns_zone import Zone, zone_from
from standins.loop import loop_factory

_PLAIN = 512
_TRIES = 20
_RCODES = {
    "servfail": dns.rcode.SERVFAIL,
    "nxdomain": dns.rcode.NXDOMAIN,
    "refused": dns.rcode.REFUSED,
}
_KINDS = (*_RCODES, "silence", "truncated")


@dataclass(slots=True)
class Fault:
    """One order: `match` is searched for in "name TYPE", such as "docomo.ne.jp MX".

    `kind` is servfail, nxdomain, refused, silence (no answer at all) or truncated (over UDP, so
    that TCP is needed).  `times` ends it.
    """

    match: re.Pattern[str]
    kind: str
    times: int | None = None

    def strikes(self, asked: str) -> bool:
        """Whether it strikes now; each strike counts."""
        if self.times == 0 or not self.match.search(asked):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(slots=True)
class Server:
    """What is known, what is to go wrong, and what was asked."""

    zone: Zone
    faults: list[Fault] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, wire: bytes, limit: int | None) -> bytes | None:
        """The answer to one question as it came; None says nothing.

        `limit` is how much may be said over UDP (None over TCP), unless the question allows more.
        """
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if not isinstance(query, dns.message.QueryMessage) or len(query.question) != 1:
            return None
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        asked = f"{question.name.to_text(omit_final_dot=True).lower()} {kind}"
        self.asked[asked] += 1
        fault = next((each for each in self.faults if each.strikes(asked)), None)
        return self._said(query, fault.kind if fault else "", limit)

    def _said(self, query: dns.message.QueryMessage, kind: str, limit: int | None) -> bytes | None:
        if kind == "silence":
            return None
        if kind == "truncated" and limit is not None:
            return _truncated(query)
        if kind in _RCODES:
            response = dns.message.make_response(query)
            response.set_rcode(_RCODES[kind])
        else:
            response = self.zone.answer(query)
        try:
            return response.to_wire(max_size=max(limit, query.payload) if limit else 65_535)
        except dns.exception.TooBig:
            return _truncated(query)


def _truncated(query: dns.message.QueryMessage) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        answer = self._server.answer(data, _PLAIN)
        if answer is not None:
            self._transport.sendto(answer, addr)


def _stream(server: Server) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = server.answer(await reader.readexactly(length), None)
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()

    return serve_one


def _handler(server: Server) -> Handler:
    def answer(request: Request) -> Answer:
        action = f"{request.method} {request.path}"
        if action == "GET /stats":
            return as_json({"questions": server.asked.total()})
        if action == "GET /questions":
            return as_json(server.asked)
        if action == "POST /faults":
            server.faults.append(_fault(request.body))
        elif action == "POST /zone":
            server.zone = zone_from(request.body.decode())
        elif action in ("DELETE /faults", "POST /reset"):
            server.faults.clear()
            if action == "POST /reset":
                server.asked.clear()
        else:
            return as_json({"error": "nothing here"}, status=404)
        return as_json([asdict(f) | {"match": f.match.pattern} for f in server.faults])

    return answer


def _fault(body: bytes) -> Fault:
    order = json.loads(body)
    fault = Fault(**{**order, "match": re.compile(order.get("match", ""))})
    if fault.kind not in _KINDS:
        raise ValueError(f"a fault's kind is one of {', '.join(_KINDS)}")
    return fault


async def _listen(server: Server, port: int) -> asyncio.Server:
    """UDP and TCP on one port; with port 0 until one is free for both."""
    loop = asyncio.get_running_loop()
    for left in reversed(range(_TRIES)):
        tcp = await asyncio.start_server(_stream(server), "127.0.0.1", port)
        try:
            address = ("127.0.0.1", port_of(tcp))
            await loop.create_datagram_endpoint(
                lambda: _Datagrams(server), address, family=socket.AF_INET
            )
        except OSError:
            tcp.close()
            if port or not left:
                raise
        else:
            return tcp
    raise AssertionError("not reached")


async def _run(options: argparse.Namespace) -> None:
    zone = zone_from(options.zone.read_text()) if options.zone else Zone()
    server = Server(zone)
    tcp = await _listen(server, options.port)
    control = await serve(_handler(server), options.control_port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    print(json.dumps({"dns": port_of(tcp), "control": port_of(control)}), flush=True)
    await stopped.wait()
    tcp.close()
    control.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="standins.dns", description=__doc__)
    parser.add_argument("--port", type=int, default=5353)
    parser.add_argument("--control-port", type=int, default=8027)
    parser.add_argument("--zone", type=Path)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()
