"""`emergency list|show`: the cases, as scripts and people read them."""

from __future__ import annotations

from actions import registration, schools
from storage.database import Database
from tests.actions import city as scene
from tests.actions.city import City
from tests.actions.test_emergencies import sent
from tests.commands.conftest import Install


def settled(database: Database, board_id: int) -> City:
    """A school of this board, with six families in one class."""
    city = City(board=board_id)
    with database.writing() as tx:
        city.school = schools.open_school(tx, board_id, "k01", "第一小学校", "primary").id
        city.class_a = schools.add_group(tx, city.school, "1年1組", "class").id
        for number in range(1, 7):
            guardian = scene.contact(tx, city, f"guardian{number}")
            registration.register(tx, guardian, city.school, city.class_a, number)
    return city


def test_cases_are_listed_and_shown(install: Install) -> None:
    made = install()
    database = made.house.database
    assert made.json("emergency", "list") == []
    assert made.run("emergency", "show", "7").exit_code == 1
    city = settled(database, made.house.board_id)
    ref = sent(database, city, scene.cast(database, city).teacher)
    (listed,) = made.json("emergency", "list")
    shown = made.json("emergency", "show", str(ref.broadcast_id))
    assert listed == shown
    assert (shown["sent_by"], shown["subject"], shown["school"]) == ("teacher", "地震", "k01")
    assert {"total", "not_reached", "waiting"} <= set(shown["reached"]["families"])
    assert "earthquake" in made.run("emergency", "list").output
    said = made.run("emergency", "show", str(ref.broadcast_id)).output
    assert "reason: 電話がつながらない" in said
    assert "acknowledged_by: -" in said
