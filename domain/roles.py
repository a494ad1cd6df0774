"""Who may write and who may approve: roles, held at one school or for the whole city."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    BOARD = "board"
    CENTRE = "centre"
    MANAGER = "manager"
    DEPUTY = "deputy"
    OPERATOR = "operator"


CITY_ROLES = frozenset({Role.BOARD, Role.CENTRE})
SCHOOL_ROLES = frozenset({Role.MANAGER, Role.DEPUTY, Role.OPERATOR})


@dataclass(frozen=True, slots=True)
class Grant:
    """One role; `school_id` is None for the roles of board and centre."""

    role: Role
    school_id: int | None


@dataclass(frozen=True, slots=True)
class Actor:
    """A staff member with the roles they hold at this moment."""

    staff_id: int
    board_id: int
    grants: tuple[Grant, ...]
    language: str = "ja"

    def holds(self, roles: frozenset[Role], school_id: int | None) -> bool:
        """Whether one of these roles is held at this school (None: for the city)."""
        return any(g.role in roles and g.school_id == school_id for g in self.grants)


def is_well_placed(role: Role, school_id: int | None) -> bool:
    """Whether a role hangs where it may: board and centre at no school, the others at one."""
    return (role in CITY_ROLES) == (school_id is None)


def writers(school_id: int | None) -> frozenset[Role]:
    """The roles that may write for a school, or for the city (None)."""
    return CITY_ROLES if school_id is None else SCHOOL_ROLES


def approvers(school_id: int | None) -> frozenset[Role]:
    """The roles that may decide: in the city only the board itself, never the centre."""
    if school_id is None:
        return frozenset({Role.BOARD})
    return frozenset({Role.MANAGER, Role.DEPUTY})


def may_write(actor: Actor, school_id: int | None) -> bool:
    return actor.holds(writers(school_id), school_id)


def may_decide(actor: Actor, school_id: int | None) -> bool:
    return actor.holds(approvers(school_id), school_id)


def namers(role: Role) -> frozenset[Role]:
    """The roles whose holder may give a role, and take it away, at a school or in the city."""
    if role in (Role.DEPUTY, Role.OPERATOR):
        return frozenset({Role.MANAGER})
    return frozenset({Role.BOARD})


def may_name(actor: Actor, role: Role, school_id: int | None) -> bool:
    """The board may name everybody everywhere, a manager those who work under them."""
    return actor.holds(namers(role), school_id) or actor.holds(frozenset({Role.BOARD}), None)
