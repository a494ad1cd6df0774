"""Guardians register by themselves: with the school ID, a class, and by choice a number.

Or with their child's own code. What waits for the school's yes first is in actions.admissions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter

from actions import audit, boards, full_codes, many_children, telling, tries
from domain.refusals import Refusal, refuse
from domain.roles import approvers
from domain.school_ids import fold_school_id, handle_of, looks_like_school_id
from domain.schools import Admission
from domain.speech import Speech
from domain.wording import say
from storage import (
    admissions,
    attempts,
    child_codes,
    families,
    opt_outs,
    people,
    schools,
    staff,
)
from storage.database import Transaction
from storage.tables import Child, ContactPoint, Group, Guardian

NUMBERS = range(1, 100)
# More than the largest families have. Without a limit one person could name every number of a
# class, and all its families would count as one. Fewer still where nobody looks at it: at an open
# school, without the child's own code.
CHILDREN_AT_A_SCHOOL = 8
CHILDREN_BY_ONESELF = 5
CHILDREN_IN_ALL = 12
# Parents, and two who look after the child besides.
GUARDIANS_BY_CODE = 4
_WARNS_ONCE_IN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FoundSchool:
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class FoundChild:
    """The child whose code was typed, as its guardian is asked about it."""

    code_id: int
    school_name: str
    class_name: str
    number: int


@dataclass(frozen=True, slots=True)
class NewChild:
    """A child that somebody wants to hear of: a class and, by choice, a number."""

    class_id: int
    number: int | None


@dataclass(frozen=True, slots=True)
class Registered:
    """`again` is true where everything was known already."""

    guardian_id: int
    again: bool


@dataclass(frozen=True, slots=True)
class Joined:
    """A school whose messages reach a contact point, and by which groups."""

    school_id: int
    school_name: str
    groups: tuple[str, ...]


def find_school(tx: Transaction, contact_id: int, text: str) -> FoundSchool | FoundChild | Refusal:
    """Which school an ID opens, or whose child a child's code is.

    A wrong one is answered alike whether it is mistyped, expired or of a school that does not
    exist: nobody learns here which schools there are.
    """
    point = people.lock_contact(tx, contact_id)
    folded = fold_school_id(text)
    if folded is None and not looks_like_school_id(text):
        return refuse("not_a_school_id")
    limits = _limits(tx, point, folded)
    if kept_out := tries.blocked(tx, point.board_id, contact_id, _holding(tx, point, limits)):
        return kept_out
    found = _opened_by(tx, point, folded) if folded else None
    if found is None:
        refused = tries.wrong(tx, point.board_id, contact_id, "wrong_school_id", limits)
        _warn(tx, point.board_id, folded, limits)
        return refused
    return found


def _opened_by(
    tx: Transaction, point: ContactPoint, folded: str
) -> FoundSchool | FoundChild | Refusal | None:
    school = schools.school_opened_by(tx, point.board_id, folded)
    if school is None:
        return _child_of_code(tx, point, folded)
    if school.admission == Admission.INVITE.value:
        details = {"refused": "needs_child_code"}
        _record(tx, point, school.id, "find_school", f"school:{school.id}", details)
        return refuse("needs_child_code", school=school.name)
    _record(tx, point, school.id, "find_school", f"school:{school.id}")
    return FoundSchool(school.id, school.name)


def _child_of_code(tx: Transaction, point: ContactPoint, folded: str) -> FoundChild | None:
    code = child_codes.opened_by(tx, point.board_id, folded)
    if code is None:
        return None
    child, class_group = child_codes.child_of(tx, code)
    assert child.number is not None, "a code is made for a class and a number"
    _record(tx, point, code.school_id, "find_child", f"child_code:{code.id}")
    name = schools.school(tx, code.school_id).name
    return FoundChild(code.id, name, class_group.name, child.number)


def _limits(tx: Transaction, point: ContactPoint, folded: str | None) -> dict[str, int]:
    """Where a wrong try counts: for the person, and for the handle, a school's or nobody's."""
    settings = boards.settings(tx, point.board_id)
    limits = {_own(point): settings.tries_per_contact}
    if folded:
        limits[_of_handle(tx, point.board_id, folded)] = settings.tries_per_school
    return limits


def _own(point: ContactPoint) -> str:
    return f"contact:{point.id}"


def _of_handle(tx: Transaction, board_id: int, folded: str) -> str:
    return f"handle:{tx.vault.index('handle', str(board_id), handle_of(folded)).hex()}"


def _holding(tx: Transaction, point: ContactPoint, limits: Mapping[str, int]) -> dict[str, int]:
    """The limits that hold for a person: a handle's only after a wrong try of their own.

    Otherwise somebody's hundred wrong tries would keep out a school's families, who get it
    right at once. Nobody finds an ID by trying once from each of many contact points.
    """
    own = _own(point)
    return dict(limits) if attempts.count(tx, own) else {own: limits[own]}


def _warn(tx: Transaction, board_id: int, folded: str | None, limits: Mapping[str, int]) -> None:
    """Tell a school's managers, once a day at most, that somebody may be guessing at its ID."""
    school = schools.school_by_handle(tx, board_id, handle_of(folded)) if folded else None
    if folded is None or school is None:
        return
    scope = _of_handle(tx, board_id, folded)
    told = f"told:{scope}"
    tried = attempts.count(tx, scope)
    if tried < limits[scope] or attempts.count(tx, told, _WARNS_ONCE_IN):
        return
    attempts.add(tx, board_id, told)
    words = say("register.told.guessing", school=school.name, count=tried)
    subject = say("register.told.guessing_subject", school=school.name)
    managers = staff.holders(tx, board_id, approvers(school.id), school.id)
    telling.tell(tx, managers, Speech(words=(words,), subject=subject))


