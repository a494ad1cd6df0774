"""Inviting staff: one code, one person, roles that begin and end."""

from __future__ import annotations

import pytest

from actions import staff
from domain.refusals import Refusal
from domain.roles import Actor, Grant, Role
from storage.database import Database
from tests.actions import city as scene
from tests.actions.city import City, code, recorded
from tests.databases import Clock


@pytest.fixture
def city(database: Database) -> City:
    return scene.build(database, families=0)


def invite(database: Database, city: City, role: Role, name: str) -> staff.Invited:
    school = None if role in (Role.BOARD, Role.CENTRE) else city.school
    with database.writing() as tx:
        invited = staff.invite(tx, city.board, role, school, name)
    assert not isinstance(invited, Refusal)
    return invited


def accept(database: Database, city: City, who: str, text: str) -> object:
    with database.writing() as tx:
        return staff.accept_invitation(tx, scene.contact(tx, city, who), text)


def actor(database: Database, city: City, who: str) -> object:
    with database.writing() as tx:
        return staff.actor_of(tx, scene.contact(tx, city, who))


def test_a_code_makes_a_contact_point_the_staff_members(database: Database, city: City) -> None:
    invited = invite(database, city, Role.MANAGER, "山田")
    welcome = accept(database, city, "phone", f"招待コードは {invited.code.lower()} です")
    post = staff.StaffPost(Role.MANAGER, "第一小学校")
    assert welcome == staff.StaffWelcome(invited.staff_id, "山田", (post,))
    found = actor(database, city, "phone")
    assert isinstance(found, Actor)
    assert found.grants == (Grant(Role.MANAGER, city.school),)
    entries = recorded(database, city, f"staff:{invited.staff_id}")
    assert [verb for _, verb, _ in entries] == ["invite", "accept_invitation"]


def test_a_code_works_once_and_not_for_ever(database: Database, city: City, clock: Clock) -> None:
    used = invite(database, city, Role.OPERATOR, "山田")
    accept(database, city, "phone", used.code)
    assert code(accept(database, city, "thief", used.code)) == "wrong_code"
    late = invite(database, city, Role.OPERATOR, "鈴木")
    clock.forward(days=14)
    assert code(accept(database, city, "late", late.code)) == "wrong_code"
    assert actor(database, city, "thief") is None


def test_wrong_codes_are_limited_and_recorded(database: Database, city: City) -> None:
    answers = [accept(database, city, "guesser", "S222-3333-4444-5555") for _ in range(6)]
    assert [code(answer) for answer in answers] == ["wrong_code"] * 5 + ["too_many_tries"]
    good = invite(database, city, Role.OPERATOR, "山田")
    assert code(accept(database, city, "guesser", good.code)) == "too_many_tries"
    with database.reading() as tx:
        me = f"contact:{scene.contact(tx, city, 'guesser')}"
    assert len(recorded(database, city, me)) == 6


def test_two_codes_in_one_phone_are_one_person(database: Database, city: City) -> None:
    """Or somebody could approve as the manager what they wrote as the operator."""
    one = invite(database, city, Role.OPERATOR, "山田")
    two = invite(database, city, Role.MANAGER, "山田")
    accept(database, city, "phone", one.code)
    accept(database, city, "phone", two.code)
    found = actor(database, city, "phone")
    assert isinstance(found, Actor)
    assert found.staff_id == one.staff_id
    assert {grant.role for grant in found.grants} == {Role.OPERATOR, Role.MANAGER}


def test_a_role_ends(database: Database, city: City) -> None:
    invited = invite(database, city, Role.MANAGER, "山田")
    accept(database, city, "phone", invited.code)
    with database.writing() as tx:
        assert staff.end_role(tx, invited.staff_id, Role.MANAGER, city.school)
        assert not staff.end_role(tx, invited.staff_id, Role.MANAGER, city.school)
    found = actor(database, city, "phone")
    assert isinstance(found, Actor)
    assert found.grants == ()


def test_board_and_centre_are_of_the_city(database: Database, city: City) -> None:
    with database.writing() as tx:
        astray = staff.invite(tx, city.board, Role.BOARD, city.school, "山田")
        homeless = staff.invite(tx, city.board, Role.MANAGER, None, "山田")
    assert code(astray) == "role_without_school"
    assert code(homeless) == "role_needs_school"
    welcome = accept(database, city, "phone", invite(database, city, Role.BOARD, "佐藤").code)
    assert isinstance(welcome, staff.StaffWelcome)
    assert welcome.posts == (staff.StaffPost(Role.BOARD, None),)
