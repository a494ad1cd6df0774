"""The Telegram Bot API on loopback, with the state and the refusals of the real one.

    python -m standins.telegram --port 8081 --control-port 8027 --token 1:A \\
        --map https://name=http://127.0.0.1:8000

Port 0 takes any; when it is ready it prints one line, {"telegram": port, "control": port}.  The
API's base URL is http://127.0.0.1:PORT/bot, that of files http://127.0.0.1:PORT/file/bot.
`--map` says where a webhook's public name really is; it can be given more than once.
`standins.telegram_control` tells what the control port answers.

Left out: formatting (any parse_mode is refused), files fetched by URL, and every method that
core.telegram.org/bots/api has beyond those in `standins.telegram_methods`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from standins.control import port_of
from standins.loop import loop_factory
from standins.telegram_api import BODY_BYTES, Api
from standins.telegram_control import Control
from standins.telegram_state import World
from standins.telegram_webhook import Updates, check_mapping

_BACKLOG = 1024
_Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _parser().parse_args(arguments)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="standins.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--control-port", type=int, default=8027)
    parser.add_argument("--token", required=True)
    parser.add_argument("--username", default="renraku_bot")
    parser.add_argument("--map", type=check_mapping, action="append", default=[])
    parser.add_argument("--rate", type=float, default=30.0, help="messages per second over all")
    parser.add_argument("--chat-burst", type=int, default=5, help="messages at once in one chat")
    return parser


async def _run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    world = World(options.token, options.username, options.rate, options.chat_burst)
    api = Api(world)
    updates = Updates(api, dict(options.map))
    telegram = await _listen(api.answer, options.port)
    control = await _listen(Control(world, updates).answer, options.control_port)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    ports = {"telegram": port_of(telegram), "control": port_of(control)}
    print(json.dumps(ports), flush=True)
    await stopped.wait()
    telegram.close()
    control.close()
    await updates.close()


async def _listen(answer: _Answer, port: int) -> asyncio.Server:
    loop = asyncio.get_running_loop()

    def request(head: Any, body: Any, *connection: Any) -> web.BaseRequest:
        protocol, writer, task = connection
        limit = BODY_BYTES
        return web.BaseRequest(head, body, protocol, writer, task, loop, client_max_size=limit)

    server = web.Server(answer, request_factory=request)
    return await loop.create_server(server, "127.0.0.1", port, backlog=_BACKLOG)


if __name__ == "__main__":
    main()