def register_children(
    tx: Transaction,
    contact_id: int,
    school_id: int,
    children: Sequence[NewChild],
    clubs: Sequence[int],
) -> Registered | Refusal:
    """Register somebody's children, and let them join what guardians join by themselves."""
    done = _register_all(tx, contact_id, school_id, children)
    many_children.tell_in_time(tx, contact_id, school_id)
    if not isinstance(done, Refusal):
        for club in clubs:
            join_group(tx, contact_id, club)
    return done


def _register_all(
    tx: Transaction, contact_id: int, school_id: int, children: Sequence[NewChild]
) -> Registered | Refusal:
    classes = {group.id for group in schools.classes_of(tx, school_id)}
    if not classes.issuperset(child.class_id for child in children):
        return refuse("class_gone")
    again, guardian_id = True, 0
    for child in children:
        done = register(tx, contact_id, school_id, child.class_id, child.number)
        if isinstance(done, Refusal):
            return done
        again, guardian_id = again and done.again, done.guardian_id
    return Registered(guardian_id, again)


def register_by_code(tx: Transaction, contact_id: int, code_id: int) -> Registered | Refusal:
    """Register a child by its code, whichever way the school lets others in.

    So many guardians may use one child's code: a slip that went round in a class is noticed. Those
    who registered on their own word alone do not count, or they could keep the parents out.
    """
    point = people.lock_contact(tx, contact_id)
    code = child_codes.still_open(tx, code_id)
    if code is None or code.board_id != point.board_id:
        return refuse("wrong_school_id")
    child, class_group = child_codes.child_of(tx, code)
    guardian = guardian_at(tx, point)
    there = set(child_codes.vouched_guardians(tx, child.id)) - {guardian.id}
    if len(there) >= GUARDIANS_BY_CODE:
        details = {"refused": "code_is_full"}
        _record(tx, point, code.school_id, "register", f"child_code:{code.id}", details)
        return full_codes.refuse_full(tx, code, GUARDIANS_BY_CODE)
    done = register(
        tx, contact_id, code.school_id, class_group.id, child.number, most=CHILDREN_AT_A_SCHOOL
    )
    if isinstance(done, Registered) and child.number is not None:
        child_codes.vouch(tx, done.guardian_id, [(class_group.id, child.number)])
    return done


def register(
    tx: Transaction,
    contact_id: int,
    school_id: int,
    class_id: int,
    number: int | None,
    *,
    most: int | None = None,
) -> Registered | Refusal:
    """Make a contact point hear what is sent to a child's class.

    `most` is how many children somebody may have at the school; how it lets people in decides,
    unless something else speaks for them. Who registers anew wants to hear again, wherever they
    left before: a mail address of theirs comes before the chat in which they register.

    Raises LookupError for a class that is not of the school, ValueError for an impossible
    number.
    """
    if number is not None and number not in NUMBERS:
        raise ValueError("no number in a class")
    class_group = _group_of(tx, school_id, class_id)
    point = people.lock_contact(tx, contact_id)
    guardian = guardian_at(tx, point)
    if refused := _has_too_many(tx, guardian, class_group, number, most or _most_at(tx, school_id)):
        details = {"class": class_id, "refused": refused.code}
        _record(tx, point, school_id, "register", f"guardian:{guardian.id}", details)
        return refused
    again = not _add_child(tx, guardian, class_group, number)
    people.join(tx, guardian, class_id)
    opt_outs.opt_in_guardian(tx, guardian.id, school_id)
    noted = {"class": class_id, "again": again}
    if number is not None and not families.join(tx, people.child_in_class(tx, class_group, number)):
        noted["kept_apart"] = True
    _record(tx, point, school_id, "register", f"guardian:{guardian.id}", noted)
    return Registered(guardian.id, again)


def guardian_at(tx: Transaction, point: ContactPoint) -> Guardian:
    """The guardian of a contact point, made if need be: who registers twice stays one person."""
    known = people.guardians_of(tx, point.id)
    if known:
        return known[0]
    guardian = people.add_guardian(tx, point.board_id, point.language)
    people.link_contact(tx, guardian, point.id)
    return guardian


