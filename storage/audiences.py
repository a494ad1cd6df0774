"""Who an audience is: the guardians of every group in it and of all groups beneath.

An exception takes away memberships, not people: "grade 5 except class 2" still reaches the family
that has another child in class 1. Whoever an earlier broadcast names is no member by that, and
so is left out only if all their memberships are. An earlier broadcast that is itself excluded
takes away the people it names.

All of it is one query, made of sets: what is taken away is written as EXCEPT and never as NOT
IN, because PostgreSQL goes through a long list anew for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    CompoundSelect,
    Select,
    distinct,
    except_,
    false,
    func,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from domain.audience import OF_BROADCAST, Part, parts_from_json
from domain.broadcasts import Relation
from domain.deliveries import State
from storage.belonging import belonging
from storage.database import Transaction
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Confirmation,
    Delivery,
    Group,
    GroupPart,
    Guardian,
    Membership,
    School,
)

# What counts as reached: a provider took it, may have taken it, or it lies ready in web chat.
REACHED = (State.ACCEPTED, State.UNKNOWN, State.PLACED)

_Set = Select[tuple[int]]


def guardian_ids(board_id: int, audience: Sequence[Any]) -> _Set:
    """A query for the guardians in an audience (as broadcasts.audience holds it), each once."""
    parts = parts_from_json(audience)
    groups, earlier = _parted([part for part in parts if not part.excluded])
    groups_out, earlier_out = _parted([part for part in parts if part.excluded])
    left_out = [_group_ids(board_id, groups_out, "narrow")] if groups_out else []
    found = []
    if groups:
        found.append(_members(board_id, groups, left_out))
    if earlier:
        people = _united([_people(board_id, part) for part in earlier])
        found.append(_without_only_members(board_id, people, left_out))
    if not found:
        return select(Guardian.id.label("guardian_id")).where(false())
    return _less(_united(found), [_people(board_id, part) for part in earlier_out])


def count_families(tx: Transaction, board_id: int, audience: Sequence[Any]) -> int:
    """How many families an audience means now."""
    members = guardian_ids(board_id, audience)
    query = select(func.count(distinct(Guardian.family_id))).where(Guardian.id.in_(members))
    return tx.session.scalar(query) or 0


def _parted(parts: Sequence[Part]) -> tuple[list[Part], list[Part]]:
    """Those made of groups, and those of an earlier broadcast."""
    earlier = [part for part in parts if part.kind in OF_BROADCAST]
    return [part for part in parts if part.kind not in OF_BROADCAST], earlier


# Members of groups.


def _members(board_id: int, named: Sequence[Part], left_out: Sequence[_Set]) -> _Set:
    """Whoever is in a named group that is not left out."""
    query = select(Membership.guardian_id).where(Membership.board_id == board_id)
    if left_out or not _has_city(named):
        groups = _less(_group_ids(board_id, named, "wide"), left_out)
        query = query.where(Membership.group_id.in_(groups))
    return query.distinct()


def _without_only_members(board_id: int, people: _Set, left_out: Sequence[_Set]) -> _Set:
    """These people, but for those all of whose memberships are in groups left out."""
    if not left_out:
        return people
    every = select(Group.id).where(Group.board_id == board_id)
    by_those = select(Membership.guardian_id).where(Membership.group_id.in_(*left_out))
    by_others = select(Membership.guardian_id).where(
        Membership.group_id.in_(_less(every, left_out))
    )
    return _less(people, [_less(by_those, [by_others])])


def _group_ids(board_id: int, parts: Sequence[Part], name: str) -> _Set:
    """The groups of these parts and all beneath them, widened step by step."""
    named = select(Group.id).where(Group.board_id == board_id, _named(parts))
    if _has_city(parts):
        return named
    wide = named.cte(name, recursive=True)
    whole = _tree(board_id, f"tree_of_{name}")
    beneath = select(whole.c.part_id).join(wide, whole.c.group_id == wide.c.id)
    return select(wide.union(beneath).c.id)


def _named(parts: Sequence[Part]) -> ColumnElement[bool]:
    schools = [part.id for part in parts if part.kind == "school"]
    groups = [part.id for part in parts if part.kind == "group"]
    city = [Group.id.is_not(None)] if _has_city(parts) else []
    return or_(Group.school_id.in_(schools), Group.id.in_(groups), *city)


def _has_city(parts: Sequence[Part]) -> bool:
    return any(part.kind == "city" for part in parts)


def _tree(board_id: int | ColumnElement[int], name: str) -> CTE:
    """Each group with each one right beneath it: hanging from it, or a part of it."""
    beneath = select(Group.parent_id.label("group_id"), Group.id.label("part_id")).where(
        Group.board_id == board_id, Group.parent_id.is_not(None)
    )
    parts = select(GroupPart.group_id, GroupPart.part_id).where(GroupPart.board_id == board_id)
    return union_all(beneath, parts).cte(name)


def group_counts(tx: Transaction, school_id: int) -> dict[int, int]:
    """How many families hear of each group of a school, with all beneath it."""
    board_id = select(School.board_id).where(School.id == school_id).scalar_subquery()
    return _counts(tx, board_id, Group.school_id == school_id)


def city_group_counts(tx: Transaction, board_id: int) -> dict[int, int]:
    """The same of each group that is of no school but across them."""
    across = Group.school_id.is_(None) & (Group.board_id == board_id)
    return _counts(tx, board_id, across)


def _counts(
    tx: Transaction, board_id: int | ColumnElement[int], which: ColumnElement[bool]
) -> dict[int, int]:
    roots = select(Group.id.label("root_id"), Group.id.label("id")).where(which)
    wide = roots.cte("wide", recursive=True)
    whole = _tree(board_id, "tree")
    beneath = select(wide.c.root_id, whole.c.part_id).join(wide, whole.c.group_id == wide.c.id)
    wide = wide.union(beneath)
    query = (
        select(wide.c.root_id, func.count(distinct(Guardian.family_id)))
        .outerjoin(Membership, Membership.group_id == wide.c.id)
        .outerjoin(Guardian, Guardian.id == Membership.guardian_id)
        .group_by(wide.c.root_id)
    )
    return dict(tx.session.execute(query).tuples().all())


# The people of an earlier broadcast.


def _people(board_id: int, part: Part) -> _Set:
    """Guardians in an earlier audience of this board, and of no other.

    Who left the school since is asked nothing more, but has what reached them set right.
    """
    mine = (AudienceMember.broadcast_id == part.id, AudienceMember.board_id == board_id)
    its_people = select(AudienceMember.guardian_id).where(*mine)
    its_families = select(AudienceMember.family_id).where(*mine)
    heard = reached(part.id).cte()
    if part.kind == "reached":
        return its_people.where(AudienceMember.guardian_id.in_(select(heard.c.guardian_id)))
    answered = select(heard.c.family_id) if part.kind == "unreached" else _confirmed(part.id)
    still_there = belonging(part.id).cte()
    return its_people.where(
        AudienceMember.family_id.in_(_less(its_families, [answered])),
        AudienceMember.guardian_id.in_(select(still_there.c.guardian_id)),
    )


def reached(broadcast_id: int, states: Sequence[State] = REACHED) -> Select[tuple[int, int]]:
    """Guardians, with their families, one of whose deliveries is in one of these states.

    A reminder says the same, so whom only that reached has it.
    """
    member = select(AudienceMember.guardian_id, AudienceMember.family_id).where(
        AudienceMember.broadcast_id.in_(_with_reminders(broadcast_id)), Delivery.state.in_(states)
    )
    of_it = Delivery.broadcast_id == AudienceMember.broadcast_id
    first = member.join(
        Delivery, of_it & (Delivery.contact_point_id == AudienceMember.contact_point_id)
    )
    further = member.join(
        AudienceWay,
        (AudienceWay.broadcast_id == AudienceMember.broadcast_id)
        & (AudienceWay.guardian_id == AudienceMember.guardian_id),
    ).join(Delivery, of_it & (Delivery.contact_point_id == AudienceWay.contact_point_id))
    either = union(first, further).cte()
    return select(either.c.guardian_id, either.c.family_id)


def _with_reminders(broadcast_id: int) -> _Set:
    reminds = Broadcast.relation == Relation.REMINDER.value
    its_own = or_(Broadcast.id == broadcast_id, (Broadcast.origin_id == broadcast_id) & reminds)
    return select(Broadcast.id).where(its_own)


def _confirmed(broadcast_id: int) -> _Set:
    """The families one of whose guardians confirmed."""
    return (
        select(AudienceMember.family_id)
        .join(
            Confirmation,
            (Confirmation.broadcast_id == AudienceMember.broadcast_id)
            & (Confirmation.guardian_id == AudienceMember.guardian_id),
        )
        .where(AudienceMember.broadcast_id == broadcast_id)
    )


# Sets. SQLite knows no brackets between the queries that make one, and too many within each other
# are too deep for its parser: so each has a name of its own.


def _united(sets: Sequence[_Set]) -> _Set:
    return sets[0] if len(sets) == 1 else _set(union(*sets))


def _less(whole: _Set, taken: Sequence[_Set]) -> _Set:
    """The first without the others."""
    return _set(except_(_set(whole), *map(_set, taken))) if taken else whole


def _set(query: _Set | CompoundSelect[tuple[int]]) -> _Set:
    (column,) = query.cte().c
    return select(column)
