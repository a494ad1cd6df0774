"""Marks of contact points that their carriers refuse, and what is suspended because of them.

Whoever changes a mark locks the contact point first, and several of them in the order of their
IDs: a turn of that person's conversation does the same (storage.people.lock_contact).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    exists,
    func,
    null,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute

from domain import suppression as rules
from domain.lanes import OTHER, RELAY, RULES, lane_of
from domain.suppression import MARKING, TAKEN_BACK, UNKNOWN_USER, Mark
from storage import boards, lane_states
from storage.database import Transaction
from storage.tables import (
    Board,
    Child,
    Chunk,
    ContactPoint,
    Delivery,
    Group,
    GuardianChild,
    GuardianContact,
    Membership,
    Suppression,
)

ACTIVE, SUSPENDED = "active", "suspended"
_NO_NUMBER = 10**9
# As many parameters as every database takes in one statement.
_AT_ONCE = 5000
_ANY = select(exists().select_from(Suppression))
_MARKED_AMONG = (
    select(Suppression.contact_point_id)
    .join(Delivery, Delivery.contact_point_id == Suppression.contact_point_id)
    .where(Delivery.id.in_(bindparam("ids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Unreached:
    """Whom a school does not reach by mail: a child by class and number, or a group's member.

    `domain` is all that is told of the address.
    """

    contact_id: int
    place: str
    number: int | None
    domain: str
    mark: Mark


def note_refused(tx: Transaction, chunk: Chunk, reasons: Mapping[int, str]) -> None:
    """Mark whose deliveries (by ID) in a mail chunk were refused for a reason that is theirs.

    At a destination that is stopped nobody is marked as unknown: what was asked before it stopped
    may be written down after it did.
    """
    told = {one: MARKING[reason] for one, reason in reasons.items() if reason in MARKING}
    if not told:
        return
    stopped = [lane.site for lane in lane_states.stopped(tx)]
    query = select(Delivery.contact_point_id, Delivery.id).where(Delivery.id.in_(told))
    said = {contact: told[one] for contact, one in tx.session.execute(query).tuples()}
    zone = boards.board(tx, chunk.board_id).zone
    points = [
        point
        for point in _locked(tx, said)
        if point.state in (ACTIVE, SUSPENDED)
        and (said[point.id] != UNKNOWN_USER or not _is_excused(point, stopped))
    ]
    for row in _marks(tx, [point.id for point in points]):
        _put(tx, row, rules.marked(_mark(row), said.pop(row.contact_point_id), tx.now, zone))
    for point in points:
        if point.id in said:
            mark = rules.marked(None, said[point.id], tx.now, zone)
            row = Suppression(contact_point_id=point.id, board_id=point.board_id, **asdict(mark))
            tx.session.add(row)
    tx.flush()


def note_accepted(tx: Transaction, delivery_ids: Sequence[int]) -> None:
    """Forget the marks of those whose mail was accepted.

    Costs one look into an index while nobody is marked.
    """
    if not delivery_ids or not tx.session.scalar(_ANY):
        return
    connection = tx.session.connection()
    for start in range(0, len(delivery_ids), _AT_ONCE):
        ids = {"ids": list(delivery_ids[start : start + _AT_ONCE])}
        lift(tx, connection.execute(_MARKED_AMONG, ids).scalars().all())


def lift(tx: Transaction, contact_ids: Collection[int]) -> bool:
    """Forget what was said of contact points and let mail go there again; False if nothing was."""
    if not contact_ids:
        return False
    points = _locked(tx, contact_ids)
    for point in points:
        if point.state == SUSPENDED:
            point.state, point.state_at = ACTIVE, tx.now
    tx.flush()
    theirs = Suppression.contact_point_id.in_([point.id for point in points])
    gone = delete(Suppression).where(theirs).returning(Suppression.contact_point_id)
    return bool(tx.session.scalars(gone).all())


def note_arrived(tx: Transaction, contact_id: int, sent_at: datetime) -> None:
    """Forget what was said of a mailbox before mail was sent that somebody opened there."""
    mark = tx.session.get(Suppression, contact_id, populate_existing=True)
    if mark is not None and mark.last_at <= sent_at:
        lift(tx, [contact_id])


def take_back(tx: Transaction, site: str) -> int:
    """Undo what a destination said of its recipients lately; returns for how many."""
    query = (
        select(ContactPoint)
        .join(Suppression, Suppression.contact_point_id == ContactPoint.id)
        .where(Suppression.reason == UNKNOWN_USER, Suppression.last_at >= tx.now - TAKEN_BACK)
    )
    theirs = [point.id for point in tx.session.scalars(query) if _is_excused(point, [site])]
    points = _locked(tx, theirs)
    for row in _marks(tx, [point.id for point in points]):
        mark = rules.taken_back(_mark(row))
        if mark is None:
            lift(tx, [row.contact_point_id])
        else:
            _put(tx, row, mark)
    tx.flush()
    return len(points)


def is_at(point: ContactPoint, site: str) -> bool:
    """Whether mail to a contact point may go to this destination.

    A domain without a lane of its own may be received anywhere, and behind a relay is everybody.
    """
    return lane_of(point.domain) in (site, OTHER) or site == RELAY


def _is_excused(point: ContactPoint, sites: Collection[str]) -> bool:
    """Whether one of these destinations, if it stopped, says nothing of a contact point.

    A site that is no lane stands for its own domains only.  Anybody can have one, and have it
    stopped by addresses of their own that are dead: no other family's mark may go for that.
    """
    return any(
        is_at(point, site) and (site in (*RULES, RELAY) or _is_named_after(site, point.domain))
        for site in sites
    )


def _is_named_after(site: str, domain: str) -> bool:
    """Whether a site's exchangers lie under a domain, as (mx1|mx2).example.jp under example.jp."""
    return f".{site}".endswith(f".{domain}")


