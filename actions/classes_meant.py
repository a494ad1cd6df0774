"""The classes by which a broadcast is reported: those that its audience means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.audience import OF_BROADCAST, Part, parts_from_json
from domain.groups import GroupKind
from storage import broadcasts, reports
from storage.database import Transaction
from storage.tables import Broadcast, Group

_OF_CLASSES = frozenset({GroupKind.SCHOOL, GroupKind.GRADE, GroupKind.CLASS})


def classes_meant(tx: Transaction, row: Broadcast) -> frozenset[int] | None:
    """The classes in a broadcast's audience; None for all, where it names none.

    A club's members sit in any class, and by that the office finds them.
    """
    parts = _parts(tx, row)
    groups = reports.groups_near(tx, row)
    kinds = {group.id: group.kind for group in groups}
    named = [part for part in parts if not part.excluded]
    if not named or any(not _is_of_classes(part, kinds.get(part.id)) for part in named):
        return None
    meant = {one for part in named for one in _classes_in(part, groups)}
    left_out = {one for part in parts if part.excluded for one in _classes_in(part, groups)}
    return frozenset(meant - left_out)


def _parts(tx: Transaction, row: Broadcast) -> tuple[Part, ...]:
    """The parts of a broadcast, or of the first one of those that it follows."""
    parts = parts_from_json(row.audience)
    earlier = next((part.id for part in parts if part.kind in OF_BROADCAST), None)
    origin = broadcasts.find(tx, earlier) if earlier is not None and earlier != row.id else None
    return _parts(tx, origin) if origin is not None else parts


def _is_of_classes(part: Part, kind: str | None) -> bool:
    return part.kind == "school" or (part.kind == "group" and kind in _OF_CLASSES)


def _classes_in(part: Part, groups: Sequence[Group]) -> Iterable[int]:
    if part.kind == "school":
        inside = {group.id for group in groups if group.school_id == part.id}
    else:
        inside = _with_all_beneath(part.id, groups) if part.kind == "group" else set()
    return [group.id for group in groups if group.id in inside and group.kind == GroupKind.CLASS]


def _with_all_beneath(group_id: int, groups: Sequence[Group]) -> set[int]:
    found, new = set[int](), {group_id}
    while new:
        found |= new
        new = {group.id for group in groups if group.parent_id in new} - found
    return found
