"""The list to phone by, on its page: for one member of staff and one day, and never kept."""

from __future__ import annotations

from dataclasses import replace

from actions import staff
from actions.phone_lists import path_to
from domain import paths
from domain.roles import Actor, Role
from storage.database import Database
from storage.tables import Broadcast
from tests.actions.school_day import SchoolDay, school_day
from tests.databases import SECRET, Clock
from web.application import create_web
from web.services import Services


def path(day: SchoolDay, actor: Actor) -> str:
    with day.database.reading() as tx:
        return path_to(tx, tx.session.get_one(Broadcast, day.id), actor, "not_accepted")


def test_a_page_to_print(sqlite_database: Database, clock: Clock) -> None:
    day = school_day(sqlite_database)
    services = Services(sqlite_database, {}, "http://localhost", day.city.board, SECRET)
    client = create_web(services).test_client()
    mine, principals = path(day, day.cast.teacher), path(day, day.cast.principal)
    answer = client.get(mine)
    assert answer.headers["Cache-Control"] == "private, no-store"
    for part in ("1年1組", "ブロックされている", "blocked", "電話した人", "Called by", "4家庭"):
        assert part in answer.text, part
    assert "second@example.jp" not in answer.text
    assert answer.text.count('<td class="number">') == 4

    # Nobody makes one up, from another's or from any other link.
    assert client.get(paths.phone_list(b"x" * 32, day.id, 1, 9**10, 0)).status_code == 404
    assert client.get(f"/print/{paths.message(SECRET, 1).rpartition('/')[2]}").status_code == 404

    # Who has left the school sees no more of it.
    with sqlite_database.writing() as tx:
        staff.end_role(tx, day.cast.teacher.staff_id, Role.OPERATOR, day.city.school)
    assert client.get(mine).status_code == 404
    assert client.get(principals).status_code == 200
    assert client.get(path(day, replace(day.cast.principal, staff_id=999))).status_code == 404
    clock.forward(hours=25)
    assert client.get(principals).status_code == 404
