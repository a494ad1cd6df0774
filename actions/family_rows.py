"""The rows of a file of families, and where in the schools they belong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from actions import audit
from actions.groups import NAME_LIMIT, NewGroup, made
from domain.addresses import ChatAddress, MailAddress
from domain.folding import fold_word
from domain.groups import GroupKind
from storage import bulk
from storage.database import Transaction
from storage.tables import Group, School

# What a new group is, by how its name ends.
_KINDS = (
    (re.compile(r".*(?:部|クラブ|団)$"), GroupKind.CLUB),
    (re.compile(r".*(?:班|便|コース|バス.*)$"), GroupKind.ROUTE),
    (re.compile(r".*(?:委員会?|役員会?)$"), GroupKind.COMMITTEE),
)
_GRADE = re.compile(r"\d{1,2}年")


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """What one row says; without an address it is about a child alone."""

    line: int
    school: str
    class_name: str
    number: int | None
    address: MailAddress | ChatAddress | None = field(repr=False)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row was not taken, as a code with what belongs into its words."""

    line: int
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with the school, class and groups that it means."""

    row: FamilyRow
    school_id: int
    class_id: int
    group_ids: tuple[int, ...]

    @property
    def kid(self) -> tuple[int, int | None]:
        return self.class_id, self.row.number


@dataclass(slots=True)
class Placing:
    """All rows that have a place, and those that have none."""

    placed: list[Placed] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    classes: int = 0
    groups: int = 0


def place_rows(
    tx: Transaction, board_id: int, rows: Sequence[FamilyRow], *, create: bool
) -> Placing:
    """Find the place of each row; with `create`, missing classes and groups are made."""
    places = _Places(tx, board_id, create=create)
    for row in rows:
        places.place(row)
    return places.found


class _Places:
    def __init__(self, tx: Transaction, board_id: int, *, create: bool) -> None:
        self._tx = tx
        self._board_id = board_id
        self._create = create
        self.found = Placing()
        self._schools: dict[str, School] = {}
        self._groups: dict[tuple[int, str], Group] = {}
        for code, (school, groups) in bulk.groups_by_school(tx, board_id).items():
            self._schools[code.casefold()] = school
            self._groups |= {(school.id, fold_word(group.name)): group for group in groups}

    def place(self, row: FamilyRow) -> None:
        school = self._schools.get(row.school.casefold())
        if school is None:
            self._fault(row, "unknown_school", school=row.school)
            return
        wrong = [name for name in row.groups if not self._is_free_group(school.id, name)]
        if not self._is_class(school.id, row.class_name):
            self._fault(row, "unknown_class", name=row.class_name)
        elif wrong:
            self._fault(row, "unknown_group", name=wrong[0])
        else:
            class_id = self._group(school.id, row.class_name, GroupKind.CLASS)
            group_ids = [self._group(school.id, name, _kind_of(name)) for name in row.groups]
            self.found.placed.append(Placed(row, school.id, class_id, tuple(group_ids)))

    def _is_class(self, school_id: int, name: str) -> bool:
        group = self._groups.get((school_id, fold_word(name)))
        return self._may_make(name) if group is None else group.kind == GroupKind.CLASS

    def _is_free_group(self, school_id: int, name: str) -> bool:
        """Whether guardians can be put into it; into a class they come by a child."""
        group = self._groups.get((school_id, fold_word(name)))
        if group is None:
            return self._may_make(name)
        return group.kind not in (GroupKind.CLASS, GroupKind.SCHOOL)

    def _may_make(self, name: str) -> bool:
        return self._create and 0 < len(name) <= NAME_LIMIT

    def _group(self, school_id: int, name: str, kind: GroupKind) -> int:
        key = (school_id, fold_word(name))
        if key not in self._groups:
            self._groups[key] = self._made(school_id, name, kind)
        return self._groups[key].id

    def _made(self, school_id: int, name: str, kind: GroupKind) -> Group:
        """A new group; a class hangs beneath its grade, if there is a group for that."""
        above = None
        grade = _GRADE.match(fold_word(name)) if kind is GroupKind.CLASS else None
        if grade:
            group = self._groups.get((school_id, grade[0]))
            above = group.id if group is not None and group.kind == GroupKind.GRADE else None
        group = made(self._tx, self._board_id, school_id, NewGroup(name, kind, above))
        chain = audit.chain_of(self._board_id, school_id)
        details = {"kind": group.kind, "above": group.parent_id, "joinable": group.joinable}
        audit.record(self._tx, chain, audit.SYSTEM, "add_group", f"group:{group.id}", details)
        self.found.classes += kind is GroupKind.CLASS
        self.found.groups += kind is not GroupKind.CLASS
        return group

    def _fault(self, row: FamilyRow, code: str, **params: str) -> None:
        self.found.faults.append(Fault(row.line, code, params))


def _kind_of(name: str) -> GroupKind:
    folded = fold_word(name)
    return next((kind for ends, kind in _KINDS if ends.fullmatch(folded)), GroupKind.OTHER)
