"""Families: the guardians who share children, joined by them and parted again without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, update

from storage.database import Transaction
from storage.tables import Child, Family, Guardian, GuardianChild

# Parents, those they live with now, and grandparents; a child number that would bring more of
# them together is a mistake or malice, and would hide whole families behind one.
MOST_GUARDIANS = 12
# Who looks after the children of more households, or a class with more twins, does not exist;
# a stranger who names numbers does.
MOST_BROUGHT_TOGETHER = 3
MOST_SHARED_IN_A_CLASS = 3


def join(tx: Transaction, child: Child) -> bool:
    """Bring the guardians of a child, with the families they had, into one family.

    False if that would be no family any more: those who do not fit stay separate.
    """
    theirs = (
        select(Guardian.family_id)
        .join(GuardianChild, GuardianChild.guardian_id == Guardian.id)
        .where(GuardianChild.child_id == child.id)
        .distinct()
    )
    families: Sequence[int] = ()
    # Another transaction may have moved them while this one waited for the lock.
    while set(now := sorted(tx.session.scalars(theirs))) - set(families):
        families = _locked(tx, now)
    return len(now) < 2 or _merge_fitting(tx, now)


def _merge_fitting(tx: Transaction, family_ids: Sequence[int]) -> bool:
    """The smallest first: a mother and a father find together, whoever else claims their child."""
    members = _members(tx, family_ids)
    first, *others = sorted(members, key=lambda one: (len(members[one]), one))
    fitting = [first]
    for other in others:
        together = [guardian for one in (*fitting, other) for guardian in members[one]]
        if _is_a_family(tx, together):
            fitting.append(other)
    if len(fitting) > 1:
        kept, *merged = sorted(fitting)
        _merge(tx, kept, merged)
    return len(fitting) == len(members)


def _is_a_family(tx: Transaction, guardian_ids: Sequence[int]) -> bool:
    """Whether these can be one family, as far as anybody can tell from their number and children.

    Whoever they are: what one stranger does not get is not got by many in a chain either.
    """
    if len(guardian_ids) > MOST_GUARDIANS:
        return False
    of_child = _children_of(tx, guardian_ids)
    shared = [child_id for child_id, theirs in of_child.items() if len(theirs) > 1]
    if _most_in_a_class(tx, shared) > MOST_SHARED_IN_A_CLASS:
        return False
    return all(
        len(_groups({*guardian_ids} - {one}, _without(one, of_child))) <= MOST_BROUGHT_TOGETHER
        for one in guardian_ids
    )


def _most_in_a_class(tx: Transaction, child_ids: Sequence[int]) -> int:
    in_class = select(func.count().label("many")).where(Child.id.in_(child_ids))
    counted = in_class.group_by(Child.class_id).subquery()
    return tx.session.scalar(select(func.max(counted.c.many))) or 0


def _without(one: int, of_child: dict[int, set[int]]) -> dict[int, set[int]]:
    left = {child_id: theirs - {one} for child_id, theirs in of_child.items()}
    return {child_id: theirs for child_id, theirs in left.items() if theirs}


def part(tx: Transaction, guardian: Guardian) -> None:
    """Make several families of a guardian's whose guardians share no child any more.

    So a wrong number that brought strangers together does so only as long as it stands.
    """
    family_id = _locked_family_of(tx, guardian)
    query = select(Guardian).where(Guardian.family_id == family_id).order_by(Guardian.id)
    members = {one.id: one for one in tx.session.scalars(query)}
    for group in _groups(members, _children_of(tx, members))[1:]:
        family = Family(board_id=members[group[0]].board_id)
        tx.session.add(family)
        tx.flush()
        for guardian_id in group:
            members[guardian_id].family_id = family.id
    tx.flush()


def _locked_family_of(tx: Transaction, guardian: Guardian) -> int:
    """The family of a guardian, whom another transaction may move while this one waits for it."""
    locked = 0
    while guardian.family_id != locked:
        locked = guardian.family_id
        _locked(tx, [locked])
        tx.session.refresh(guardian)
    return locked


def _locked(tx: Transaction, family_ids: Sequence[int]) -> Sequence[int]:
    query = select(Family.id).where(Family.id.in_(family_ids)).order_by(Family.id)
    return tx.session.scalars(query.with_for_update()).all()


def _members(tx: Transaction, family_ids: Sequence[int]) -> dict[int, list[int]]:
    """The guardians of each family."""
    query = select(Guardian.family_id, Guardian.id).where(Guardian.family_id.in_(family_ids))
    members: dict[int, list[int]] = {}
    for family_id, guardian_id in tx.session.execute(query.order_by(Guardian.id)).tuples():
        members.setdefault(family_id, []).append(guardian_id)
    return members


def _merge(tx: Transaction, kept: int, merged: Sequence[int]) -> None:
    tx.session.execute(
        update(Guardian).where(Guardian.family_id.in_(merged)).values(family_id=kept)
    )
    tx.session.execute(delete(Family).where(Family.id.in_(merged)))


def _children_of(tx: Transaction, guardian_ids: Iterable[int]) -> dict[int, set[int]]:
    """The guardians among these of each child."""
    query = select(GuardianChild.child_id, GuardianChild.guardian_id).where(
        GuardianChild.guardian_id.in_(guardian_ids)
    )
    guardians: dict[int, set[int]] = {}
    for child_id, guardian_id in tx.session.execute(query).tuples():
        guardians.setdefault(child_id, set()).add(guardian_id)
    return guardians


def _groups(guardian_ids: Iterable[int], of_child: dict[int, set[int]]) -> list[list[int]]:
    """Who belongs together, because they share a child or both share one with a third."""
    groups = [{one} for one in guardian_ids]
    for together in of_child.values():
        touched = [group for group in groups if group & together]
        groups = [group for group in groups if not group & together]
        groups.append(set().union(*touched))
    return sorted(sorted(group) for group in groups)
