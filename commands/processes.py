"""`run` and the processes it supervises: `web`, `worker` and `intake`."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import structlog

from bot.turns import TurnLoop
from channels.base import Channel, Incoming
from commands.channel_settings import channel_settings
from commands.house import House
from commands.supervisor import INTAKE, PARTS, Child, Supervisor, command_line
from delivery.render import Addresses
from delivery.troubles import Watch
from delivery.worker import Worker
from domain.outcomes import Outcome, Refused
from intake.listener import Handler, listen, server_factory
from intake.polling import Poller
from settings import Settings, host_port
from storage import inbox
from storage.database import system_clock

log = structlog.get_logger()


@click.command()
@click.pass_obj
def run(house: House) -> None:
    """Start everything, keep it running, stop it on SIGTERM."""
    # What is half set is said here and now: the children could only die of it again and again.
    channel_settings(house.settings)
    house.prepare()
    house.database.close()
    parts = (*PARTS, INTAKE) if _takes_in(house.settings) else PARTS
    environment = os.environ | counted_in(house.settings.metrics_dir)
    children = [Child(" ".join(words), command_line(words), environment) for words in parts]
    Supervisor(children).run()


def counted_in(folder: Path) -> dict[str, str]:
    """Have all processes count into one folder, so that `/metrics` shows what each does.

    Emptied at every start, as prometheus_client's documentation of multiprocess mode asks.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder)}


@click.command()
@click.pass_obj
def web(house: House) -> None:
    """Serve webhooks, web chat and pages."""
    from granian import Granian
    from granian.constants import Interfaces

    house.prepare()
    house.database.close()
    host, port = house.settings.listen_host_port
    Granian(
        "app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        # Most of them wait for one commit together (storage.gathering), so they need no cores of
        # their own, whatever granian says at its start.
        blocking_threads=16,
        log_access=False,
    ).serve()


@click.command()
@click.option("--only", type=click.Choice(["turns", "sending"]), help="Do one of the two.")
@click.pass_obj
def worker(house: House, only: str | None) -> None:
    """Answer conversations (turns) and send answers and broadcasts (sending)."""
    house.prepare()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    loop = TurnLoop(house.database, fetch=_fetching(house.channels))
    if only == "turns":
        _watch_too(house, stop)
        loop.run(stop)
    elif only == "sending":
        _worker(house).run(stop)
    else:
        _both(loop, _worker(house), stop)


def _watch_too(house: House, stop: threading.Event) -> None:
    """Where nobody sends any more, the sending worker cannot say so."""
    watch = Watch(house.database, [house.settings.var_dir])
    threading.Thread(target=watch.run, args=(stop,), name="watch", daemon=True).start()


def _both(loop: TurnLoop, sending: Worker, stop: threading.Event) -> None:
    turns = threading.Thread(target=loop.run, args=(stop,), name="turns")
    turns.start()
    try:
        sending.run(stop)
    finally:
        stop.set()
        turns.join()


def _worker(house: House) -> Worker:
    settings = house.settings
    return Worker(
        database=house.database,
        channels=house.channels,
        name=f"{socket.gethostname()}-{os.getpid()}",
        journal_dir=settings.var_dir / "journal",
        addresses=Addresses(
            settings.public_url, settings.mail_domain, settings.mail_in_domain or ""
        ),
    )


def _fetching(channels: Mapping[str, Channel]) -> Callable[[str, str, str], bytes | Outcome]:
    """How the turns get a picture that lies at its provider."""

    def fetch(channel: str, account: str, media: str) -> bytes | Outcome:
        asked = channels.get(channel)
        # A channel that was turned off meanwhile has nothing any more.
        return asked.fetch(account, media) if asked else Refused("gone")

    return fetch


def _takes_in(settings: Settings) -> bool:
    """Whether anything comes in by another way than our own web server."""
    return settings.mail_in_listen is not None or _polls(settings)


def _polls(settings: Settings) -> bool:
    return settings.telegram_bot_token is not None and settings.telegram_mode == "polling"


@click.command()
@click.pass_obj
def intake(house: House) -> None:
    """Take in mail over SMTP, and poll Telegram where no webhook is set."""
    settings = house.settings
    if not _takes_in(settings):
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
    if not _polls(house.settings):
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
