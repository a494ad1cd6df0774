"""`intake`: mail that comes over SMTP, and Telegram where no webhook is set."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable

import click

from channels.base import Incoming
from commands.house import House
from commands.intake_settings import polls, takes_in
from intake.listener import Handler, listen, server_factory
from intake.polling import Poller
from settings import host_port
from storage import inbox
from storage.database import system_clock


@click.command()
@click.pass_obj
def intake(house: House) -> None:
    """Take in mail over SMTP, and poll Telegram where no webhook is set."""
    settings = house.settings
    if not takes_in(settings):
        raise click.UsageError(
            "set RENRAKUMO_MAIL_IN_LISTEN and RENRAKUMO_MAIL_IN_DOMAIN for mail, or "
            "RENRAKUMO_TELEGRAM_MODE=polling"
        )
    if settings.mail_in_listen is not None and settings.mail_in_domain is None:
        raise click.UsageError("set RENRAKUMO_MAIL_IN_DOMAIN beside RENRAKUMO_MAIL_IN_LISTEN")
    house.prepare()
    asyncio.run(_take_in(house))


async def _take_in(house: House) -> None:
    """Everything that comes in, until SIGTERM or SIGINT; a poller that breaks ends it all."""
    stop, stop_polling = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    store = _storing(house)
    polling = loop.run_in_executor(None, _poll, house, store, stop_polling)
    polling.add_done_callback(lambda _: stop.set())
    settings = house.settings
    if settings.mail_in_listen is not None and settings.mail_in_domain is not None:
        await _serve_mail(house, store, settings.mail_in_listen, settings.mail_in_domain, stop)
    else:
        await stop.wait()
    stop_polling.set()
    await polling


def _storing(house: House) -> Callable[[Incoming], bool]:
    board_id = house.board_id

    def store(incoming: Incoming) -> bool:
        with house.database.writing() as tx:
            return inbox.store(tx, board_id, incoming)

    return store


def _poll(house: House, store: Callable[[Incoming], bool], stop: threading.Event) -> None:
    if not polls(house.settings):
        stop.wait()
        return
    from channels.telegram.channel import TelegramChannel

    channel = house.channels["telegram"]
    assert isinstance(channel, TelegramChannel)
    Poller(channel, store).run(stop)


async def _serve_mail(
    house: House,
    store: Callable[[Incoming], bool],
    address: str,
    domain: str,
    stop: asyncio.Event,
) -> None:
    host, port = host_port(address)
    handler = Handler(domain, house.settings.secret(), store, system_clock)
    await listen(host, port, server_factory(handler, domain), stop)
