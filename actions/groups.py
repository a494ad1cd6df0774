"""Groups 学年・組・部活…: made, changed, filled and dissolved by staff, unlimited and free.

A school's are its writers', those across schools the board's and the centre's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from actions import audit, staff
from domain.content import clean_line
from domain.folding import fold
from domain.groups import FREE_KINDS, JOINABLE_AT_FIRST, GroupKind
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from storage import groups, schools
from storage.database import Transaction
from storage.tables import Group

NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class NewGroup:
    """`above` is the group it hangs beneath; None for right beneath the school or the city.

    Where `joinable` is None its kind decides.
    """

    name: str
    kind: GroupKind
    above: int | None = None
    joinable: bool | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """How many families were put in or taken out, and the children nobody is known of."""

    families: int
    unknown: tuple[tuple[int, int], ...]


def add(tx: Transaction, actor: Actor, school_id: int | None, new: NewGroup) -> int | Refusal:
    """Make a group; returns its number."""
    groups.lock(tx, actor.board_id, school_id)
    refused = _not_writer(tx, actor, school_id) or refused_group(tx, actor.board_id, school_id, new)
    if refused:
        return _refused(tx, actor, school_id, 0, "add", refused)
    row = made(tx, actor.board_id, school_id, new)
    _record(tx, actor, row, "add", kind=row.kind, above=row.parent_id, joinable=row.joinable)
    return row.id


def made(tx: Transaction, board_id: int, school_id: int | None, new: NewGroup) -> Group:
    """A new group that nothing speaks against; the caller records it."""
    joinable = new.kind in JOINABLE_AT_FIRST if new.joinable is None else new.joinable
    row = Group(
        board_id=board_id,
        school_id=school_id,
        parent_id=new.above,
        name=_cleaned(new.name),
        kind=new.kind.value,
        joinable=joinable,
    )
    return groups.add(tx, row)


def refused_group(
    tx: Transaction, board_id: int, school_id: int | None, new: NewGroup
) -> Refusal | None:
    """Why a new group cannot be."""
    if new.kind not in FREE_KINDS or (school_id is None and new.kind is GroupKind.CLASS):
        return refuse("wrong_group_kind")
    if new.kind is GroupKind.CLASS and new.joinable:
        return refuse("class_is_not_joined")
    refused = _refused_name(tx, board_id, school_id, new.name, None)
    if refused or new.above is None:
        return refused
    above = schools.group(tx, new.above)
    fits = above is not None and (above.board_id, above.school_id) == (board_id, school_id)
    return None if fits else refuse("unknown_group")


def rename(tx: Transaction, actor: Actor, group_id: int, name: str) -> Refusal | None:
    row = _own(tx, actor, group_id, "rename")
    if isinstance(row, Refusal):
        return row
    refused = _refused_name(tx, actor.board_id, row.school_id, name, row)
    if refused:
        return _refused(tx, actor, row.school_id, row.id, "rename", refused)
    before = audit.digest(tx, row.name)
    row.name = _cleaned(name)
    _record(tx, actor, row, "rename", before=before, after=audit.digest(tx, row.name))
    return None


def move(tx: Transaction, actor: Actor, group_id: int, above: int | None) -> Refusal | None:
    """Hang a group beneath another of its place, or right beneath the place (None)."""
    row = _own(tx, actor, group_id, "move")
    if isinstance(row, Refusal):
        return row
    if refused := _refused_place(tx, row, above):
        return _refused(tx, actor, row.school_id, row.id, "move", refused)
    root = schools.root_of(tx, row.school_id).id if row.school_id is not None else None
    row.parent_id = root if above is None else above
    _record(tx, actor, row, "move", above=row.parent_id)
    return None


def make_of(
    tx: Transaction, actor: Actor, group_id: int, part_ids: Collection[int]
) -> Refusal | None:
    """Let a group be made of others, and of none where nothing is named."""
    row = _own(tx, actor, group_id, "make_of")
    if isinstance(row, Refusal):
        return row
    if refused := _refused_parts(tx, row, part_ids):
        return _refused(tx, actor, row.school_id, row.id, "make_of", refused)
    groups.set_parts(tx, row, part_ids)
    _record(tx, actor, row, "make_of", parts=sorted(part_ids))
    return None


def set_joinable(tx: Transaction, actor: Actor, group_id: int, joinable: bool) -> Refusal | None:
    """Let guardians join and leave it by themselves, or not."""
    row = _own(tx, actor, group_id, "set_joinable")
    if isinstance(row, Refusal):
        return row
    if row.kind == GroupKind.CLASS and joinable:
        refused = refuse("class_is_not_joined")
        return _refused(tx, actor, row.school_id, row.id, "set_joinable", refused)
    row.joinable = joinable
    _record(tx, actor, row, "set_joinable", joinable=joinable)
    return None


def put_in(
    tx: Transaction, actor: Actor, group_id: int, children: Collection[tuple[int, int]]
) -> Placed | Refusal:
    """Let the guardians of these children (class and number) hear what is sent to a group."""
    return _placed(tx, actor, group_id, children, "put_in")


def take_out(
    tx: Transaction, actor: Actor, group_id: int, children: Collection[tuple[int, int]]
) -> Placed | Refusal:
    """Let them hear it no more."""
    return _placed(tx, actor, group_id, children, "take_out")


def dissolve(tx: Transaction, actor: Actor, group_id: int) -> Refusal | None:
    """Take a group away with its memberships; the groups beneath it move one up."""
    row = _own(tx, actor, group_id, "dissolve")
    if isinstance(row, Refusal):
        return row
    if refused := refused_dissolving(tx, row):
        return _refused(tx, actor, row.school_id, row.id, "dissolve", refused)
    _record(tx, actor, row, "dissolve", kind=row.kind, name=audit.digest(tx, row.name))
    groups.dissolve(tx, row)
    return None


def refused_dissolving(tx: Transaction, row: Group) -> Refusal | None:
    """Why a group cannot go: children are in it, or something is about to be sent to it."""
    if row.kind == GroupKind.CLASS and groups.has_children(tx, row.id):
        return refuse("class_has_children", name=row.name)
    within = _upwards(tx, row)
    subject = groups.subject_using(tx, row.board_id, within)
    return refuse("group_in_use", name=row.name, subject=subject) if subject is not None else None


def found(tx: Transaction, actor: Actor, group_id: int) -> Group | Refusal:
    """A group that this person may change."""
    row = groups.find(tx, actor.board_id, group_id)
    if row is None:
        return refuse("unknown_group")
    return row if may_write(actor, row.school_id) else refuse("not_allowed")


# What is refused.


def _own(tx: Transaction, actor: Actor, group_id: int, what: str) -> Group | Refusal:
    """The same, by the rights of now, and with nobody else at the groups of the place."""
    row = found(tx, staff.as_of_now(tx, actor), group_id)
    if isinstance(row, Refusal):
        there = groups.find(tx, actor.board_id, group_id)
        return _refused(tx, actor, there.school_id if there else None, group_id, what, row)
    groups.lock(tx, row.board_id, row.school_id)
    return row


def _not_writer(tx: Transaction, actor: Actor, school_id: int | None) -> Refusal | None:
    may = may_write(staff.as_of_now(tx, actor), school_id)
    return None if may else refuse("not_allowed")


def _refused_name(
    tx: Transaction, board_id: int, school_id: int | None, name: str, row: Group | None
) -> Refusal | None:
    """Two groups of one name in one place could not be told apart, in whatever spelling."""
    cleaned = _cleaned(name)
    if not fold(cleaned):
        return refuse("no_group_name")
    if len(cleaned) > NAME_LIMIT:
        return refuse("long_group_name", most=NAME_LIMIT)
    same = groups.named(tx, board_id, school_id, cleaned)
    taken = same is not None and (row is None or same.id != row.id)
    return refuse("group_name_taken", name=cleaned) if taken else None


def _refused_place(tx: Transaction, row: Group, above: int | None) -> Refusal | None:
    if above is None:
        return None
    wanted = schools.group(tx, above)
    if wanted is None or (wanted.board_id, wanted.school_id) != (row.board_id, row.school_id):
        return refuse("unknown_group")
    return refuse("group_in_itself") if row.id in _upwards(tx, wanted) else None


def _refused_parts(tx: Transaction, row: Group, part_ids: Iterable[int]) -> Refusal | None:
    """A class is made of children; a school's group is made of that school's groups only."""
    parts = [schools.group(tx, part_id) for part_id in part_ids]
    if row.kind == GroupKind.CLASS and parts:
        return refuse("wrong_group_kind")
    for part in parts:
        if part is None or part.board_id != row.board_id:
            return refuse("unknown_group")
        if row.school_id is not None and part.school_id != row.school_id:
            return refuse("unknown_group")
        if row.id == part.id or part.id in _upwards(tx, row):
            return refuse("group_in_itself")
    return None


def _upwards(tx: Transaction, row: Group) -> set[int]:
    """A group and all that it lies in, but for the school itself."""
    parents = {each.id: each.parent_id for each in groups.at(tx, row.board_id, row.school_id)}
    parents |= {each.id: each.parent_id for each in groups.across_schools(tx, row.board_id)}
    made_of = groups.parts_by_group(tx, row.board_id)
    reached, new = set[int](), {row.id}
    while new:
        reached |= new
        above = {parents[each] for each in new if parents.get(each) in parents}
        holding = {one for one, parts in made_of.items() if new & set(parts)}
        new = {each for each in above | holding if each is not None} - reached
    return reached


# Members.


def _placed(
    tx: Transaction,
    actor: Actor,
    group_id: int,
    children: Collection[tuple[int, int]],
    what: str,
) -> Placed | Refusal:
    row = _own(tx, actor, group_id, what)
    if isinstance(row, Refusal):
        return row
    if row.kind == GroupKind.CLASS:
        return _refused(tx, actor, row.school_id, row.id, what, refuse("class_is_not_joined"))
    known = _guardians(tx, row, children)
    guardians = {each for found_ids in known.values() for each in found_ids}
    members = groups.members_among(tx, row.id, guardians)
    if what == "put_in":
        changed = guardians - members
        groups.put_in(tx, row, changed)
    else:
        changed = guardians & members
        groups.take_out(tx, row, changed)
    unknown = tuple(sorted(set(children) - set(known)))
    _record(tx, actor, row, what, guardians=sorted(changed), unknown=len(unknown))
    return Placed(groups.count_families_of(tx, changed), unknown)


def _guardians(
    tx: Transaction, row: Group, children: Collection[tuple[int, int]]
) -> Mapping[tuple[int, int], Sequence[int]]:
    """Only of children who are at a school of this place."""
    ids = {class_id for class_id, _ in children}
    classes = [schools.group(tx, class_id) for class_id in ids]
    here = {
        each.id
        for each in classes
        if each is not None
        and each.board_id == row.board_id
        and row.school_id in (None, each.school_id)
    }
    return groups.guardians_of(tx, [child for child in children if child[0] in here])


def _cleaned(name: str) -> str:
    return clean_line(name)


def _refused(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    group_id: int,
    what: str,
    refusal: Refusal,
) -> Refusal:
    chain, who = audit.chain_of(actor.board_id, school_id), audit.staff(actor.staff_id)
    details = {"refused": refusal.code}
    audit.record(tx, chain, who, f"{what}_group", f"group:{group_id}", details)
    return refusal


def _record(tx: Transaction, actor: Actor, row: Group, what: str, **details: object) -> None:
    tx.flush()
    chain, who = audit.chain_of(row.board_id, row.school_id), audit.staff(actor.staff_id)
    audit.record(tx, chain, who, f"{what}_group", f"group:{row.id}", details)
