"""By which contact point a guardian is reached, and what a chunk's deliveries have in common.

Freezing settles this for the whole audience, rerouting for those whose first way was closed:
the rules stand here once, for both.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Subquery, and_, case, func, or_, select, union_all
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from domain.lanes import lane_of
from storage.people import MAIL
from storage.tables import (
    AudienceMember,
    AudienceWay,
    ContactPoint,
    Guardian,
    GuardianContact,
    OptOut,
)


def usable(channels: Collection[str], school_id: int, ordinary: bool) -> ColumnElement[bool]:
    """Whether a guardian's contact point may be used.

    An emergency also reaches who left the school, by ways that a guardian turned off, and at
    an address whose carrier called it unknown where there is no other way: it is worth a bounce.

    This is the ON clause that joins contact points to guardians' contacts.  `channels` are those
    that are on and that the board allows, `school_id` the school that sends, EVERY_SCHOOL for
    the board of education.
    """
    conditions = [
        ContactPoint.id == GuardianContact.contact_point_id,
        ContactPoint.channel.in_(channels),
    ]
    active = ContactPoint.state == "active"
    if ordinary:
        conditions += [active, GuardianContact.off.is_(False), ~_left(school_id)]
    else:
        last_way = and_(ContactPoint.state == "suspended", ~_has_active(channels))
        conditions.append(or_(active, last_way))
    return and_(*conditions)


def _has_active(channels: Collection[str]) -> ColumnElement[bool]:
    """Whether the guardian has a contact point that nobody suspended, blocked or left."""
    mine, point = aliased(GuardianContact), aliased(ContactPoint)
    return (
        select(mine.contact_point_id)
        .join(point, point.id == mine.contact_point_id)
        .where(
            mine.guardian_id == GuardianContact.guardian_id,
            point.state == "active",
            point.channel.in_(channels),
        )
        .exists()
    )


def _left(school_id: int) -> ColumnElement[bool]:
    return (
        select(OptOut.school_id)
        .where(
            OptOut.contact_point_id == GuardianContact.contact_point_id,
            OptOut.school_id == school_id,
        )
        .exists()
    )


def hearing(broadcast_id: int) -> Subquery:
    """Each guardian in a frozen audience with each contact point that they hear it by."""
    first = select(AudienceMember.guardian_id, AudienceMember.contact_point_id).where(
        AudienceMember.broadcast_id == broadcast_id, AudienceMember.contact_point_id.is_not(None)
    )
    further = select(AudienceWay.guardian_id, AudienceWay.contact_point_id).where(
        AudienceWay.broadcast_id == broadcast_id
    )
    return union_all(first, further).subquery("hearing")


def japanese() -> ColumnElement[bool]:
    """Which language a contact point reads whose guardians are grouped.

    Of two languages at one mailbox, Japanese is the one that both can be expected to read.
    """
    return func.max(case((Guardian.language == "en", 0), else_=1)) == 1


def lane(channel: str, domain: str) -> str:
    """The lane of one contact point: mail is paced by destination, other channels as one."""
    return lane_of(domain) if channel == MAIL else channel
