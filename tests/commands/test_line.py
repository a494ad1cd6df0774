"""`line menu sync` against the LINE stand-in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import main
from commands.house import House
from domain.roles import Role
from settings import PREFIX, SettingsApart
from storage import people, schools, staff
from tests.line_standin import SECRET, TOKEN, LineStandin


class Installation:
    """One installation with LINE, and its staff."""

    def __init__(self, standin: LineStandin, folder: Path) -> None:
        self.standin = standin
        self.values = {
            "var_dir": str(folder),
            "database_url": f"sqlite:///{folder / 'x.db'}",
            "line_channel_secret": SECRET,
            "line_channel_access_token": TOKEN,
            "line_api_url": standin.url,
        }
        self.house = House(SettingsApart.model_validate(self.values))
        self.house.prepare()
        with self.house.database.writing() as tx:
            board = self.house.board_id
            self.school_id = schools.add_school(tx, board, "s01", "一小", "primary", "K7Q3").id

    def run(self, *arguments: str) -> Result:
        environment = {f"{PREFIX}{name.upper()}": value for name, value in self.values.items()}
        return CliRunner().invoke(main, ["line", "menu", "sync", *arguments], env=environment)

    def hires(self, role: Role) -> str:
        (friend,) = self.standin.friends(1)
        with self.house.database.writing() as tx:
            member = staff.add_staff(tx, self.house.board_id, "田中")
            staff.add_role(tx, member, role, self.school_id)
            point = people.contact_point(tx, self.house.board_id, "line", "line", friend)
            staff.link_contact(tx, member, point.id)
        return friend


@pytest.fixture
def city(line: LineStandin, migrated_sqlite: Path, tmp_path: Path) -> Iterator[Installation]:
    shutil.copy(migrated_sqlite, tmp_path / "x.db")
    made = Installation(line, tmp_path)
    yield made
    made.house.close()


def alias(city: Installation, person: str) -> object:
    return city.standin.menu(person)["alias"]


def test_everybody_is_shown_theirs_and_a_second_run_changes_nothing(city: Installation) -> None:
    teacher, principal = city.hires(Role.OPERATOR), city.hires(Role.MANAGER)
    (mother,) = city.standin.friends(1)
    first = city.run("--json")
    assert first.exit_code == 0, first.output
    assert json.loads(first.stdout) == [
        {
            "account": "line",
            "done": ["made guardian", "made operator", "made manager", "everybody sees guardian"],
            "shown": 2,
            "deleted": 0,
        }
    ]
    assert [alias(city, one) for one in (mother, teacher, principal)] == [
        "renrakumo-guardian",
        "renrakumo-operator",
        "renrakumo-manager",
    ]
    again = city.run()
    assert "the menus are there already; shown to 0, 0 old ones deleted" in again.output


def test_after_an_upgrade_the_new_ones_are_shown_before_the_old_ones_go(
    city: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.line import menus

    teacher = city.hires(Role.OPERATOR)
    city.run()
    old = city.standin.menu(teacher)["richMenuId"]
    monkeypatch.setattr(menus, "_DIGEST", 20)
    city.standin.fault(path="bulk/link$", status=500)
    assert "run this again later" in city.run().output
    assert city.standin.menu(teacher)["richMenuId"] == old
    city.standin.end_faults()
    last = json.loads(city.run("--json").stdout)
    assert (last[0]["done"], last[0]["shown"], last[0]["deleted"]) == ([], 1, 3)
    assert city.standin.menu(teacher)["richMenuId"] != old
    assert alias(city, teacher) == "renrakumo-operator"


def test_too_much_at_once_is_waited_out(city: Installation) -> None:
    from commands.line import sync

    teacher, waited = city.hires(Role.OPERATOR), list[float]()
    city.standin.fault(path="bulk/link$", status=429, body={"message": "rate"}, times=2)
    sync(city.house, waited.append)
    assert waited == [3.0, 3.0]
    assert alias(city, teacher) == "renrakumo-operator"


def test_without_line(tmp_path: Path) -> None:
    environment = {
        f"{PREFIX}VAR_DIR": str(tmp_path),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}",
    }
    result = CliRunner().invoke(main, ["line", "menu", "sync"], env=environment)
    assert result.exit_code == 1
    assert "LINE is off" in result.output
