"""Letting guardians in: at once, or after a yes of the school's staff.

Nothing is registered before that yes, and after it the registration is made as anywhere else.
A request is never changed: who asks again, for more or for something else, gets a new one, so
that nobody says yes to what they were not shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from actions import audit, registration
from actions.admission_cards import tell_guardian, tell_staff_in_time
from actions.registration import NewChild, Registered
from actions.staff import as_of_now, name_of
from domain.moments import moment
from domain.names import addressed
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.schools import Admission as Rule
from domain.wording import Words, say
from storage import admissions, boards, child_codes, people, schools
from storage.database import Transaction
from storage.tables import Admission, ContactPoint

WAITS = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request waits for the school."""

    admission_id: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """How many were let in; what kept one out although staff said yes is a refusal's words."""

    count: int
    but: Words | None = None


def apply(
    tx: Transaction,
    contact_id: int,
    school_id: int,
    children: Sequence[NewChild],
    clubs: Sequence[int],
    *,
    adds: bool = False,
) -> Registered | Waiting | Refusal:
    """Register children by the school's rule.

    Where it must say yes first, this replaces what the same person waits for there, or `adds`
    to it. Children who are theirs already need no second yes.
    """
    point = people.lock_contact(tx, contact_id)
    rule = Rule(schools.school(tx, school_id).admission)
    if rule is Rule.INVITE:
        return refuse("needs_child_code", school=schools.school(tx, school_id).name)
    if rule is Rule.OPEN or _are_known(tx, point, children):
        return registration.register_children(tx, contact_id, school_id, children, clubs)
    return _ask(tx, point, school_id, children, clubs, adds)


def _are_known(tx: Transaction, point: ContactPoint, children: Sequence[NewChild]) -> bool:
    theirs = {
        (child.class_id, child.number)
        for guardian in people.guardians_of(tx, point.id)
        for child, _ in people.children_everywhere(tx, guardian.id)
    }
    return theirs.issuperset((child.class_id, child.number) for child in children)


def _ask(
    tx: Transaction,
    point: ContactPoint,
    school_id: int,
    children: Sequence[NewChild],
    clubs: Sequence[int],
    adds: bool,
) -> Waiting | Refusal:
    earlier = admissions.waiting_of(tx, point.id, school_id)
    before = admissions.request_of(tx, earlier) if earlier and adds else None
    wanted = _request(before, children, clubs)
    most, in_all = registration.CHILDREN_AT_A_SCHOOL, registration.CHILDREN_IN_ALL
    if len(wanted["children"]) > most:
        return refuse("too_many_children", most=most, in_all=in_all)
    if earlier is not None:
        admissions.close(tx, earlier, "replaced")
    # So that mail as a second way can be proved meanwhile; without a group it hears nothing.
    registration.guardian_at(tx, point)
    row = admissions.add(tx, point, school_id, wanted)
    chain = audit.chain_of(point.board_id, school_id)
    audit.record(tx, chain, audit.contact(point.id), "ask_admission", _subject(row.id))
    tell_staff_in_time(tx, school_id)
    return Waiting(row.id)


def _request(
    before: Mapping[str, Any] | None, children: Sequence[NewChild], clubs: Sequence[int]
) -> dict[str, Any]:
    """What is asked now, with what was asked before; a number learnt later takes its place."""
    known = {(c["class"], c["number"]) for c in before["children"]} if before else set()
    known |= {(child.class_id, child.number) for child in children}
    numbered = {class_id for class_id, number in known if number is not None}
    kept = [each for each in known if each[1] is not None or each[0] not in numbered]
    kept.sort(key=lambda each: (each[0], each[1] or 0))
    joins = {*clubs, *(before["clubs"] if before else ())}
    return {
        "children": [{"class": class_id, "number": number} for class_id, number in kept],
        "clubs": sorted(joins),
    }


def withdraw(tx: Transaction, contact_id: int, school_id: int) -> bool:
    """Take back what a person asked of a school; False if nothing waits there."""
    point = people.lock_contact(tx, contact_id)
    taken_back = admissions.forget(tx, contact_id, school_id)
    chain, who = audit.chain_of(point.board_id, school_id), audit.contact(contact_id)
    details = {"count": taken_back}
    audit.record(tx, chain, who, "withdraw_admission", f"school:{school_id}", details)
    return taken_back > 0


# What staff decide.


def admit(tx: Transaction, actor: Actor, admission_id: int) -> Admitted | Refusal:
    """Say yes to one request; of two who press at once, one is told of the other."""
    row = _opened(tx, actor, admission_id, "admit")
    if isinstance(row, Refusal):
        return row
    people.lock_contact(tx, row.contact_point_id)
    if not admissions.decide(tx, row.school_id, [row.id], admissions.ADMITTING, actor.staff_id):
        return _too_late(tx, actor, row, "admit")
    tx.session.refresh(row)
    _record(tx, actor, row, "admit")
    return Admitted(1, _carry_out(tx, row))


def decline(tx: Transaction, actor: Actor, admission_id: int) -> Admitted | Refusal:
    """Say no to one request; whoever asked is told to call the school."""
    row = _opened(tx, actor, admission_id, "decline")
    if isinstance(row, Refusal):
        return row
    people.lock_contact(tx, row.contact_point_id)
    if not admissions.close(tx, row, "declined", actor.staff_id):
        return _too_late(tx, actor, row, "decline")
    _record(tx, actor, row, "decline")
    _tell(tx, row, "declined")
    return Admitted(0)


