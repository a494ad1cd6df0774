"""LINE's Messaging API on loopback: keeps state as LINE does, and refuses what LINE refuses.

    python -m standins.line --port 2800 --control-port 2801 --webhook URL \\
        --channel-secret S --access-token T [--map https://name=http://127.0.0.1:8000 ...]

Port 0 takes any; when it is ready it prints one line, {"line": port, "control": port}.  One port
serves api.line.me, api-data.line.me and access.line.me.  `standins.line_control` tells what the
control port answers.  Every rule names its section of LINE's documentation.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from standins import line_channel as channel
from standins import line_sending as sending
from standins.line_account import Account, Settings
from standins.line_checks import Refusal
from standins.line_control import Control, plain_errors
from standins.line_door import BODY_BYTES, Call, Door, Handler
from standins.line_menus import MenuDesk
from standins.line_pictures import Pictures
from standins.line_webhooks import Webhooks
from standins.loop import loop_factory

_BACKLOG = 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    options = _parser().parse_args(arguments)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="standins.line", description=__doc__)
    parser.add_argument("--port", type=int, default=2800)
    parser.add_argument("--control-port", type=int, default=2801)
    parser.add_argument("--webhook", default="")
    parser.add_argument("--channel-secret", required=True)
    parser.add_argument("--access-token", required=True)
    parser.add_argument("--channel-id", default="1234567890")
    parser.add_argument("--basic-id", default="@renraku")
    parser.add_argument("--map", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--quota", type=int)
    parser.add_argument("--reply-token-seconds", type=float, default=60)
    parser.add_argument("--webhook-seconds", type=float, default=2)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    return Settings(
        secret=options.channel_secret,
        token=options.access_token,
        webhook=options.webhook,
        channel_id=options.channel_id,
        basic_id=options.basic_id,
        quota=options.quota,
        reply_token_seconds=options.reply_token_seconds,
        webhook_seconds=options.webhook_seconds,
        names=dict(pair.split("=", 1) for pair in options.map),
    )


async def _run(options: argparse.Namespace) -> None:
    account = Account(_settings(options))
    door, webhooks, desk = Door(account), Webhooks(account), MenuDesk()
    pictures = Pictures(account, webhooks)
    control = Control(door, webhooks, desk, pictures)
    ports = {
        "line": await _serve(_line(door, desk, channel.WebhookDesk(webhooks)), options.port),
        "control": await _serve(_control(control), options.control_port),
    }
    looking = asyncio.create_task(pictures.run())
    print(json.dumps(ports), flush=True)
    await _stopped()
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    await webhooks.close()


def _line(door: Door, desk: MenuDesk, webhook: channel.WebhookDesk) -> web.Application:
    app = web.Application(client_max_size=BODY_BYTES + 1)
    for method, path, handler in [*_messages(webhook), *_rich_menus(desk)]:
        app.router.add_route(method, path, door.wrap(method, path, handler))
    token, link = channel.issue_stateless_token, webhook.account_link
    for method, path, handler in (
        ("POST", "/oauth2/v3/token", token),
        ("GET", "/dialog/bot/accountLink", link),
    ):
        app.router.add_route(method, path, door.wrap(method, path, handler, open_=True))
    app.router.add_route("*", "/{rest:.*}", door.wrap("*", "elsewhere", _nothing))
    return app


def _messages(webhook: channel.WebhookDesk) -> list[tuple[str, str, Handler]]:
    bot = "/v2/bot"
    return [
        ("POST", f"{bot}/message/reply", sending.reply),
        ("POST", f"{bot}/message/push", sending.push),
        ("POST", f"{bot}/message/multicast", sending.multicast),
        ("POST", f"{bot}/message/validate/{{kind:reply|push|multicast}}", sending.validate),
        ("GET", f"{bot}/message/quota", sending.quota),
        ("GET", f"{bot}/message/quota/consumption", sending.consumption),
        ("GET", f"{bot}/message/{{message}}/content", channel.content),
        ("GET", f"{bot}/info", channel.info),
        ("GET", f"{bot}/profile/{{person}}", channel.profile),
        ("POST", f"{bot}/user/{{person}}/linkToken", channel.issue_link_token),
        ("POST", f"{bot}/chat/loading/start", channel.loading),
        ("PUT", f"{bot}/channel/webhook/endpoint", webhook.set_endpoint),
        ("GET", f"{bot}/channel/webhook/endpoint", webhook.endpoint),
        ("POST", f"{bot}/channel/webhook/test", webhook.test),
    ]


def _rich_menus(desk: MenuDesk) -> list[tuple[str, str, Handler]]:
    menu, person = "/v2/bot/richmenu", "/v2/bot/user"
    return [
        ("POST", menu, desk.create),
        ("POST", f"{menu}/validate", desk.validate),
        ("GET", f"{menu}/list", desk.every),
        ("POST", f"{menu}/alias", desk.create_alias),
        ("GET", f"{menu}/alias/list", desk.aliases),
        ("POST", f"{menu}/alias/{{alias}}", desk.update_alias),
        ("GET", f"{menu}/alias/{{alias}}", desk.alias),
        ("DELETE", f"{menu}/alias/{{alias}}", desk.delete_alias),
        ("POST", f"{menu}/bulk/link", desk.bulk_link),
        ("POST", f"{menu}/bulk/unlink", desk.bulk_unlink),
        ("POST", f"{menu}/{{menu}}/content", desk.upload),
        ("GET", f"{menu}/{{menu}}/content", desk.picture),
        ("GET", f"{menu}/{{menu}}", desk.one),
        ("DELETE", f"{menu}/{{menu}}", desk.delete),
        ("POST", f"{person}/all/richmenu/{{menu}}", desk.set_default),
        ("GET", f"{person}/all/richmenu", desk.default),
        ("DELETE", f"{person}/all/richmenu", desk.clear_default),
        ("POST", f"{person}/{{person}}/richmenu/{{menu}}", desk.link),
        ("GET", f"{person}/{{person}}/richmenu", desk.linked),
        ("DELETE", f"{person}/{{person}}/richmenu", desk.unlink),
    ]


def _control(control: Control) -> web.Application:
    app = web.Application(middlewares=[plain_errors], client_max_size=64 * 1024 * 1024)
    app.add_routes(control.routes())
    return app


def _nothing(account: Account, call: Call) -> dict[str, Any]:
    """reference/messaging-api/#status-codes: 404 for an endpoint that is none."""
    raise Refusal(404, "Not found")


async def _serve(app: web.Application, port: int) -> int:
    runner = web.AppRunner(app, access_log=None, handle_signals=False, keepalive_timeout=75)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=_BACKLOG)
    await site.start()
    return int(runner.addresses[0][1])


async def _stopped() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


if __name__ == "__main__":
    main()
