"""Whose menu is not the one of their roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.menus import Menu
from domain.roles import Role
from storage import menus, people, staff
from storage.database import Database, Transaction
from storage.tables import ContactPoint, Staff, StaffRole
from tests.databases import Clock
from tests.delivery import city

LINE = ["line"]


@dataclass
class Office:
    """Staff of a made-up city, each at LINE under their name."""

    where: city.City

    def hires(
        self, tx: Transaction, name: str, *roles: Role, channel: str = "line", account: str = "line"
    ) -> Staff:
        member = staff.add_staff(tx, self.where.board_id, name)
        for role in roles:
            place = None if role in (Role.BOARD, Role.CENTRE) else self.where.school_id
            staff.add_role(tx, member, role, place)
        point = people.contact_point(tx, self.where.board_id, channel, account, name)
        staff.link_contact(tx, member, point.id)
        return member


def wanted(database: Database) -> dict[str, Menu]:
    with database.reading() as tx:
        return {one.address: one.menu for one in menus.wanted(tx, LINE)}


def shown(database: Database) -> dict[str, str]:
    with database.reading() as tx:
        rows = tx.session.scalars(select(ContactPoint).where(ContactPoint.channel == "line"))
        return {people.open_address(tx, row): row.menu for row in rows}


def show_all(database: Database) -> None:
    with database.writing() as tx:
        for one in menus.wanted(tx, LINE):
            menus.note_shown(tx, [one.contact_id], one.menu)


def test_each_role_has_its_menu(database: Database) -> None:
    with database.writing() as tx:
        office = Office(city.found(tx))
        for role in Role:
            office.hires(tx, role, role)
        office.hires(tx, "both", Role.OPERATOR, Role.MANAGER)
        office.hires(tx, "nothing")
        office.hires(tx, "elsewhere", Role.MANAGER, channel="telegram")
        people.contact_point(tx, office.where.board_id, "line", "line", "mother")
    assert wanted(database) == {
        "board": Menu.MANAGER,
        "centre": Menu.OPERATOR,
        "manager": Menu.MANAGER,
        "deputy": Menu.MANAGER,
        "operator": Menu.OPERATOR,
        "both": Menu.MANAGER,
    }
    show_all(database)
    assert wanted(database) == {}
    assert shown(database)["both"] == "manager"
    assert shown(database)["mother"] == ""


def test_a_role_that_ends_gives_the_guardians_menu_back(database: Database, clock: Clock) -> None:
    with database.writing() as tx:
        office = Office(city.found(tx))
        member = office.hires(tx, "teacher", Role.OPERATOR)
    show_all(database)
    clock.forward(hours=1)
    with database.writing() as tx:
        staff.end_role(tx, member.id, Role.OPERATOR, office.where.school_id)
    assert wanted(database) == {"teacher": Menu.GUARDIAN}
    show_all(database)
    assert wanted(database) == {}


def test_a_role_counts_from_its_start_until_its_end(database: Database, clock: Clock) -> None:
    with database.writing() as tx:
        office = Office(city.found(tx))
        member = office.hires(tx, "teacher", Role.OPERATOR)
        role = tx.session.scalars(select(StaffRole).where(StaffRole.staff_id == member.id)).one()
        role.starts_at = tx.now + timedelta(hours=1)
        role.ends_at = tx.now + timedelta(hours=2)
    assert wanted(database) == {}
    clock.forward(hours=1)
    assert wanted(database) == {"teacher": Menu.OPERATOR}
    show_all(database)
    clock.forward(hours=1)
    assert wanted(database) == {"teacher": Menu.GUARDIAN}


def test_who_blocked_us_waits_until_they_are_back(database: Database) -> None:
    with database.writing() as tx:
        Office(city.found(tx)).hires(tx, "teacher", Role.OPERATOR)
        point = tx.session.scalars(select(ContactPoint)).one()
        point.state = "blocked"
    assert wanted(database) == {}
    with database.writing() as tx:
        tx.session.get_one(ContactPoint, point.id).state = "active"
    assert wanted(database) == {"teacher": Menu.OPERATOR}


@pytest.mark.parametrize("left", [False, True])
def test_everybody_with_a_menu_of_their_own_is_shown_it_anew(
    database: Database, clock: Clock, left: bool
) -> None:
    with database.writing() as tx:
        office = Office(city.found(tx))
        member = office.hires(tx, "teacher", Role.OPERATOR)
        office.hires(tx, "other", Role.OPERATOR, account="second")
        people.contact_point(tx, office.where.board_id, "line", "line", "mother")
    show_all(database)
    clock.forward(hours=1)
    with database.writing() as tx:
        if left:
            staff.end_role(tx, member.id, Role.OPERATOR, office.where.school_id)
        menus.forget_shown(tx, "line", "line")
    assert wanted(database) == {"teacher": Menu.GUARDIAN if left else Menu.OPERATOR}


def test_a_telephone_that_was_cut_off_gets_the_guardians_menu_back(database: Database) -> None:
    with database.writing() as tx:
        member = Office(city.found(tx)).hires(tx, "校長", Role.MANAGER)
    show_all(database)
    with database.writing() as tx:
        staff.unlink_contacts(tx, member.id, staff.contacts_of(tx, member.id))
    assert wanted(database) == {"校長": Menu.GUARDIAN}
    show_all(database)
    assert wanted(database) == {}
