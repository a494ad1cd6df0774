"""`broadcast list|show|unreached` and `audit verify`: the records, read only."""

from __future__ import annotations

import csv
import sys
from typing import Any

import click

from actions import audit as audit_action
from actions import phone_lists, reports
from actions.phone_lists import Call, ClassCalls
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
        classes = reports.by_class(tx, broadcast_id)
        confirmed = reports.count_confirmed(tx, broadcast_id)
    if as_json:
        by_class = [each.as_dict() for each in classes]
        print_json({**report.as_dict(), "confirmed": confirmed, "classes": by_class})
        return
    click.echo(f"{report.id}  {report.state}  {report.purpose}  due {report.due_at or '-'}")
    print_table(
        ("channel", "recipients", "accepted", "refused", "unknown", "waiting"),
        [(name, *counts.as_dict().values()) for name, counts in report.channels.items()],
    )
    click.echo()
    print_table(
        ("school", "class", "families", "confirmed", "accepted", "waiting", "not reached"),
        [tuple(each.as_dict().values()) for each in classes],
    )


_COLUMNS = ("school", "class", "numbers", "family", "tried")


@broadcast.command("unreached")
@click.argument("broadcast_id", type=int)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.pass_obj
def broadcast_unreached(house: House, broadcast_id: int, as_json: bool, as_csv: bool) -> None:
    """List the families that a broadcast did not reach, class by class, and why.

    A family with children in two classes stands in both.
    """
    if as_json and as_csv:
        raise click.UsageError("--json or --csv, not both")
    with house.database.reading() as tx:
        row = broadcasts.find(tx, broadcast_id)
        if row is None:
            raise fail(f"there is no broadcast {broadcast_id}")
        classes = phone_lists.phone_list(tx, row, "not_reached").classes
    listed = [_unreached(inside, call) for inside in classes for call in inside.calls]
    if as_json:
        print_json(listed)
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_COLUMNS)
        writer.writerows(map(_cells, listed))
    else:
        print_table(_COLUMNS, [_cells(each) for each in listed])


def _unreached(inside: ClassCalls, call: Call) -> dict[str, Any]:
    return {
        "school": inside.school,
        "class": inside.name,
        "numbers": list(call.numbers),
        "family": call.family_id,
        "tried": [
            {"channel": each.channel, "state": each.state, "reason": each.reason}
            for each in call.tried
        ],
    }


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    tried = (f"{each['channel']}:{each['reason'] or each['state']}" for each in one["tried"])
    numbers = " ".join(map(str, one["numbers"]))
    return one["school"], one["class"], numbers, str(one["family"]), " ".join(tried)


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
