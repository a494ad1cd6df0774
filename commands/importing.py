"""What all imports share: a preview first, a summary, and the rows that were not taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import click

from commands.house import House
from commands.printing import FOUND, Command, json_option, print_json
from commands.tables import BadRow
from storage.database import Transaction

# More bad rows than these are counted instead of printed, except with --json.
_PRINTED = 100


class _Done(Protocol):
    """What came of an import."""

    @property
    def bad(self) -> Sequence[BadRow]: ...

    def as_dict(self) -> dict[str, Any]: ...


class _OnlyPreviewed(Exception):
    """Ends the transaction of a preview without keeping anything."""


def import_options(command: Command) -> Command:
    """FILE, --preview and --json."""
    file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    preview = click.option("--preview", is_flag=True, help="Count what is new; write nothing.")
    return file(preview(json_option(command)))


def run_import(
    house: House, preview: bool, as_json: bool, take: Callable[[Transaction], _Done]
) -> None:
    """Take a file in one transaction, say what came of it, and exit 1 if a row was bad.

    A preview does all the same and keeps nothing, so what it counts is what will be.
    """
    done: _Done | None = None
    try:
        with house.database.writing() as tx:
            done = take(tx)
            if preview:
                raise _OnlyPreviewed
    except _OnlyPreviewed:
        pass
    assert done is not None, "it was taken, or something else was raised"
    _print(done, preview, as_json)
    if done.bad:
        raise SystemExit(FOUND)


def _print(done: _Done, preview: bool, as_json: bool) -> None:
    values = done.as_dict()
    if as_json:
        print_json({**values, "preview": preview})
        return
    counts = ", ".join(
        f"{name.replace('_', ' ')} {count}" for name, count in values.items() if name != "bad"
    )
    click.echo(
        f"{'preview, nothing was written: ' if preview else ''}{counts}, bad {len(done.bad)}"
    )
    for row in done.bad[:_PRINTED]:
        click.echo(f"line {row.line}: {row.reason}", err=True)
    if len(done.bad) > _PRINTED:
        click.echo(f"... and {len(done.bad) - _PRINTED} more (--json prints all)", err=True)
