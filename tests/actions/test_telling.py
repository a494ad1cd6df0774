"""Where staff are told: at every contact point, but for channels that the board turned off."""

from __future__ import annotations

import pytest

from actions import boards, broadcasts, telling
from domain.roles import Role
from domain.speech import speak
from domain.wording import Plain
from storage import people
from storage import staff as stored
from storage.database import Database
from storage.tables import StaffContact
from tests.actions import city as scene
from tests.actions.city import City, code, told


@pytest.fixture
def city(database: Database) -> City:
    """Two who may approve, each with a chat and with Telegram."""
    made = scene.build(database)
    with database.writing() as tx:
        scene.add_staff(tx, made, "teacher", Role.OPERATOR, made.school)
        for name, role in (("principal", Role.MANAGER), ("deputy", Role.DEPUTY)):
            member = scene.add_staff(tx, made, name, role, made.school)
            point = people.contact_point(tx, made.board, "telegram", "telegram", name)
            made.contacts[f"{name}'s telegram"] = point.id
            who = stored.staff_at(tx, made.contacts[name])
            assert who is not None
            assert who.id == member.staff_id
            stored.link_contact(tx, who, point.id)
    return made


def turn(database: Database, city: City, on: bool) -> None:
    with database.writing() as tx:
        boards.change_settings(tx, city.board, telegram=on)


def submit(database: Database, city: City) -> object:
    with database.writing() as tx:
        teacher = scene.actor(tx, city, "teacher")
    ref = scene.draft(database, city, teacher)
    with database.writing() as tx:
        return broadcasts.submit(tx, teacher, ref)


def test_a_channel_that_is_off_is_left_out(database: Database, city: City) -> None:
    assert submit(database, city) == broadcasts.Submitted(6, 2)
    assert len(told(database, city.contacts["principal"])) == 1
    assert told(database, city.contacts["principal's telegram"]) == []


def test_one_that_is_on_is_not(database: Database, city: City) -> None:
    turn(database, city, on=True)
    submit(database, city)
    assert len(told(database, city.contacts["principal's telegram"])) == 1


def test_who_has_nothing_else_is_not_asked(database: Database, city: City) -> None:
    for name in ("principal", "deputy"):
        leave_only_telegram(database, city, name)
    assert code(submit(database, city)) == "no_approver"
    turn(database, city, on=True)
    assert submit(database, city) == broadcasts.Submitted(6, 2)


def test_who_has_blocked_us_is_not_counted_as_asked(database: Database, city: City) -> None:
    with database.writing() as tx:
        for name in ("principal", "deputy"):
            people.contact(tx, city.contacts[name]).state = "blocked"
    assert code(submit(database, city)) == "no_approver"


def test_nothing_waits_there_until_it_is_turned_on(database: Database, city: City) -> None:
    leave_only_telegram(database, city, "deputy")
    with database.writing() as tx:
        member = stored.staff_at(tx, city.contacts["deputy's telegram"])
        assert member is not None
        telling.tell(tx, [member.id], speak(Plain("hello")))
    assert told(database, city.contacts["deputy's telegram"]) == []


def leave_only_telegram(database: Database, city: City, name: str) -> None:
    with database.writing() as tx:
        link = tx.session.get_one(StaffContact, city.contacts[name])
        tx.session.delete(link)
