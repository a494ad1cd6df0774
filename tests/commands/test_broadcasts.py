"""`broadcast show` and `broadcast unreached`: what scripts read of the report."""

from __future__ import annotations

import csv
import io
import json
from types import SimpleNamespace

from click.testing import CliRunner, Result

from actions import confirmations
from commands.broadcasts import broadcast
from storage.database import Database
from tests.actions.school_day import SchoolDay, school_day


def run(day: SchoolDay, *arguments: str) -> Result:
    house = SimpleNamespace(database=day.database, board_id=day.city.board)
    return CliRunner().invoke(broadcast, list(arguments), obj=house)


def test_the_report_with_its_classes(sqlite_database: Database) -> None:
    day = school_day(sqlite_database)
    with sqlite_database.writing() as tx:
        confirmations.confirm(tx, day.id, day.points["singer"])
    shown = json.loads(run(day, "show", str(day.id), "--json").stdout)
    assert (shown["recipients"], shown["confirmed"]) == (7, 1)
    assert [each["class"] for each in shown["classes"]] == ["1年1組", "1年2組", ""]
    assert shown["classes"][0] == {
        "school": "第一小学校",
        "class": "1年1組",
        "families": 6,
        "confirmed": 0,
        "accepted": 2,
        "waiting": 1,
        "not_reached": 3,
    }
    assert "1年2組" in run(day, "show", str(day.id)).stdout


def test_the_families_not_reached(sqlite_database: Database) -> None:
    day = school_day(sqlite_database)
    listed = json.loads(run(day, "unreached", str(day.id), "--json").stdout)
    assert [(each["class"], each["numbers"]) for each in listed] == [
        ("1年1組", [3]),
        ("1年1組", [4]),
        ("1年1組", [6]),
    ]
    assert listed[0]["tried"] == [{"channel": "webchat", "state": "refused", "reason": "blocked"}]
    rows = list(csv.DictReader(io.StringIO(run(day, "unreached", str(day.id), "--csv").stdout)))
    assert [row["tried"] for row in rows] == ["webchat:blocked", "", "webchat:unknown"]
    assert run(day, "unreached", str(day.id), "--csv", "--json").exit_code == 2
    assert run(day, "unreached", "999").exit_code == 1
    assert "1年1組" in run(day, "unreached", str(day.id)).stdout