def admit_up_to(tx: Transaction, actor: Actor, admission_id: int) -> Admitted | Refusal:
    """Say yes to all that waited at a school when a card showed this one as the newest."""
    row = _opened(tx, actor, admission_id, "admit_all")
    if isinstance(row, Refusal):
        return row
    shown = [each.id for each in admissions.waiting_at(tx, row.school_id) if each.id <= row.id]
    return admit_all(tx, actor, row.school_id, shown)


def admit_all(
    tx: Transaction, actor: Actor, school_id: int, ids: Collection[int]
) -> Admitted | Refusal:
    """Say yes to many at once; the registrations follow in the background, a few at a time."""
    return _decide_all(tx, actor, school_id, ids, admissions.ADMITTING, "admit_all")


def decline_all(
    tx: Transaction, actor: Actor, school_id: int, ids: Collection[int]
) -> Admitted | Refusal:
    """Say no to many at once, as where somebody floods a school with requests.

    Whoever asked is told in the background. The count is of those that were declined.
    """
    return _decide_all(tx, actor, school_id, ids, admissions.DECLINING, "decline_all")


def _decide_all(
    tx: Transaction, actor: Actor, school_id: int, ids: Collection[int], state: str, verb: str
) -> Admitted | Refusal:
    if not may_write(as_of_now(tx, actor), school_id):
        return refuse("not_allowed")
    decided = admissions.decide(tx, school_id, ids, state, actor.staff_id)
    chain, who = audit.chain_of(actor.board_id, school_id), audit.staff(actor.staff_id)
    details = {"admissions": list(decided)}
    audit.record(tx, chain, who, verb, f"school:{school_id}", details)
    return Admitted(len(decided))


def carry_out(tx: Transaction, admission_id: int) -> bool:
    """Do what staff decided about a request; False if it was done or taken back meanwhile."""
    people.lock_contact(tx, admissions.as_it_is(tx, admission_id).contact_point_id)
    row = admissions.as_it_is(tx, admission_id)
    if row.state == admissions.ADMITTING:
        _carry_out(tx, row)
    elif row.state == admissions.DECLINING:
        admissions.finish(tx, row)
        _tell(tx, row, "declined")
    else:
        return False
    return True


def _carry_out(tx: Transaction, row: Admission) -> Words | None:
    """Register as was asked, and say so; what stands against it now goes to both sides."""
    request = admissions.request_of(tx, row)
    children = [NewChild(child["class"], child["number"]) for child in request["children"]]
    done = registration.register_children(
        tx, row.contact_point_id, row.school_id, children, request["clubs"]
    )
    admissions.finish(tx, row)
    if not isinstance(done, Refusal):
        numbered = [(each.class_id, each.number) for each in children if each.number is not None]
        child_codes.vouch(tx, done.guardian_id, numbered)
        _tell(tx, row, "admitted")
        return None
    tell_guardian(tx, row.contact_point_id, "declined", done.words)
    return done.words


def lapse(tx: Transaction, admission_id: int) -> bool:
    """End what nobody answered in time, with a word to whoever asked; False if it was ended."""
    row = admissions.lapse(tx, admission_id, tx.now - WAITS)
    if row is None:
        return False
    chain = audit.chain_of(row.board_id, row.school_id)
    audit.record(tx, chain, audit.SYSTEM, "lapse_admission", _subject(row.id))
    _tell(tx, row, "lapsed")
    return True


def _tell(tx: Transaction, row: Admission, outcome: str) -> None:
    school = schools.school(tx, row.school_id)
    words = say(f"admission.told.{outcome}", school=school.name)
    tell_guardian(tx, row.contact_point_id, outcome, words)


def _opened(tx: Transaction, actor: Actor, admission_id: int, verb: str) -> Admission | Refusal:
    """A request that this person may decide on now."""
    row = admissions.find(tx, admission_id, actor.board_id)
    if row is None:
        return refuse("unknown_admission")
    if not may_write(as_of_now(tx, actor), row.school_id):
        return _refused(tx, actor, row, verb, refuse("not_allowed"))
    return row


def _too_late(tx: Transaction, actor: Actor, row: Admission, verb: str) -> Refusal:
    tx.session.refresh(row)
    return _refused(tx, actor, row, verb, _closed(tx, row))


# What became of a request without anybody's decision.
_OVER = {
    "replaced": "admission_replaced",
    "withdrawn": "admission_withdrawn",
    "lapsed": "admission_lapsed",
}


def _closed(tx: Transaction, row: Admission) -> Refusal:
    """Why nothing more is decided on a request: who did, and when, or what became of it."""
    declined = row.state in (admissions.DECLINING, "declined")
    decided = declined or row.state in (admissions.ADMITTING, "admitted")
    if not decided or row.decided_by is None or row.decided_at is None:
        return refuse(_OVER[row.state])
    zone = boards.board(tx, row.board_id).zone
    code = "already_declined" if declined else "already_admitted"
    name = addressed(name_of(tx, row.decided_by))
    return refuse(code, name=name, time=moment(row.decided_at, zone))


def _refused(tx: Transaction, actor: Actor, row: Admission, verb: str, refusal: Refusal) -> Refusal:
    _record(tx, actor, row, verb, {"refused": refusal.code})
    return refusal


def _record(
    tx: Transaction,
    actor: Actor,
    row: Admission,
    verb: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    chain = audit.chain_of(row.board_id, row.school_id)
    audit.record(tx, chain, audit.staff(actor.staff_id), verb, _subject(row.id), details)


def _subject(admission_id: int) -> str:
    return f"admission:{admission_id}"
