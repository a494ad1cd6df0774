"""Staff: inviting them, the code they type, and the roles they hold."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from actions import audit, boards, telling, tries
from domain.codes import Choose, fold_code, make_code
from domain.names import addressed
from domain.refusals import Refusal, refuse
from domain.roles import Actor, Grant, Role, approvers, is_well_placed
from domain.speech import Speech
from domain.wording import say
from storage import attempts, dialogues, keeping, people, replies, schools, staff
from storage.database import Transaction
from storage.tables import ContactPoint, Invitation, Staff

INVITATION_LASTS = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Invited:
    code: str
    staff_id: int


@dataclass(frozen=True, slots=True)
class StaffPost:
    """One role as its holder is told of it; the city's roles have no school name."""

    role: Role
    school_name: str | None


@dataclass(frozen=True, slots=True)
class StaffWelcome:
    staff_id: int
    name: str
    posts: tuple[StaffPost, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """From when until when a role is held; from now on and without end where nothing is said."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None


def invite(
    tx: Transaction,
    board_id: int,
    role: Role,
    school_id: int | None,
    name: str,
    by: str = audit.SYSTEM,
    choose: Choose = secrets.choice,
    term: Term = Term(),
) -> Invited | Refusal:
    """Give somebody a role and a one-time code."""
    if not is_well_placed(role, school_id):
        return refuse("role_needs_school" if school_id is None else "role_without_school")
    if school_id is not None and schools.school(tx, school_id).board_id != board_id:
        raise LookupError(f"board {board_id} has no school {school_id}")
    row = staff.add_staff(tx, board_id, name)
    staff.add_role(tx, row, role, school_id, term.starts_at, term.ends_at)
    code = _new_code(tx, row, choose)
    chain = audit.chain_of(board_id, school_id)
    audit.record(tx, chain, by, "invite", audit.staff(row.id), {"role": role.value})
    return Invited(code, row.id)


def invite_again(tx: Transaction, staff_id: int, choose: Choose = secrets.choice) -> str:
    """A new one-time code for somebody who has roles already; those before it stop working."""
    staff.revoke_invitations(tx, staff_id)
    return _new_code(tx, staff.member(tx, staff_id), choose)


def cut_off(tx: Transaction, staff_id: int, keep: int | None = None) -> int:
    """Let somebody's telephones be nobody's of staff at once, but for the one to `keep`.

    Their roles stay. What was going on there ends, codes not used yet open nothing, and each
    telephone is told: whoever holds it now hears no more than that. Returns how many those were.
    """
    points = [each for each in staff.contacts_of(tx, staff_id) if each != keep]
    told = set(telling.ways_to(tx, staff_id))
    for contact_id in points:
        people.lock_contact(tx, contact_id)
    staff.unlink_contacts(tx, staff_id, points)
    dialogues.end_all(tx, points)
    staff.revoke_invitations(tx, staff_id)
    attempts.add(tx, staff.board_of(tx, staff_id), _cut(staff_id))
    speech = Speech((say("staff.cut_off"),), subject=say("staff.cut_off.subject"))
    for contact_id in told.intersection(points):
        replies.queue(tx, contact_id, speech)
    return len(points)


def was_cut_off_since(tx: Transaction, staff_id: int, at: datetime) -> bool:
    """Whether a link that somebody was given then may have been on a telephone that was cut off."""
    return attempts.count(tx, _cut(staff_id), tx.now - at) > 0


def _cut(staff_id: int) -> str:
    return f"cut:staff:{staff_id}"


def _new_code(tx: Transaction, row: Staff, choose: Choose) -> str:
    code = make_code(choose)
    staff.add_invitation(tx, row, code, tx.now + INVITATION_LASTS)
    return code


def accept_invitation(tx: Transaction, contact_id: int, text: str) -> StaffWelcome | Refusal:
    """Make a contact point the staff member's whom the code invites."""
    point = people.lock_contact(tx, contact_id)
    invitation = typed_invitation(tx, point, text)
    return invitation if isinstance(invitation, Refusal) else accept(tx, point, invitation)


def typed_invitation(tx: Transaction, point: ContactPoint, text: str) -> Invitation | Refusal:
    """The invitation of a typed code, not used up yet; wrong ones are counted and limited."""
    limits = {f"contact:{point.id}": boards.settings(tx, point.board_id).tries_per_contact}
    if kept_out := tries.blocked(tx, point.board_id, point.id, limits):
        return kept_out
    code = fold_code(text)
    invitation = staff.open_invitation(tx, point.board_id, code) if code else None
    if invitation is None or not staff.grants_of(tx, invitation.staff_id, later=True):
        return tries.wrong(tx, point.board_id, point.id, "wrong_code", limits)
    return invitation


def still_open(tx: Transaction, invitation_id: int, *, keep: bool = True) -> Invitation | None:
    """An invitation that was typed; None if it or its roles are over meanwhile."""
    invitation = staff.still_open(tx, invitation_id, keep=keep)
    if invitation is None or not staff.grants_of(tx, invitation.staff_id, later=True):
        return None
    return invitation


def accept(tx: Transaction, point: ContactPoint, invitation: Invitation) -> StaffWelcome | Refusal:
    """Use up an invitation at a contact point that its person holds locked.

    A contact point belongs to one staff member only: who types two codes is one person with
    the roles of both, and so cannot approve with the second what they wrote with the first.
    """
    invited = staff.use_invitation(tx, invitation)
    grants = staff.grants_of(tx, invited.id, later=True)
    member = staff.staff_at(tx, point.id)
    if member is None:
        member = invited
        staff.link_contact(tx, member, point.id)
        staff.set_language(tx, member.id, point.language)
    elif refused := _join_into(tx, invited, member):
        return refused
    _tell_of(tx, member, point, grants)
    return _welcomed(tx, member, point)


def posts_of(tx: Transaction, staff_id: int) -> tuple[StaffPost, ...]:
    """The roles that somebody holds or will hold, as they are told of them."""
    return tuple(_post(tx, grant) for grant in staff.grants_of(tx, staff_id, later=True))


def _join_into(tx: Transaction, invited: Staff, member: Staff) -> Refusal | None:
    if invited.id == member.id:
        return None
    if staff.contacts_of(tx, invited.id):
        chain, who = audit.chain_of(member.board_id, None), audit.staff(member.id)
        details = {"refused": "code_of_another"}
        audit.record(tx, chain, who, "accept_invitation", audit.staff(invited.id), details)
        return refuse("code_of_another")
    staff.give_roles(tx, invited.id, member.id)
    keeping.follow(tx, invited.id, member.id)
    return None


def _welcomed(tx: Transaction, member: Staff, point: ContactPoint) -> StaffWelcome:
    grants = staff.grants_of(tx, member.id, later=True)
    for school_id in sorted({grant.school_id or 0 for grant in grants}):
        chain = audit.chain_of(member.board_id, school_id or None)
        who = audit.contact(point.id)
        audit.record(tx, chain, who, "accept_invitation", audit.staff(member.id))
    return StaffWelcome(member.id, staff.name_of(tx, member.id), posts_of(tx, member.id))


def _tell_of(tx: Transaction, member: Staff, point: ContactPoint, grants: Iterable[Grant]) -> None:
    """Tell who would notice that this is not the person who was meant.

    Those are the member of staff where they were connected before, who manages their schools,
    and for anybody who decides or speaks for the city, the board.
    """
    name = addressed(staff.name_of(tx, member.id))
    channel = say(f"channel.{point.channel}")
    words = say("linking.told", name=name, channel=channel)
    speech = Speech(words=(words,), subject=say("linking.told.subject"))
    for contact_id in set(telling.ways_to(tx, member.id)) - {point.id}:
        replies.queue(tx, contact_id, speech)
    telling.tell(tx, _watching(tx, member.board_id, grants) - {member.id}, speech)


def _watching(tx: Transaction, board_id: int, grants: Iterable[Grant]) -> set[int]:
    """Who decides in the places of these roles; the board for all but operators."""
    places: set[int | None] = set()
    for grant in grants:
        places |= {grant.school_id} if grant.role is Role.OPERATOR else {grant.school_id, None}
    held = (staff.holders(tx, board_id, approvers(place), place) for place in places)
    return {one for holders in held for one in holders}


def _post(tx: Transaction, grant: Grant) -> StaffPost:
    school = schools.school(tx, grant.school_id) if grant.school_id is not None else None
    return StaffPost(grant.role, school.name if school else None)


def actor_of(tx: Transaction, contact_id: int) -> Actor | None:
    """The staff member of a contact point with the roles they hold now, if any is theirs."""
    member = staff.staff_at(tx, contact_id)
    if member is None:
        return None
    grants = staff.grants_of(tx, member.id)
    return Actor(member.id, member.board_id, grants, member.language)


def as_of_now(tx: Transaction, actor: Actor) -> Actor:
    """The same person with the roles they hold now: one may have ended since they were read."""
    return replace(actor, grants=staff.grants_of(tx, actor.staff_id, keep=True))


def name_of(tx: Transaction, staff_id: int) -> str:
    return staff.name_of(tx, staff_id)


def end_role(
    tx: Transaction, staff_id: int, role: Role, school_id: int | None, by: str = audit.SYSTEM
) -> bool:
    """Take a role away from now on; False if it was not held."""
    ended = staff.end_role(tx, staff_id, role, school_id)
    chain = audit.chain_of(staff.board_of(tx, staff_id), school_id)
    details = {"role": role.value, "held": ended}
    audit.record(tx, chain, by, "end_role", audit.staff(staff_id), details)
    return ended
