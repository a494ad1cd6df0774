"""An SMTP server on loopback that refuses what real ones refuse, and counts what it took.

    python -m standins.smtp --port 2525 --control-port 8026 [--store DIR] [--dots lenient]
        [--tls offered] [--login user:password] [--no-pipelining] [--utf8] [--pieces 3] ...

Port 0 takes any; when it is ready it prints one line, {"smtp": port, "control": port}.  With
`--store` every message is kept on disk, else only the newest.  `standins.smtp_control` tells
what the control port answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Sequence
from pathlib import Path

from standins.control import port_of, serve
from standins.loop import loop_factory
from standins.mailbox import Mailbox
from standins.smtp_control import handler
from standins.smtp_offers import add_options, offers_from
from standins.smtp_session import Server, Session

_BACKLOG = 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _parser().parse_args(arguments)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="standins.smtp", description=__doc__)
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--control-port", type=int, default=8026)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--dots", choices=("strict", "lenient"), default="strict")
    parser.add_argument("--size-limit", type=int, default=10 * 1024 * 1024)
    parser.add_argument("--pieces", type=int, default=0, help="bytes a segment of the replies")
    add_options(parser)
    return parser


def _server(options: argparse.Namespace) -> Server:
    return Server(
        Mailbox(options.store),
        lenient=options.dots == "lenient",
        size_limit=options.size_limit,
        offers=offers_from(options),
        pieces=options.pieces,
    )


async def _run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    server = _server(options)
    smtp = await loop.create_server(
        lambda: Session(server),
        "127.0.0.1",
        options.port,
        backlog=_BACKLOG,
        ssl=server.offers.tls if server.offers.at_once else None,
    )
    control = await serve(handler(server), options.control_port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    print(json.dumps({"smtp": port_of(smtp), "control": port_of(control)}), flush=True)
    await stopped.wait()
    smtp.close()
    control.close()


if __name__ == "__main__":
    main()
