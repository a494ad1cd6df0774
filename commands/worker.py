"""`worker`: answers conversations, and sends."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import click

from channels.base import Channel
from commands import memory
from commands.house import House
from commands.mail_doctor import gate_of
from delivery.render import Addresses
from delivery.troubles import Watch
from delivery.worker import Worker
from domain.outcomes import Outcome, Refused

if TYPE_CHECKING:
    from bot.turns import TurnLoop


@click.command()
@click.option("--only", type=click.Choice(["turns", "sending"]), help="Do one of the two.")
@click.pass_obj
def worker(house: House, only: str | None) -> None:
    """Answer conversations (turns) and send answers and broadcasts (sending)."""
    house.prepare()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    memory.tune()
    if only == "turns":
        _watch_too(house, stop)
        _turns(house).run(stop)
    elif only == "sending":
        _worker(house).run(stop)
    else:
        _both(_turns(house), _worker(house), stop)


def _turns(house: House) -> TurnLoop:
    # Imported only where it runs: who only sends spares the memory of all dialogues.
    from bot.turns import TurnLoop

    return TurnLoop(house.database, fetch=_fetching(house.channels))


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
        gate=gate_of(house),
    )


def _fetching(channels: Mapping[str, Channel]) -> Callable[[str, str, str], bytes | Outcome]:
    """How the turns get a picture that lies at its provider."""

    def fetch(channel: str, account: str, media: str) -> bytes | Outcome:
        asked = channels.get(channel)
        # A channel that was turned off meanwhile has nothing any more.
        return asked.fetch(account, media) if asked else Refused("gone")

    return fetch
