"""Stand-ins of the carriers: one process, an address on loopback and rules for each of them.

    python -m standins.carriers --port 2525 --control-port 8028 --zone FILE [--rules FILE]
        [--certificate FILE] [--pieces 3]

docomo is at 127.0.2.1, au at 127.0.2.2 and so on (standins.carrier_rules), all on one port; port
0 takes any.  `--zone` is written for standins.dns: with it, `mx://?port=…` and
RENRAKUMO_DNS_SERVERS bring all mail here.  Nothing else of the Internet is in it but what
`--beside` adds.  gmail has TLS: whoever sends there trusts `--certificate` (SSL_CERT_FILE).  When
it is ready it prints one line, {"carriers": port, "control": port}.  (macOS has only 127.0.0.1 on
loopback.)

The control page is that of standins.smtp_control for all of them together, and:

GET    /carriers    the figures of each
GET    /zone        the zone
POST   /rules       {"docomo": {"per_second": 5}, "*": {"delay": 0}}, as in standins.carrier_rules;
                    POST /reset gives back those of the beginning
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from standins.carrier_rules import CARRIERS, Carrier, changed
from standins.carrier_server import CarrierServer
from standins.certificate import self_signed
from standins.control import Answer, Handler, Request, as_json, port_of, serve
from standins.loop import loop_factory
from standins.mailbox import Mailbox
from standins.smtp_control import handler as smtp_handler
from standins.smtp_offers import Offers
from standins.smtp_session import Server, Session

_BACKLOG = 1024
_TRIES = 20
_NETWORK = "127.0.2."


def zone(carriers: Sequence[Carrier]) -> dict[str, dict[str, list[str]]]:
    """Where the domains' mail goes: here."""
    records: dict[str, dict[str, list[str]]] = {}
    for number, carrier in enumerate(carriers, start=1):
        for domain, exchanger in carrier.domains.items():
            mail = {"MX": [f"10 {exchanger}."], "A": [f"{_NETWORK}{number}"]}
            records[domain] = mail
            records[exchanger] = {"A": [f"{_NETWORK}{number}"]}
            if carrier.everybody:
                records[f"*.{domain}"] = mail
    return records


def follow(servers: Sequence[CarrierServer], order: Mapping[str, Mapping[str, Any]]) -> None:
    """Change rules, all or none; "*" means every carrier."""
    known = {server.carrier.name for server in servers}
    if unknown := set(order) - known - {"*"}:
        raise ValueError(f"there is no carrier {', '.join(sorted(unknown))}")
    rules = [_ordered(server.carrier, order) for server in servers]
    for server, rule in zip(servers, rules, strict=True):
        server.follow(rule)


def _ordered(carrier: Carrier, order: Mapping[str, Mapping[str, Any]]) -> Carrier:
    return changed(carrier, {**order.get("*", {}), **order.get(carrier.name, {})})


def _handler(servers: Sequence[CarrierServer], whole: Server) -> Handler:
    everything = smtp_handler(whole)
    beginning = [server.carrier for server in servers]

    def answer(request: Request) -> Answer:
        action = f"{request.method} {request.path}"
        if action == "GET /zone":
            return as_json(zone(CARRIERS))
        if action == "POST /rules":
            follow(servers, json.loads(request.body))
        if action in ("GET /carriers", "POST /rules"):
            return as_json({server.carrier.name: server.stats() for server in servers})
        said = everything(request)
        if action == "POST /reset":
            for server, rule in zip(servers, beginning, strict=True):
                server.clear()
                server.follow(rule)
        return said

    return answer


def _servers(whole: Server, certificate: Path | None) -> list[CarrierServer]:
    secure = [carrier for carrier in CARRIERS if carrier.tls]
    names = sorted({name for carrier in secure for name in carrier.domains.values()})
    tls = self_signed(names, certificate)
    return [
        CarrierServer(
            carrier,
            whole,
            Offers(tls=tls if carrier.tls else None, pipelining=carrier.pipelining),
        )
        for carrier in CARRIERS
    ]


async def _listen(servers: Sequence[CarrierServer], port: int) -> list[asyncio.Server]:
    """All on one port; with port 0 until one is free everywhere."""
    for left in reversed(range(_TRIES)):
        listening: list[asyncio.Server] = []
        try:
            for address, server in _addressed(servers):
                at = port_of(listening[0]) if listening else port
                listening.append(await _listening(server, address, at))
        except OSError:
            for each in listening:
                each.close()
            if port or not left:
                raise
        else:
            return listening
    raise AssertionError("not reached")


def _addressed(servers: Sequence[CarrierServer]) -> Iterator[tuple[str, CarrierServer]]:
    return ((f"{_NETWORK}{number}", server) for number, server in enumerate(servers, start=1))


async def _listening(server: Server, address: str, port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Session(server), address, port, backlog=_BACKLOG)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="standins.carriers", description=__doc__)
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--control-port", type=int, default=8028)
    parser.add_argument("--zone", type=Path, help="where to write the zone")
    parser.add_argument("--beside", type=Path, help="more records for the zone, as JSON")
    parser.add_argument("--rules", type=Path, help="rules to begin with, as for POST /rules")
    parser.add_argument("--certificate", type=Path, help="where to write gmail's certificate")
    parser.add_argument("--store", type=Path, help="folder to keep every message in")
    parser.add_argument("--pieces", type=int, default=0, help="bytes a segment of the replies")
    return parser


async def _run(options: argparse.Namespace) -> None:
    whole = Server(Mailbox(options.store), pieces=options.pieces)
    servers = _servers(whole, options.certificate)
    if options.rules:
        follow(servers, json.loads(options.rules.read_text()))
    if options.zone:
        beside = json.loads(options.beside.read_text()) if options.beside else {}
        options.zone.write_text(json.dumps(zone(CARRIERS) | beside))
    listening = await _listen(servers, options.port)
    control = await serve(_handler(servers, whole), options.control_port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ready = {"carriers": port_of(listening[0]), "control": port_of(control)}
    print(json.dumps(ready), flush=True)
    await stopped.wait()
    for each in (*listening, control):
        each.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(_parser().parse_args(arguments)))


if __name__ == "__main__":
    main()
