"""`init`, `migrate` and `doctor`: an installation from outside."""

from __future__ import annotations

import click

from commands.checks import check_all
from commands.house import House
from commands.printing import FOUND, json_option, print_json, print_table
from storage.migrate import newest, upgrade


@click.command()
@click.pass_obj
def init(house: House) -> None:
    """Make keys and database, and open the board; safe to run again."""
    house.prepare()
    click.echo(f"{house.settings.board_name} ({house.settings.board_code})")
    click.echo(f"database {house.database.engine.url.render_as_string()}  schema {newest()}")
    click.echo(f"keys and secret in {house.settings.var_dir}/ : keep a copy apart from the data")


@click.command()
@click.pass_obj
def migrate(house: House) -> None:
    """Bring the database to the newest schema."""
    upgrade(house.database)
    click.echo(newest())


@click.command()
@json_option
@click.pass_obj
def doctor(house: House, as_json: bool) -> None:
    """Say what is on, what is off and why, and what needs attention."""
    findings = check_all(house)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        print_table(
            ("", "check", "what was found"),
            [(finding.mark, finding.check, finding.words) for finding in findings],
        )
    if any(finding.wrong for finding in findings):
        raise SystemExit(FOUND)
