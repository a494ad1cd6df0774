"""The two-person rule, for every role and verb."""

from __future__ import annotations

from itertools import product

import pytest

from domain.approval import Authorship, may
from domain.broadcasts import Verb
from domain.roles import Actor, Grant, Role, is_well_placed

SCHOOL, OTHER_SCHOOL = 7, 8
AUTHOR, EDITOR, SUBMITTER, STRANGER = 1, 2, 3, 4
AT_SCHOOL = Authorship(SCHOOL, frozenset({AUTHOR, EDITOR}), SUBMITTER)
IN_CITY = Authorship(None, frozenset({AUTHOR, EDITOR}), SUBMITTER)
BY_THE_SYSTEM = (Verb.START, Verb.FINISH, Verb.EXPIRE, Verb.OUTGROW, Verb.SUPERSEDE)
BY_PEOPLE = [v for v in Verb if v not in BY_THE_SYSTEM]
STARTING = (Verb.EDIT, Verb.SUBMIT, Verb.SEND_FIRST, Verb.RESEND)
DECIDING = (Verb.APPROVE, Verb.RETURN, Verb.REJECT, Verb.CANCEL, Verb.WITHDRAW)


def actor(staff_id: int, role: Role | None, school_id: int | None = SCHOOL) -> Actor:
    return Actor(staff_id, 1, (Grant(role, school_id),) if role else ())


@pytest.mark.parametrize(("role", "verb"), list(product([*Role, None], BY_PEOPLE)))
def test_what_a_role_at_the_school_may(role: Role | None, verb: Verb) -> None:
    writes = role in (Role.OPERATOR, Role.MANAGER, Role.DEPUTY)
    decides = role in (Role.MANAGER, Role.DEPUTY)
    expected = writes if verb in STARTING else decides
    assert (may(actor(STRANGER, role), verb, AT_SCHOOL) is None) is expected


@pytest.mark.parametrize(("role", "verb"), list(product([*Role, None], BY_PEOPLE)))
def test_what_a_role_in_the_city_may(role: Role | None, verb: Verb) -> None:
    writes = role in (Role.BOARD, Role.CENTRE)
    expected = writes if verb in STARTING else role is Role.BOARD
    assert (may(actor(STRANGER, role, None), verb, IN_CITY) is None) is expected


@pytest.mark.parametrize(("role", "verb"), list(product(Role, BY_PEOPLE)))
def test_a_role_elsewhere_may_nothing(role: Role, verb: Verb) -> None:
    assert may(actor(STRANGER, role, OTHER_SCHOOL), verb, AT_SCHOOL) is not None
    assert may(actor(STRANGER, role, SCHOOL), verb, IN_CITY) is not None
    assert may(actor(STRANGER, role, None), verb, AT_SCHOOL) is not None


@pytest.mark.parametrize("who", [AUTHOR, EDITOR, SUBMITTER])
@pytest.mark.parametrize("role", [Role.MANAGER, Role.DEPUTY])
def test_who_wrote_edited_or_submitted_does_not_approve(who: int, role: Role) -> None:
    refused = may(actor(who, role), Verb.APPROVE, AT_SCHOOL)
    assert refused is not None
    assert refused.code == "own_broadcast"
    assert may(actor(who, role), Verb.APPROVE, AT_SCHOOL, self_approval=True) is None


def test_self_approval_is_for_those_who_may_approve_at_all() -> None:
    for role in (Role.OPERATOR, None):
        refused = may(actor(AUTHOR, role), Verb.APPROVE, AT_SCHOOL, self_approval=True)
        assert refused is not None
        assert refused.code == "not_allowed"


@pytest.mark.parametrize("who", [AUTHOR, EDITOR, SUBMITTER])
def test_stopping_is_easier_than_starting(who: int) -> None:
    assert may(actor(who, Role.OPERATOR), Verb.CANCEL, AT_SCHOOL) is None
    assert may(actor(who, Role.MANAGER), Verb.RETURN, AT_SCHOOL) is None
    assert may(actor(who, None), Verb.CANCEL, AT_SCHOOL) is not None


@pytest.mark.parametrize("verb", BY_THE_SYSTEM)
@pytest.mark.parametrize("role", list(Role))
def test_what_the_system_does_nobody_may(role: Role, verb: Verb) -> None:
    assert may(actor(STRANGER, role), verb, AT_SCHOOL) is not None


def test_board_and_centre_hold_no_school_and_the_others_one() -> None:
    placed = {role for role in Role if is_well_placed(role, SCHOOL)}
    assert placed == {Role.MANAGER, Role.DEPUTY, Role.OPERATOR}
    assert {role for role in Role if is_well_placed(role, None)} == set(Role) - placed
