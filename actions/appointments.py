"""Naming staff and dismissing them: what a manager does at a school, and the board everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actions import audit, staff, telling
from actions.previews import button, ref_of
from actions.staff import Invited, Term
from domain.cards import CardVerb
from domain.content import clean_line
from domain.names import addressed
from domain.refusals import Refusal, refuse
from domain.roles import Actor, Role, may_name, may_write
from domain.speech import Speech
from domain.wording import Words, say
from storage import boards, broadcasts, keeping, schools
from storage import staff as stored
from storage.database import Transaction
from storage.staff import Post

NAME_LIMIT = 50
# A card each, for whoever is handed drafts; the rest stand in their list.
_CARDS = 3


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of a school's staff, or of the city's, with all posts they have there."""

    staff_id: int
    name: str
    posts: tuple[Post, ...]

    @property
    def reachable(self) -> bool:
        """Whether they have typed their code, and so can be asked and told."""
        return any(post.reachable for post in self.posts)


@dataclass(frozen=True, slots=True)
class Dismissed:
    """How many drafts were handed over."""

    drafts: int


def members(tx: Transaction, actor: Actor, school_id: int | None) -> list[Member]:
    """The staff of a place, for one of them; nobody for anybody else."""
    if not _may_see(actor, school_id):
        return []
    posts: dict[int, list[Post]] = {}
    for post in stored.posts_at(tx, actor.board_id, school_id):
        posts.setdefault(post.staff_id, []).append(post)
    return [Member(who, stored.name_of(tx, who), tuple(theirs)) for who, theirs in posts.items()]


def appoint(
    tx: Transaction, actor: Actor, role: Role, school_id: int | None, name: str, term: Term
) -> Invited | Refusal:
    """Give somebody a role at a place, and a one-time code to be handed to them."""
    actor = staff.as_of_now(tx, actor)
    name = clean_line(name)[:NAME_LIMIT]
    refused = _refused_appointment(tx, actor, role, school_id, name, term)
    if refused:
        return _refused(tx, actor, school_id, "appoint", None, refused)
    by = audit.staff(actor.staff_id)
    invited = staff.invite(tx, actor.board_id, role, school_id, name, by=by, term=term)
    if not actor.holds(frozenset({Role.BOARD}), None):
        _tell_of_appointment(tx, actor, role, school_id, name)
    return invited


def _tell_of_appointment(
    tx: Transaction, actor: Actor, role: Role, school_id: int | None, name: str
) -> None:
    """Tell the board and the school's deputies: who names a writer could be both persons."""
    board = stored.holders(tx, actor.board_id, {Role.BOARD}, None)
    deputies = stored.holders(tx, actor.board_id, {Role.DEPUTY}, school_id)
    words = say(
        "staff.told.appointed",
        who=addressed(stored.name_of(tx, actor.staff_id)),
        place=_place_name(tx, actor.board_id, school_id),
        name=addressed(name),
        role=say(f"invitation.role.{role.value}"),
    )
    speech = Speech((words,), subject=say("staff.told.appointed.subject"))
    telling.tell(tx, {*board, *deputies} - {actor.staff_id}, speech)


def _refused_appointment(
    tx: Transaction, actor: Actor, role: Role, school_id: int | None, name: str, term: Term
) -> Refusal | None:
    if not may_name(actor, role, school_id):
        return refuse("not_allowed")
    if not name:
        return refuse("no_name")
    starts = max(term.starts_at or tx.now, tx.now)
    return refuse("term_is_over") if term.ends_at and term.ends_at <= starts else None


def invite_again(
    tx: Transaction, actor: Actor, staff_id: int, school_id: int | None, *, keeps: bool = False
) -> str | Refusal:
    """A new code for somebody whose telephone is gone, which is cut off at once.

    One that `keeps` it is for who lost the code alone. A code opens all roles of its person, so
    it is made only by who may give them all.
    """
    actor = staff.as_of_now(tx, actor)
    refused = _refused_about(tx, actor, staff_id, school_id)
    refused = refused or _refused_elsewhere(tx, actor, staff_id)
    if refused:
        return _refused(tx, actor, school_id, "invite_again", staff_id, refused)
    cut = 0 if keeps else staff.cut_off(tx, staff_id)
    code = staff.invite_again(tx, staff_id)
    _record(tx, actor, school_id, "invite_again", staff_id, {"cut_off": cut})
    return code


def cut_off(tx: Transaction, actor: Actor, staff_id: int, school_id: int | None) -> int | Refusal:
    """Cut somebody's telephones off their roles, which they keep; returns how many."""
    actor = staff.as_of_now(tx, actor)
    if refused := _refused_about(tx, actor, staff_id, school_id):
        return _refused(tx, actor, school_id, "cut_off", staff_id, refused)
    cut = staff.cut_off(tx, staff_id)
    _record(tx, actor, school_id, "cut_off", staff_id, {"cut_off": cut})
    return cut


def count_own_others(tx: Transaction, actor: Actor) -> int:
    """On how many telephones besides this one somebody works."""
    return len(stored.contacts_of(tx, actor.staff_id)) - 1


