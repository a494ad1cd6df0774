"""What became of a broadcast, counted from the ledger: by channel, by family and by class.

A family is reached when a provider took the message for one of its guardians, by whichever of
their ways, or when one of them has confirmed it, which proves it better.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import CTE, Subquery, and_, case, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from domain import broadcasts
from domain.deliveries import MAILBOX_FULL, State
from storage.database import Transaction
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Child,
    Confirmation,
    ContactPoint,
    Delivery,
    Group,
    GuardianChild,
    GuardianContact,
    School,
)

_SENT = tuple(broadcasts.State[name].value for name in ("SENDING", "SENT", "WITHDRAWN"))
_WAITING = (State.WAITING.value, State.PLACED.value)

Which = Literal["not_reached", "not_accepted", "unconfirmed"]
"""Families that stand so; those not accepted are not reached, or nobody knows of them yet."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many families there are, and how they stand; who is not reached or waiting is the rest.

    `waiting` are those of whom nobody knows yet: it is not sent, or lies ready to be displayed;
    `full` those of them of whom a mailbox is full.
    """

    families: int
    confirmed: int
    reached: int
    waiting: int
    full: int


@dataclass(frozen=True, slots=True)
class ClassTally:
    """The families with a child in one class."""

    class_id: int
    school: str
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class WayTried:
    """One way to a family, and what came of it."""

    family_id: int
    channel: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pupil:
    """A child of a family, as the office finds it in its files."""

    family_id: int
    class_id: int
    school: str
    name: str
    number: int | None


def by_channel(tx: Transaction, broadcast_id: int) -> dict[str, dict[str, int]]:
    """How many deliveries are in each state, channel by channel."""
    query = (
        select(ContactPoint.channel, Delivery.state, func.count())
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(Delivery.broadcast_id == broadcast_id)
        .group_by(ContactPoint.channel, Delivery.state)
        .order_by(ContactPoint.channel)
    )
    counts: dict[str, dict[str, int]] = {}
    for channel, state, number in tx.session.execute(query).tuples():
        counts.setdefault(channel, {})[state] = number
    return counts


def refused_for(tx: Transaction, broadcast_id: int) -> dict[str, int]:
    """For which reasons mail and messages were refused, and how many, most of them first."""
    count = func.count()
    query = (
        select(Delivery.reason, count)
        .where(Delivery.broadcast_id == broadcast_id, Delivery.state == State.REFUSED.value)
        .group_by(Delivery.reason)
        .order_by(count.desc(), Delivery.reason)
    )
    return dict(tx.session.execute(query).tuples().all())


def count_doubtful(tx: Transaction, broadcast_id: int) -> int:
    """How often a message was sent again although an earlier try may have been accepted."""
    query = select(func.sum(Delivery.doubtful)).where(Delivery.broadcast_id == broadcast_id)
    return tx.session.scalar(query) or 0


def tally(tx: Transaction, broadcast_id: int) -> Tally:
    """All families of the frozen audience, each once."""
    standing = _standing(broadcast_id)
    return _tally(tx.session.execute(select(*_counts(standing))).one())


def by_class(tx: Transaction, row: Broadcast, classes: Collection[int] | None) -> list[ClassTally]:
    """The families of each class, in the schools' order; of these `classes` only, if given.

    A family with children in two classes counts in both.
    """
    standing, pupils_placed = _standing(row.id), _placed(row, classes)
    family, class_id = pupils_placed.c.family_id, pupils_placed.c.class_id
    placed = select(family, class_id).distinct().subquery("in_class")
    query = (
        select(Group.id, School.name, Group.name, *_counts(standing))
        .select_from(placed)
        .join(standing, standing.c.family_id == placed.c.family_id)
        .join(Group, Group.id == placed.c.class_id)
        .join(School, School.id == Group.school_id)
        .group_by(Group.id, School.id, School.name, Group.name, Group.position)
        .order_by(School.id, Group.position, Group.id)
    )
    return [
        ClassTally(number, school, name, _tally(counts))
        for number, school, name, *counts in tx.session.execute(query).tuples()
    ]


def in_no_class(tx: Transaction, row: Broadcast, classes: Collection[int] | None) -> Tally:
    """The families that `by_class` names nowhere: members of a club, without a child there."""
    standing, placed = _standing(row.id), _placed(row, classes)
    query = select(*_counts(standing)).where(
        standing.c.family_id.not_in(select(placed.c.family_id))
    )
    return _tally(tx.session.execute(query).one())


def ways_tried(tx: Transaction, broadcast_id: int, which: Which) -> list[WayTried]:
    """Every way tried to the families that stand so, and what came of each; each family is named,
    with an empty channel where there was no way at all.
    """
    standing, points = _standing(broadcast_id), _points(broadcast_id)
    query = (
        select(standing.c.family_id, ContactPoint.channel, Delivery.state, Delivery.reason)
        .select_from(standing)
        .outerjoin(points, points.c.family_id == standing.c.family_id)
        .outerjoin(Delivery, _is_to(broadcast_id, points.c.contact_point_id))
        .outerjoin(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(_stands(standing, which))
        .distinct()
        .order_by(standing.c.family_id, ContactPoint.channel)
    )
    rows = tx.session.execute(query).tuples()
    found = [WayTried(family, *(each or "" for each in way)) for family, *way in rows]
    tried = {way.family_id for way in found if way.channel}
    return [way for way in found if way.channel or way.family_id not in tried]


def pupils(
    tx: Transaction, row: Broadcast, classes: Collection[int] | None, which: Which
) -> list[Pupil]:
    """The children of the families that stand so, in the order of their classes and numbers."""
    standing, placed = _standing(row.id), _placed(row, classes)
    query = (
        select(placed.c.family_id, Group.id, School.name, Group.name, placed.c.number)
        .select_from(placed)
        .join(standing, standing.c.family_id == placed.c.family_id)
        .join(Group, Group.id == placed.c.class_id)
        .join(School, School.id == Group.school_id)
        .where(_stands(standing, which))
        .order_by(School.id, Group.position, Group.id, placed.c.number, placed.c.family_id)
    )
    return [Pupil(*each) for each in tx.session.execute(query).tuples()]


# Where families stand.


def _standing(broadcast_id: int) -> CTE:
    """Each family of the frozen audience once, with 1 or 0 for each thing that may be true."""
    points = _ways(broadcast_id)
    waiting = Delivery.state.in_(_WAITING)
    accepted, confirmed = Delivery.state == State.ACCEPTED.value, Confirmation.at.is_not(None)
    return (
        select(
            points.c.family_id,
            _any(confirmed).label("confirmed"),
            _any(accepted | confirmed).label("reached"),
            _any(waiting).label("waiting"),
            _any(waiting & (Delivery.reason == MAILBOX_FULL)).label("full"),
        )
        .select_from(points)
        .outerjoin(Delivery, _is_to(broadcast_id, points.c.contact_point_id))
        .outerjoin(
            Confirmation,
            and_(
                Confirmation.broadcast_id == broadcast_id,
                Confirmation.guardian_id == points.c.guardian_id,
            ),
        )
        .group_by(points.c.family_id)
        .cte("standing")
    )


def _ways(broadcast_id: int) -> Subquery:
    """Each guardian of the frozen audience with each contact point they were to hear by."""
    first = select(
        AudienceMember.family_id, AudienceMember.guardian_id, AudienceMember.contact_point_id
    ).where(AudienceMember.broadcast_id == broadcast_id)
    further = (
        select(AudienceMember.family_id, AudienceMember.guardian_id, AudienceWay.contact_point_id)
        .join(
            AudienceWay,
            and_(
                AudienceWay.broadcast_id == AudienceMember.broadcast_id,
                AudienceWay.guardian_id == AudienceMember.guardian_id,
            ),
        )
        .where(AudienceMember.broadcast_id == broadcast_id)
    )
    return first.union_all(further).subquery("ways")


def _points(broadcast_id: int) -> Subquery:
    """The contact points of families, those too that gave way to another when they were refused."""
    ways = _ways(broadcast_id)
    others = (
        select(AudienceMember.family_id, GuardianContact.contact_point_id)
        .join(GuardianContact, GuardianContact.guardian_id == AudienceMember.guardian_id)
        .where(AudienceMember.broadcast_id == broadcast_id)
    )
    return select(ways.c.family_id, ways.c.contact_point_id).union(others).subquery("points")


def _is_to(broadcast_id: int, contact_point_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(
        Delivery.broadcast_id == broadcast_id, Delivery.contact_point_id == contact_point_id
    )


def _placed(row: Broadcast, classes: Collection[int] | None) -> CTE:
    """Families with each class that a child of theirs sits in; at the school that sent it."""
    query = (
        select(AudienceMember.family_id, Child.class_id, Child.number)
        .join(GuardianChild, GuardianChild.guardian_id == AudienceMember.guardian_id)
        .join(Child, Child.id == GuardianChild.child_id)
        .where(AudienceMember.broadcast_id == row.id)
        .distinct()
    )
    if classes is not None:
        query = query.where(Child.class_id.in_(classes))
    if row.school_id is not None:
        at_school = select(Group.id).where(Group.school_id == row.school_id)
        query = query.where(Child.class_id.in_(at_school))
    return query.cte("placed")


def _any(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.max(case((condition, 1), else_=0))


def _counts(standing: CTE) -> tuple[ColumnElement[Any], ...]:
    of = standing.c
    still_waiting, still_full = (
        func.sum(case((of.reached == 1, 0), else_=each)) for each in (of.waiting, of.full)
    )
    sums = (func.sum(of.confirmed), func.sum(of.reached), still_waiting, still_full)
    return (func.count(), *sums)


def _tally(counts: Sequence[Any]) -> Tally:
    return Tally(*(int(each or 0) for each in counts))


def _stands(standing: CTE, which: Which) -> ColumnElement[bool]:
    of = standing.c
    if which == "unconfirmed":
        return of.confirmed == 0
    return of.reached == 0 if which == "not_accepted" else of.reached + of.waiting == 0


# What broadcasts and groups there are.


def newest_sent(
    tx: Transaction, board_id: int, places: Collection[int | None], most: int
) -> Sequence[Broadcast]:
    """What went out from schools (None: from the city), newest first."""
    schools = Broadcast.school_id.in_([place for place in places if place is not None])
    query = select(Broadcast).where(
        Broadcast.board_id == board_id,
        or_(schools, Broadcast.school_id.is_(None)) if None in places else schools,
        Broadcast.frozen_at.is_not(None),
        Broadcast.state.in_(_SENT),
    )
    return tx.session.scalars(query.order_by(Broadcast.id.desc()).limit(most)).all()


def groups_near(tx: Transaction, row: Broadcast) -> Sequence[Group]:
    """All groups of the school that sent it; of the whole board for a city-wide one."""
    query = select(Group).where(Group.board_id == row.board_id)
    if row.school_id is not None:
        query = query.where(Group.school_id == row.school_id)
    return tx.session.scalars(query).all()