def _locked(tx: Transaction, contact_ids: Collection[int]) -> Sequence[ContactPoint]:
    query = (
        select(ContactPoint)
        .where(ContactPoint.id.in_(contact_ids))
        .order_by(ContactPoint.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return tx.session.scalars(query).all()


def _marks(tx: Transaction, contact_ids: Collection[int]) -> Sequence[Suppression]:
    query = select(Suppression).where(Suppression.contact_point_id.in_(contact_ids))
    return tx.session.scalars(query.execution_options(populate_existing=True)).all()


def _mark(row: Suppression) -> Mark:
    return Mark(row.reason, row.days, row.first_at, row.last_at, row.suspended_at)


def _put(tx: Transaction, row: Suppression, mark: Mark) -> None:
    """Change a mark; the contact point is suspended, or no more, as it says."""
    row.reason, row.days = mark.reason, mark.days
    row.first_at, row.last_at = mark.first_at, mark.last_at
    if row.suspended_at == mark.suspended_at:
        return
    row.suspended_at, row.told_at = mark.suspended_at, None
    point = tx.session.get_one(ContactPoint, row.contact_point_id)
    # Who left, or is erased, stays so.
    if point.state in (ACTIVE, SUSPENDED):
        point.state = SUSPENDED if mark.suspended_at else ACTIVE
        point.state_at = tx.now


# For the schools.


def at_school(tx: Transaction, school_id: int) -> list[Unreached]:
    """Everybody of a school whose address is marked, by class and number, the groups' last."""
    pupils = (
        _marked(Child.number)
        .join(GuardianChild, GuardianChild.guardian_id == GuardianContact.guardian_id)
        .join(Child, Child.id == GuardianChild.child_id)
        .join(Group, Group.id == Child.class_id)
        .where(Group.school_id == school_id)
    )
    found = _unreached(tx.session.execute(pupils).all())
    known = {each.contact_id for each in found}
    members = (
        _marked(null())
        .join(Membership, Membership.guardian_id == GuardianContact.guardian_id)
        .join(Group, Group.id == Membership.group_id)
        .where(Group.school_id == school_id, ContactPoint.id.not_in(known))
    )
    return found + _unreached(tx.session.execute(members).all())


def _marked(number: ColumnElement[Any] | InstrumentedAttribute[Any]) -> Select[Any]:
    return (
        select(Suppression, ContactPoint.domain, Group.position, Group.name, number)
        .select_from(Suppression)
        .join(ContactPoint, ContactPoint.id == Suppression.contact_point_id)
        .join(GuardianContact, GuardianContact.contact_point_id == ContactPoint.id)
    )


def _unreached(rows: Sequence[Row[Any]]) -> list[Unreached]:
    """Once each, however many guardians share an address and a child."""
    found = {
        (position, name, _NO_NUMBER if number is None else number, row.contact_point_id): Unreached(
            row.contact_point_id, name, number, domain, _mark(row)
        )
        for row, domain, position, name, number in rows
    }
    return [found[key] for key in sorted(found)]


def to_tell(tx: Transaction, quiet: datetime, told_before: datetime) -> Sequence[int]:
    """Boards with suspensions since before `quiet` that nobody heard of.

    A board of which schools heard after `told_before` waits: they hear once a day.
    """
    due = select(Suppression.board_id).where(*_untold(quiet)).distinct()
    told = select(Suppression.board_id).where(
        Suppression.suspended_at.is_not(None), Suppression.told_at > told_before
    )
    query = select(Board.id).where(Board.id.in_(due), Board.id.not_in(told))
    return tx.session.scalars(query.order_by(Board.id)).all()


def take_untold(tx: Transaction, board_id: int, quiet: datetime) -> dict[int, int]:
    """How many suspended addresses each school is to hear of; noted as told."""
    taken = (
        update(Suppression)
        .where(Suppression.board_id == board_id, *_untold(quiet))
        .values(told_at=tx.now)
        .returning(Suppression.contact_point_id)
    )
    ids = tx.session.scalars(taken.execution_options(synchronize_session=False)).all()
    query = (
        select(Group.school_id, func.count(GuardianContact.contact_point_id.distinct()))
        .select_from(GuardianContact)
        .join(Membership, Membership.guardian_id == GuardianContact.guardian_id)
        .join(Group, Group.id == Membership.group_id)
        .where(GuardianContact.contact_point_id.in_(ids), Group.school_id.is_not(None))
        .group_by(Group.school_id)
    )
    return {school: count for school, count in tx.session.execute(query).tuples() if school}


def _untold(quiet: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Suppression.suspended_at.is_not(None),
        Suppression.suspended_at <= quiet,
        Suppression.told_at.is_(None),
    )