def cut_off_others(tx: Transaction, actor: Actor, contact_id: int) -> int:
    """Cut off all of one's own telephones but the one in hand; returns how many."""
    cut = staff.cut_off(tx, actor.staff_id, keep=contact_id)
    _record(tx, actor, None, "cut_off", actor.staff_id, {"cut_off": cut})
    return cut


def dismiss(
    tx: Transaction, actor: Actor, staff_id: int, school_id: int | None, heir_id: int | None
) -> Dismissed | Refusal:
    """Take every role at a place away at once, and hand the drafts there to somebody else.

    Without an heir nobody goes on with them; they stay in the records.
    """
    actor = staff.as_of_now(tx, actor)
    refused = _refused_about(tx, actor, staff_id, school_id)
    refused = refused or (_refused_heir(tx, heir_id, staff_id, school_id) if heir_id else None)
    if refused:
        return _refused(tx, actor, school_id, "dismiss", staff_id, refused)
    ways = telling.ways_to(tx, staff_id)
    roles = stored.end_all_roles(tx, staff_id, school_id)
    if not stored.grants_of(tx, staff_id, later=True):
        stored.revoke_invitations(tx, staff_id)
    drafts = _hand_over(tx, actor, staff_id, school_id, heir_id)
    noted = {"roles": [role.value for role in roles], "heir": heir_id, "drafts": len(drafts)}
    _record(tx, actor, school_id, "dismiss", staff_id, noted)
    if ways:
        telling.tell(tx, [staff_id], _farewell(tx, actor.board_id, school_id))
    return Dismissed(len(drafts))


def _hand_over(
    tx: Transaction, actor: Actor, staff_id: int, school_id: int | None, heir_id: int | None
) -> list[int]:
    if heir_id is None:
        return []
    drafts = keeping.hand_over(tx, actor.board_id, school_id, staff_id, heir_id)
    if drafts:
        _tell_heir(tx, heir_id, staff_id, drafts)
    return drafts


def _refused_about(
    tx: Transaction, actor: Actor, staff_id: int, school_id: int | None
) -> Refusal | None:
    """Whether somebody may not be dismissed or invited again by this person, and why."""
    posts = [
        post for post in stored.posts_at(tx, actor.board_id, school_id) if post.staff_id == staff_id
    ]
    if not posts:
        return refuse("not_on_staff")
    if staff_id == actor.staff_id:
        return refuse("not_oneself")
    allowed = all(may_name(actor, post.role, school_id) for post in posts)
    return None if allowed else refuse("not_allowed")


def _refused_elsewhere(tx: Transaction, actor: Actor, staff_id: int) -> Refusal | None:
    """A manager's code would open what somebody is at another school or in the city, too."""
    grants = stored.grants_of(tx, staff_id, later=True)
    allowed = all(may_name(actor, grant.role, grant.school_id) for grant in grants)
    return None if allowed else refuse("roles_elsewhere")


def _refused_heir(
    tx: Transaction, heir_id: int, staff_id: int, school_id: int | None
) -> Refusal | None:
    """Drafts may only go to somebody else who may write there."""
    grants = stored.grants_of(tx, heir_id) if heir_id != staff_id else ()
    heir = Actor(heir_id, stored.board_of(tx, heir_id), grants)
    return None if may_write(heir, school_id) else refuse("not_on_staff")


def _tell_heir(tx: Transaction, heir_id: int, from_id: int, drafts: Sequence[int]) -> None:
    name = addressed(stored.name_of(tx, from_id))
    rows = [broadcasts.broadcast(tx, number) for number in drafts[:_CARDS]]
    words: list[Words] = [say("staff.handed_over", name=name, count=len(drafts))]
    words += [say("bot.bullet", words=row.subject) for row in rows]
    buttons = tuple(button(tx, ref_of(row), CardVerb.EDIT) for row in rows)
    telling.tell(
        tx,
        [heir_id],
        Speech(tuple(words), buttons, subject=say("staff.handed_over.subject")),
    )


def _farewell(tx: Transaction, board_id: int, school_id: int | None) -> Speech:
    words = say("staff.farewell", place=_place_name(tx, board_id, school_id))
    return Speech((words,), subject=say("staff.farewell.subject"))


def _place_name(tx: Transaction, board_id: int, school_id: int | None) -> str:
    place = schools.school(tx, school_id) if school_id else boards.board(tx, board_id)
    return place.name


def _may_see(actor: Actor, school_id: int | None) -> bool:
    return may_write(actor, school_id) or actor.holds(frozenset({Role.BOARD}), None)


def _refused(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    verb: str,
    staff_id: int | None,
    refusal: Refusal,
) -> Refusal:
    _record(tx, actor, school_id, verb, staff_id, {"refused": refusal.code})
    return refusal


def _record(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    verb: str,
    staff_id: int | None,
    details: Mapping[str, object],
) -> None:
    chain = audit.chain_of(actor.board_id, school_id)
    subject = audit.staff(staff_id or 0)
    audit.record(tx, chain, audit.staff(actor.staff_id), verb, subject, details)
