"""Groups as staff make, change and dissolve them: of a school, or across the board's schools."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, delete, func, select, tuple_, update

from domain.audience import parts_from_json
from domain.broadcasts import State
from domain.folding import fold_word
from storage.database import Transaction
from storage.inserts import insert_all_new
from storage.schools import ROOT, root_of
from storage.tables import (
    Board,
    Broadcast,
    Child,
    Family,
    Group,
    GroupPart,
    Guardian,
    GuardianChild,
    GuardianContact,
    Membership,
    School,
)

# What is sent to an audience as it was approved, and so must not lose a group of it.
_FIRM = (State.PENDING.value, State.APPROVED.value, State.SENDING.value)


def at(tx: Transaction, board_id: int, school_id: int | None) -> Sequence[Group]:
    """All groups of a place but a school's root, in their order."""
    query = select(Group).where(_of_place(board_id, school_id), Group.kind != ROOT)
    return tx.session.scalars(query.order_by(Group.position, Group.id)).all()


def across_schools(tx: Transaction, board_id: int) -> Sequence[Group]:
    return at(tx, board_id, None)


def _of_place(board_id: int, school_id: int | None) -> ColumnElement[bool]:
    if school_id is not None:
        return Group.school_id == school_id
    return (Group.board_id == board_id) & Group.school_id.is_(None)


def parts_by_group(tx: Transaction, board_id: int) -> dict[int, list[int]]:
    """The groups that each group was made of."""
    query = select(GroupPart.group_id, GroupPart.part_id).where(GroupPart.board_id == board_id)
    found: dict[int, list[int]] = {}
    for group_id, part_id in tx.session.execute(query.order_by(GroupPart.part_id)).tuples():
        found.setdefault(group_id, []).append(part_id)
    return found


def schools_of_roots(tx: Transaction, board_id: int) -> dict[int, int]:
    """The school that each root stands for."""
    query = select(Group.id, Group.school_id).where(Group.board_id == board_id, Group.kind == ROOT)
    rows = tx.session.execute(query).tuples()
    return {root_id: school_id for root_id, school_id in rows if school_id is not None}


def find(tx: Transaction, board_id: int, group_id: int) -> Group | None:
    """A group of this board that staff may change; a school's root is none."""
    row = tx.session.get(Group, group_id)
    return row if row is not None and row.board_id == board_id and row.kind != ROOT else None


def named(tx: Transaction, board_id: int, school_id: int | None, name: str) -> Group | None:
    """The group of a place that is called so, in whatever spelling."""
    folded = fold_word(name)
    query = select(Group).where(_of_place(board_id, school_id))
    rows = tx.session.scalars(query)
    return next((row for row in rows if fold_word(row.name) == folded), None)


def lock(tx: Transaction, board_id: int, school_id: int | None) -> None:
    """Let one transaction at a time change the groups of a place."""
    rows = select(School.id).where(School.id == school_id)
    if school_id is None:
        rows = select(Board.id).where(Board.id == board_id)
    tx.session.execute(rows.with_for_update(key_share=True))


# Changing them.


def add(tx: Transaction, row: Group) -> Group:
    """Keep a new group, after those that are there; a school's hangs beneath its root at least."""
    if row.school_id is not None and row.parent_id is None:
        row.parent_id = root_of(tx, row.school_id).id
    last = select(func.count()).where(_of_place(row.board_id, row.school_id))
    row.position = tx.session.scalar(last) or 0
    tx.session.add(row)
    tx.flush()
    return row


def set_parts(tx: Transaction, group: Group, part_ids: Iterable[int]) -> None:
    """Let a group be made of these groups and of no others."""
    tx.session.execute(delete(GroupPart).where(GroupPart.group_id == group.id))
    rows = [
        {"group_id": group.id, "part_id": part_id, "board_id": group.board_id}
        for part_id in part_ids
    ]
    if rows:
        insert_all_new(tx, GroupPart, rows)


def dissolve(tx: Transaction, group: Group) -> None:
    """Take a group away with its memberships; what hangs beneath it moves one up."""
    tx.session.execute(delete(Membership).where(Membership.group_id == group.id))
    tx.session.execute(
        delete(GroupPart).where((GroupPart.group_id == group.id) | (GroupPart.part_id == group.id))
    )
    tx.session.execute(
        update(Group).where(Group.parent_id == group.id).values(parent_id=group.parent_id)
    )
    tx.session.delete(group)
    tx.flush()


# What there is in them.


def has_children(tx: Transaction, group_id: int) -> bool:
    query = select(Child.id).where(Child.class_id == group_id).limit(1)
    return tx.session.scalar(query) is not None


def subject_using(tx: Transaction, board_id: int, group_ids: Collection[int]) -> str | None:
    """The subject of a broadcast that waits or goes out, and names one of these groups."""
    query = select(Broadcast.subject, Broadcast.audience).where(
        Broadcast.board_id == board_id, Broadcast.state.in_(_FIRM)
    )
    subject: str
    for subject, audience in tx.session.execute(query.order_by(Broadcast.id)).tuples():
        parts = parts_from_json(audience)
        if any(part.kind == "group" and part.id in group_ids for part in parts):
            return subject
    return None


Children = Collection[tuple[int, int]]


def guardians_of(tx: Transaction, children: Children) -> Mapping[tuple[int, int], Sequence[int]]:
    """The guardians of each of these children (class and number); one unknown is left out."""
    query = (
        select(Child.class_id, Child.number, GuardianChild.guardian_id)
        .join(GuardianChild, GuardianChild.child_id == Child.id)
        .where(tuple_(Child.class_id, Child.number).in_(list(children)))
    )
    found: dict[tuple[int, int], list[int]] = {}
    for class_id, number, guardian_id in tx.session.execute(query).tuples():
        assert number is not None, "asked for by number"
        found.setdefault((class_id, number), []).append(guardian_id)
    return found


def put_in(tx: Transaction, group: Group, guardian_ids: Collection[int]) -> None:
    rows = [
        {"group_id": group.id, "guardian_id": each, "board_id": group.board_id}
        for each in sorted(guardian_ids)
    ]
    if rows:
        insert_all_new(tx, Membership, rows)


def take_out(tx: Transaction, group: Group, guardian_ids: Collection[int]) -> None:
    tx.session.execute(
        delete(Membership)
        .where(Membership.group_id == group.id, Membership.guardian_id.in_(guardian_ids))
        .execution_options(synchronize_session=False)
    )


def members_among(tx: Transaction, group_id: int, guardian_ids: Collection[int]) -> frozenset[int]:
    query = select(Membership.guardian_id).where(
        Membership.group_id == group_id, Membership.guardian_id.in_(guardian_ids)
    )
    return frozenset(tx.session.scalars(query))


def count_families_of(tx: Transaction, guardian_ids: Collection[int]) -> int:
    query = (
        select(func.count(func.distinct(Family.id)))
        .join(Guardian, Guardian.family_id == Family.id)
        .where(Guardian.id.in_(guardian_ids))
    )
    return tx.session.scalar(query) or 0


# For guardians.


def joined_by(tx: Transaction, contact_id: int) -> frozenset[int]:
    """The groups whose messages reach a contact point."""
    query = (
        select(Membership.group_id)
        .join(GuardianContact, GuardianContact.guardian_id == Membership.guardian_id)
        .where(GuardianContact.contact_point_id == contact_id)
    )
    return frozenset(tx.session.scalars(query))
