"""`schools set`: what a school chooses, for who sets it up by the command line."""

from __future__ import annotations

import click

from actions import schools as actions
from commands.house import House
from commands.printing import fail
from commands.schools import find_school, schools
from domain.refusals import Refusal
from domain.schools import Admission

__all__ = ["schools"]


@schools.command("set")
@click.argument("code")
@click.option("--admission", type=click.Choice([each.value for each in Admission]))
@click.option("--phone", help="The number that guardians call; empty to remove it.")
@click.pass_obj
def schools_set(house: House, code: str, admission: str | None, phone: str | None) -> None:
    """Choose how a school lets guardians in, and the number that they call."""
    if admission is None and phone is None:
        raise click.UsageError("say --admission or --phone")
    with house.database.writing() as tx:
        school = find_school(tx, house.board_id, code)
        if admission is not None:
            actions.set_admission(tx, school.id, Admission(admission))
        kept = actions.set_phone(tx, school.id, phone) if phone is not None else school.phone
        if isinstance(kept, Refusal):
            raise fail(f"{phone} is not a telephone number")
    click.echo(f"{code}: {school.admission}, {kept or 'no telephone number'}")
