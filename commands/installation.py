"""`init`, `migrate` and `doctor`: an installation from outside."""

from __future__ import annotations

from collections.abc import Sequence

import click

from commands.checks import check_all
from commands.findings import Finding
from commands.house import House
from commands.mail_doctor import accept_check
from commands.printing import FOUND, json_option, print_json, print_table
from domain.mail_checks import CHECKS
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
@click.option(
    "--accept",
    metavar="CHECK",
    help="Let mail leave for 30 days although this check of its sender does not pass.",
)
@click.option("--reason", metavar="TEXT", help="Why it is accepted; goes with --accept.")
@json_option
@click.pass_obj
def doctor(house: House, accept: str | None, reason: str | None, as_json: bool) -> None:
    """Say what is on, what is off and why, and what needs attention."""
    if accept is not None or reason is not None:
        _accept(house, accept or "", (reason or "").strip(), as_json)
        return
    findings = check_all(house)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        _print(findings)
    if any(finding.wrong for finding in findings):
        raise SystemExit(FOUND)


def _print(findings: Sequence[Finding]) -> None:
    """Records to publish stand beneath, each on one line however long: people copy them."""
    print_table(
        ("", "check", "what was found"),
        [(finding.mark, finding.check, finding.words) for finding in findings],
    )
    records = [finding.publish for finding in findings if finding.publish]
    if records:
        click.echo("\nTo publish in the DNS, word for word:\n")
    for record in records:
        click.echo(record)


def _accept(house: House, name: str, reason: str, as_json: bool) -> None:
    if name.upper() not in CHECKS:
        raise click.UsageError(f"--accept takes one of {', '.join(CHECKS)}")
    if not reason:
        raise click.UsageError("--accept needs a --reason")
    accepted = accept_check(house, name.upper(), reason)
    if as_json:
        print_json(accepted.as_dict())
    else:
        click.echo(f"{accepted.check}: {accepted.words}")
