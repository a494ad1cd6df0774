"""`run` and the processes it supervises: `web`, `worker` and `intake`."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import threading
from pathlib import Path

import click
import structlog

from bot.turns import TurnLoop
from channels.base import Incoming
from commands.house import House
from commands.supervisor import Child, Supervisor, command_line
from delivery.render import Addresses
from delivery.worker import Worker
from intake.listener import Handler, listen, server_factory
from settings import host_port
from storage import inbox
from storage.database import system_clock

log = structlog.get_logger()


@click.command()
@click.pass_obj
def run(house: House) -> None:
    """Start everything, keep it running, stop it on SIGTERM."""
    house.prepare()
    house.database.close()
    verbs = ["web", "worker"] + (["intake"] if house.settings.mail_in_listen else [])
    environment = os.environ | counted_in(house.settings.metrics_dir)
    Supervisor([Child(verb, command_line(verb), environment) for verb in verbs]).run()


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
        blocking_threads=4,
        log_access=False,
    ).serve()


@click.command()
@click.pass_obj
def worker(house: House) -> None:
    """Answer conversations and send what is due."""
    house.prepare()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    turns = threading.Thread(target=TurnLoop(house.database).run, args=(stop,), name="turns")
    turns.start()
    try:
        _worker(house).run(stop)
    finally:
        stop.set()
        turns.join()
        house.close()


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
        threads=settings.mail_connections,
    )


@click.command()
@click.pass_obj
def intake(house: House) -> None:
    """Take in mail over SMTP."""
    settings = house.settings
    if settings.mail_in_listen is None or settings.mail_in_domain is None:
        raise click.UsageError("set RENRAKUMO_MAIL_IN_LISTEN and RENRAKUMO_MAIL_IN_DOMAIN")
    house.prepare()
    asyncio.run(_serve_mail(house, settings.mail_in_listen, settings.mail_in_domain))
    house.database.close()


async def _serve_mail(house: House, address: str, domain: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    board_id = house.board_id

    def store(incoming: Incoming) -> bool:
        with house.database.writing() as tx:
            return inbox.store(tx, board_id, incoming)

    host, port = host_port(address)
    factory = server_factory(Handler(domain, house.settings.secret(), store, system_clock), domain)
    await listen(host, port, factory, stop)
