"""`run` and the web server; `worker` and `intake` are beside it, so that each imports its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import click

from commands.channel_settings import channel_settings, is_direct
from commands.house import House
from commands.intake_settings import takes_in
from commands.printing import fail
from commands.supervisor import (
    INTAKE,
    PARTS,
    PATIENCE,
    SENDING,
    SENDING_PATIENCE,
    Child,
    Supervisor,
    Words,
    command_line,
)
from settings import Settings


@click.command()
@click.pass_obj
def run(house: House) -> None:
    """Start everything, keep it running, stop it on SIGTERM."""
    # What is half set is said here and now: the children could only die of it again and again.
    channel_settings(house.settings)
    house.prepare()
    house.database.close()
    environment = os.environ | counted_in(house.settings.metrics_dir)
    Supervisor([_child(words, environment) for words in _parts(house.settings)]).run()


def _child(words: Words, environment: Mapping[str, str]) -> Child:
    patience = SENDING_PATIENCE if words == SENDING else PATIENCE
    return Child(" ".join(words), command_line(words), environment, patience=patience)


def _parts(settings: Settings) -> list[Words]:
    """What this installation runs; each process that sends beyond the first is one more core."""
    more = settings.sending_workers - 1
    if more and is_direct(settings):
        raise fail("RENRAKUMO_SENDING_WORKERS must be 1 where mail goes out by mx://")
    intake = [INTAKE] if takes_in(settings) else []
    return [*PARTS, *[SENDING] * more, *intake]


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
