"""The composition root: `create_app()` for the web server and the `renrakumo` command line."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from settings import PREFIX, Settings

if TYPE_CHECKING:
    from flask import Flask

# Imported only when called, so that `explain` does not wait for Flask and the database.
VERBS = {
    "run": "commands.processes:run",
    "web": "commands.processes:web",
    "worker": "commands.worker:worker",
    "intake": "commands.intake:intake",
    "init": "commands.installation:init",
    "migrate": "commands.installation:migrate",
    "doctor": "commands.installation:doctor",
    "backup": "commands.backup:backup",
    "restore": "commands.restore:restore",
    "board": "commands.board:board",
    "schools": "commands.school_settings:schools",
    "slips": "commands.slips:slips",
    "families": "commands.families:families",
    "groups": "commands.schools:groups",
    "school-id": "commands.schools:school_id",
    "staff": "commands.schools:staff",
    "line": "commands.line:line",
    "telegram": "commands.telegram:telegram",
    "broadcast": "commands.broadcasts:broadcast",
    "emergency": "commands.emergencies:emergency",
    "inbox": "commands.inbox:inbox",
    "mail": "commands.mail:mail",
    "lanes": "commands.lanes:lanes",
    "audit": "commands.broadcasts:audit",
    "explain": "commands.explain:explain",
    "demo": "commands.demo.command:demo",
    "bench": "commands.bench.command:bench",
}
# What goes wrong with the database there is not for `init` to put right.
PREPARING = frozenset({"init", "migrate", "run", "web", "worker", "intake", "demo", "bench"})


def create_app() -> Flask:
    """The web application of one installation, as the environment describes it."""
    from commands.house import House
    from commands.logs import set_up_logs
    from commands.pages import services_of
    from web.application import create_web

    settings = Settings()
    set_up_logs(settings.log_format)
    return create_web(services_of(House(settings)))


class Verbs(click.Group):
    """Finds a command by its verb and imports it then."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in VERBS:
            return None
        module, attribute = VERBS[name].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """A command that stops at a database that nobody prepared says so, and no more."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception:
            if ctx.invoked_subcommand in PREPARING or ctx.obj is None or ctx.obj.is_prepared():
                raise
        words = "the database is not there yet, or of another release: run `renrakumo init`"
        raise click.ClickException(words)


@click.command(cls=Verbs, name="renrakumo")
@click.version_option(package_name="renrakumo")
@click.pass_context
def main(ctx: click.Context) -> None:
    """連絡網: a school's notice reaches every family."""
    if ctx.invoked_subcommand == "explain":
        return
    from commands.house import House
    from commands.logs import set_up_logs

    # What is made here (database, keys, journals) is for this account alone to read.
    os.umask(0o077)
    # Asked to stop, a command leaves through its `finally` blocks and takes its children along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    settings = _settings()
    set_up_logs(settings.log_format)
    ctx.obj = House(settings)
    ctx.call_on_close(ctx.obj.close)


def _settings() -> Settings:
    """The settings, or a plain word on which one is wrong (its value may be a secret)."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()
        ]
        raise click.UsageError("\n".join(wrong)) from None


if __name__ == "__main__":
    sys.exit(main())
