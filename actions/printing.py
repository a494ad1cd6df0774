"""What a school prints for its guardians: the slips of its classes, or a poster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions import boards, child_codes, schools
from actions.child_codes import ClassCodes
from actions.schools import IssuedSchoolId
from actions.staff import was_cut_off_since
from domain.board_settings import BoardSettings
from domain.roles import Actor, may_write
from domain.slip_links import LASTS, SlipLink
from storage import boards as stored_boards
from storage import schools as stored
from storage import staff
from storage.database import Transaction
from storage.tables import School


@dataclass(frozen=True, slots=True)
class Printable:
    """Slips of classes; without any, the poster with the school ID, if there is one."""

    school: School
    zone: str
    settings: BoardSettings
    classes: tuple[ClassCodes, ...]
    issued: IssuedSchoolId | None


def opened(tx: Transaction, link: SlipLink) -> Printable | None:
    """What a link shows, to somebody who still has a role at the school; otherwise None.

    None too if it may be on a telephone that was cut off since.
    """
    grants = staff.grants_of(tx, link.staff_id)
    actor = Actor(link.staff_id, staff.board_of(tx, link.staff_id), grants)
    if not may_write(actor, link.school_id):
        return None
    if was_cut_off_since(tx, link.staff_id, link.until - LASTS):
        return None
    return printable(tx, link.school_id, link.class_ids)


def printable(tx: Transaction, school_id: int, class_ids: Sequence[int]) -> Printable | None:
    """Slips of these classes, or the poster; None where there is nothing to print."""
    school = stored.school(tx, school_id)
    classes = tuple(each for each in child_codes.of_classes(tx, class_ids) if each.codes)
    issued = None if class_ids else schools.current_school_id(tx, school_id)
    if not classes and issued is None:
        return None
    zone = stored_boards.board(tx, school.board_id).zone
    return Printable(school, zone, boards.settings(tx, school.board_id), classes, issued)
