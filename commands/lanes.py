"""`lanes`: mail's destinations as the workers last saw them, and letting a stopped one go on."""

from __future__ import annotations

import click

from actions import lanes as actions
from commands.house import House
from commands.printing import fail, json_option, print_json, print_table
from storage import lane_states
from storage.tables import Lane

_COLUMNS = (
    "site",
    "account",
    "egress",
    "per second",
    "connections",
    "measured",
    "unknown %",
    "usual %",
    "stopped",
)


@click.group()
def lanes() -> None:
    """Mail's destinations: their pace, and which of them are stopped."""


@lanes.command("list")
@json_option
@click.pass_obj
def list_command(house: House, as_json: bool) -> None:
    """List every destination that mail was sent to.

    A destination stops by itself when it suddenly calls many recipients unknown, and waits until
    somebody resumes it.
    """
    with house.database.reading() as tx:
        rows = [_row(lane) for lane in lane_states.everything(tx)]
    if as_json:
        print_json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    elif not rows:
        click.echo("no mail was sent to anybody yet")
    else:
        print_table(_COLUMNS, [["-" if cell is None else cell for cell in row] for row in rows])


def _row(lane: Lane) -> tuple[object, ...]:
    return (
        lane.site,
        lane.account,
        lane.egress or None,
        _rounded(lane.rate),
        lane.connections,
        _rounded(lane.measured),
        round(lane.share * 100, 1),
        round(lane.baseline * 100, 1),
        lane.stopped_at.isoformat() if lane.stopped_at else None,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


@lanes.command("resume")
@click.argument("site")
@click.pass_obj
def resume_command(house: House, site: str) -> None:
    """Let a stopped destination go on; the workers follow within seconds."""
    with house.database.writing() as tx:
        if not lane_states.is_known(tx, site):
            raise fail(f"nothing was ever sent to {site}; see `renrakumo lanes list`")
        if not actions.resume(tx, site):
            raise fail(f"{site} is not stopped")
    click.echo(f"{site}: goes on within a few seconds")
