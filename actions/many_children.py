"""Telling a school's managers of somebody who named the numbers of many children there.

Families with so many children at one school are few; who makes a class's families unreadable
looks just like one.
"""

from __future__ import annotations

from datetime import timedelta

from actions import telling
from domain.roles import approvers
from domain.schools import Admission
from domain.speech import Speech
from domain.wording import Words, say
from storage import attempts, people, schools, staff
from storage.database import Transaction

MANY = 4
_ONCE_IN = timedelta(days=1)


def tell_in_time(tx: Transaction, contact_id: int, school_id: int) -> None:
    """Tell them once a day at most, by class and number alone, at a school open to everybody."""
    school = schools.school(tx, school_id)
    if school.admission != Admission.OPEN.value:
        return
    children = _numbered(tx, contact_id, school_id)
    told = f"told:many_children:{school_id}"
    if len(children) < MANY or attempts.count(tx, told, _ONCE_IN):
        return
    attempts.add(tx, school.board_id, told)
    words = (
        say("register.told.many", school=school.name, count=len(children)),
        *(_child(tx, class_id, number) for class_id, number in children),
        say("register.told.many_what"),
    )
    subject = say("register.told.many_subject", school=school.name)
    managers = staff.holders(tx, school.board_id, approvers(school_id), school_id)
    telling.tell(tx, managers, Speech(words=words, subject=subject))


def _numbered(tx: Transaction, contact_id: int, school_id: int) -> list[tuple[int, int]]:
    """Class and number of each child that was named at a contact point."""
    return sorted(
        {
            (child.class_id, child.number)
            for guardian in people.guardians_of(tx, contact_id)
            for child, at_school in people.children_everywhere(tx, guardian.id)
            if at_school == school_id and child.number is not None
        }
    )


def _child(tx: Transaction, class_id: int, number: int) -> Words:
    group = schools.group(tx, class_id)
    assert group is not None, "a child is in a class"
    return say("register.child", class_name=group.name, number=number)
