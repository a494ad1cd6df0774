"""`emergency list|show`: what was sent first, why, and who took note of it."""

from __future__ import annotations

import click

from actions import emergencies
from actions.emergencies import Case
from commands.house import House
from commands.printing import fail, json_option, print_json, print_table
from storage import broadcasts


@click.group()
def emergency() -> None:
    """Emergencies: sent at once, and reported afterwards."""


@emergency.command("list")
@json_option
@click.pass_obj
def emergency_list(house: House, as_json: bool) -> None:
    """List the emergencies, newest first."""
    with house.database.reading() as tx:
        listed = emergencies.cases(tx, house.board_id)
    if as_json:
        print_json([one.as_dict() for one in listed])
        return
    columns = ("id", "school", "state", "purpose", "opened", "acknowledged")
    print_table(columns, [_row(one) for one in listed])


@emergency.command("show")
@click.argument("broadcast_id", type=int)
@json_option
@click.pass_obj
def emergency_show(house: House, broadcast_id: int, as_json: bool) -> None:
    """Show one emergency as a case: who, when, why, what, and whom it reached."""
    with house.database.reading() as tx:
        row = broadcasts.find(tx, broadcast_id)
        ours = row is not None and row.board_id == house.board_id
        case = emergencies.case(tx, broadcast_id) if ours else None
    if case is None:
        raise fail(f"there is no emergency {broadcast_id}")
    if as_json:
        print_json(case.as_dict())
        return
    facts = case.as_dict()
    facts["families"] = facts.pop("reached")["families"]
    for name, value in facts.items():
        click.echo(f"{name}: {'-' if value in (None, '') else value}")


def _row(case: Case) -> tuple[object, ...]:
    opened = case.opened_at.isoformat()
    return case.broadcast_id, case.school or "", case.state, case.purpose, opened, _by(case)


def _by(case: Case) -> str:
    return case.acknowledged_by or "-"
