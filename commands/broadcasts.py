"""`broadcast list|show` and `audit verify`: the records, read only."""

from __future__ import annotations

import click

from actions import audit as audit_action
from actions import reports
from commands.house import House
from commands.printing import FOUND, fail, json_option, print_json, print_table
from storage import broadcasts


@click.group()
def broadcast() -> None:
    """Broadcasts and whom they reached."""


@broadcast.command("list")
@json_option
@click.pass_obj
def broadcast_list(house: House, as_json: bool) -> None:
    """List the broadcasts, newest first."""
    with house.database.reading() as tx:
        listed = [reports.report(tx, row.id) for row in broadcasts.newest(tx, house.board_id)]
    if as_json:
        print_json([one.as_dict() for one in listed])
        return
    columns = ("id", "school", "state", "purpose", "due", "recipients")
    print_table(
        columns,
        [(r.id, r.school or "", r.state, r.purpose, r.due_at or "", r.recipients) for r in listed],
    )


@broadcast.command("show")
@click.argument("broadcast_id", type=int)
@json_option
@click.pass_obj
def broadcast_show(house: House, broadcast_id: int, as_json: bool) -> None:
    """Show one broadcast and what came of it, channel by channel."""
    with house.database.reading() as tx:
        if broadcasts.find(tx, broadcast_id) is None:
            raise fail(f"there is no broadcast {broadcast_id}")
        report = reports.report(tx, broadcast_id)
    if as_json:
        print_json(report.as_dict())
        return
    click.echo(f"{report.id}  {report.state}  {report.purpose}  due {report.due_at or '-'}")
    print_table(
        ("channel", "recipients", "accepted", "refused", "unknown", "waiting"),
        [(name, *counts.as_dict().values()) for name, counts in report.channels.items()],
    )


@click.group()
def audit() -> None:
    """The records of who did what."""


@audit.command("verify")
@json_option
@click.pass_obj
def audit_verify(house: House, as_json: bool) -> None:
    """Check that no record was changed, removed, moved or added."""
    with house.database.reading() as tx:
        findings = audit_action.verify(tx)
    if as_json:
        print_json([finding.as_dict() for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{finding.chain} {finding.sequence}: {finding.fault}")
        click.echo(f"{len(findings)} faults" if findings else "all chains are whole")
    if findings:
        raise SystemExit(FOUND)
