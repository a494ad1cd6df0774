"""A child's code that as many have used as may: the next one is refused, and the school told."""

from __future__ import annotations

from datetime import timedelta

from actions import telling
from domain.refusals import Refusal, refuse
from domain.roles import approvers
from domain.speech import Speech
from domain.wording import Plain, say
from storage import attempts, child_codes, schools, staff
from storage.database import Transaction
from storage.tables import ChildCode, School

# Longer than any code opens: each is told of once.
_ONCE = timedelta(days=3650)


def refuse_full(tx: Transaction, code: ChildCode, most: int) -> Refusal:
    """Say whom to call, and let the school's managers know that a slip may have gone round."""
    school = schools.school(tx, code.school_id)
    _tell_managers(tx, code, school, most)
    named = Plain(school.name)
    phone = say("verify.phone", school=school.name, phone=school.phone) if school.phone else named
    return refuse("code_is_full", most=most, school=phone)


def _tell_managers(tx: Transaction, code: ChildCode, school: School, most: int) -> None:
    told = f"told:code_full:{code.id}"
    if attempts.count(tx, told, _ONCE):
        return
    attempts.add(tx, code.board_id, told)
    child, class_group = child_codes.child_of(tx, code)
    words = say(
        "register.told.code_full",
        school=school.name,
        child=say("admission.child", class_name=class_group.name, number=child.number or 0),
        most=most,
    )
    subject = say("register.told.code_full_subject", school=school.name)
    managers = staff.holders(tx, code.board_id, approvers(school.id), school.id)
    telling.tell(tx, managers, Speech(words=(words,), subject=subject))