def _has_too_many(
    tx: Transaction, guardian: Guardian, class_group: Group, number: int | None, most: int
) -> Refusal | None:
    """Refuse one child more than there can be; one that is known or gets its number is none."""
    others = [
        school_id
        for child, school_id in people.children_everywhere(tx, guardian.id)
        if child.class_id != class_group.id or _is_another(child, number)
    ]
    at_school = sum(school_id == class_group.school_id for school_id in others)
    if at_school < most and len(others) < CHILDREN_IN_ALL:
        return None
    return refuse("too_many_children", most=most, in_all=CHILDREN_IN_ALL)


def _most_at(tx: Transaction, school_id: int) -> int:
    """At an open school nobody looks at what is named; at any other staff or a code said yes."""
    is_open = schools.school(tx, school_id).admission == Admission.OPEN.value
    return CHILDREN_BY_ONESELF if is_open else CHILDREN_AT_A_SCHOOL


def _is_another(child: Child, number: int | None) -> bool:
    """Whether these must be two children of one class, both numbers being known."""
    return None not in (child.number, number) and child.number != number


def _add_child(tx: Transaction, guardian: Guardian, class_group: Group, number: int | None) -> bool:
    """Note whose child it is; False if it was known."""
    if number is None:
        if people.children_of(tx, guardian.id, class_group.id):
            return False
        people.add_unnumbered_child(tx, guardian, class_group)
        return True
    child = people.child_in_class(tx, class_group, number)
    is_new = people.link_child(tx, guardian, child)
    people.unlink_unnumbered(tx, guardian.id, class_group.id)
    return is_new


def joined(tx: Transaction, contact_id: int) -> list[Joined]:
    """The schools and groups whose messages reach a contact point."""
    groups = people.groups_joined(tx, contact_id)
    return [
        Joined(school_id, schools.school(tx, school_id).name, tuple(g.name for _, g in members))
        for school_id, members in groupby(groups, key=itemgetter(0))
    ]


def leave_school(tx: Transaction, contact_id: int, school_id: int) -> None:
    """Forget at a school whoever is reached at this contact point, with their children.

    What they asked of it and nobody has decided yet is taken back too.
    """
    point = people.lock_contact(tx, contact_id)
    for guardian in people.guardians_of(tx, contact_id):
        people.unjoin_school(tx, guardian.id, school_id)
        people.unlink_children(tx, guardian.id, school_id)
        families.part(tx, guardian)
    admissions.forget(tx, contact_id, school_id)
    _record(tx, point, school_id, "leave_school", f"school:{school_id}")


def opt_out(tx: Transaction, contact_id: int, school_id: int) -> None:
    """One click: no more ordinary broadcasts of a school here (0: of the city)."""
    point = people.contact(tx, contact_id)
    if opt_outs.opt_out(tx, point, school_id):
        _record(tx, point, school_id or None, "opt_out", audit.contact(contact_id))


def opt_in(tx: Transaction, contact_id: int, school_id: int) -> None:
    point = people.contact(tx, contact_id)
    opt_outs.opt_in(tx, contact_id, school_id)
    _record(tx, point, school_id or None, "opt_in", audit.contact(contact_id))


def join_group(tx: Transaction, contact_id: int, group_id: int) -> Refusal | None:
    """Join a club or the like of a school where one is registered."""
    point = people.contact(tx, contact_id)
    group = schools.group(tx, group_id)
    schools_here = {school_id for school_id, _ in people.groups_joined(tx, contact_id)}
    if group is None or not group.joinable or group.school_id not in schools_here:
        _record(tx, point, None, "join_group", f"group:{group_id}", {"refused": "not_open"})
        return refuse("not_open")
    people.join(tx, guardian_at(tx, point), group_id)
    _record(tx, point, group.school_id, "join_group", f"group:{group_id}")
    return None


def leave_group(tx: Transaction, contact_id: int, group_id: int) -> None:
    """Leave a club or the like; a class is left with the school."""
    group = schools.group(tx, group_id)
    if group is None or not group.joinable:
        return
    for guardian in people.guardians_of(tx, contact_id):
        people.unjoin(tx, guardian.id, group_id)
    point = people.contact(tx, contact_id)
    _record(tx, point, group.school_id, "leave_group", f"group:{group_id}")


def _group_of(tx: Transaction, school_id: int, group_id: int) -> Group:
    group = schools.group(tx, group_id)
    if group is None or group.school_id != school_id or group.kind != schools.CLASS:
        raise LookupError(f"school {school_id} has no class {group_id}")
    return group


def _record(
    tx: Transaction,
    point: ContactPoint,
    school_id: int | None,
    verb: str,
    subject: str,
    details: Mapping[str, object] | None = None,
) -> None:
    chain = audit.chain_of(point.board_id, school_id)
    audit.record(tx, chain, audit.contact(point.id), verb, subject, details)
