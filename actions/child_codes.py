"""The codes of children 登録コード: made for a class, printed on slips, renewed and revoked."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from actions import audit, boards
from domain.codes import Choose
from domain.school_ids import make_school_id
from storage import child_codes, schools
from storage.child_codes import KnownCode
from storage.database import Transaction
from storage.tables import School

# A slip that soon expires is not worth printing: its child gets a new code.
_WORTH_PRINTING = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class ClassCodes:
    """The children of one class with their codes, by number."""

    name: str
    codes: tuple[KnownCode, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """How many children of the classes have a code now, and how many of those are new."""

    children: int
    new: int


def highest_numbers(tx: Transaction, class_ids: Collection[int]) -> dict[int, int]:
    """The highest number known in each class that has any; the roster came by an import."""
    return dict(child_codes.known_numbers(tx, class_ids))


def make(
    tx: Transaction,
    school_id: int,
    class_ids: Sequence[int],
    numbers: Sequence[int] = (),
    by: str = audit.SYSTEM,
    *,
    renew: bool = False,
    choose: Choose = secrets.choice,
) -> Made:
    """Give a code to every child of these classes who has none: those known, and these numbers.

    With `renew` all get a new one, and what was printed before opens nothing any more.
    Raises LookupError for a class that is not of the school.
    """
    school = schools.school(tx, school_id)
    _check_classes(tx, school, class_ids)
    if renew:
        child_codes.revoke(tx, class_ids)
    wanted = {(class_id, number) for class_id in class_ids for number in numbers}
    child_codes.add_children(tx, school.board_id, sorted(wanted))
    wanted |= set(child_codes.numbers_of(tx, class_ids))
    settings = boards.settings(tx, school.board_id)
    good_until = tx.now + min(_WORTH_PRINTING, timedelta(days=settings.child_code_days))
    lacking = child_codes.without_code(tx, wanted, good_until)
    codes = {child_id: make_school_id(school.handle, choose) for child_id in lacking}
    expires_at = tx.now + timedelta(days=settings.child_code_days)
    child_codes.add_codes(tx, school, codes, expires_at)
    details = {"classes": list(class_ids), "new": len(codes), "renew": renew}
    _record(tx, school, by, "make_child_codes", details)
    return Made(len(wanted), len(codes))


def revoke(
    tx: Transaction,
    school_id: int,
    class_ids: Sequence[int],
    numbers: Sequence[int] | None = None,
    by: str = audit.SYSTEM,
) -> int:
    """Let codes open nothing any more; returns how many that were."""
    school = schools.school(tx, school_id)
    _check_classes(tx, school, class_ids)
    revoked = child_codes.revoke(tx, class_ids, numbers)
    details = {"classes": list(class_ids), "count": revoked}
    _record(tx, school, by, "revoke_child_codes", details)
    return revoked


def of_classes(tx: Transaction, class_ids: Sequence[int]) -> list[ClassCodes]:
    """The codes of each class, in the order of the school."""
    codes = child_codes.codes_of(tx, class_ids)
    groups = [group for each in class_ids if (group := schools.group(tx, each)) is not None]
    groups.sort(key=lambda group: (group.position, group.id))
    return [
        ClassCodes(group.name, tuple(code for code in codes if code.class_id == group.id))
        for group in groups
    ]


def _check_classes(tx: Transaction, school: School, class_ids: Collection[int]) -> None:
    classes = {group.id for group in schools.classes_of(tx, school.id)}
    if foreign := set(class_ids) - classes:
        raise LookupError(f"school {school.id} has no classes {sorted(foreign)}")


def _record(
    tx: Transaction, school: School, by: str, verb: str, details: dict[str, object]
) -> None:
    chain = audit.chain_of(school.board_id, school.id)
    audit.record(tx, chain, by, verb, f"school:{school.id}", details)
