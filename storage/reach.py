"""By which contact points each guardian in an audience is reached: for counting and freezing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Select,
    SQLColumnExpression,
    Subquery,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.sql.elements import ColumnElement

from domain.quotas import Account
from storage.audiences import guardian_ids
from storage.lanes import usable
from storage.opt_outs import EVERY_SCHOOL
from storage.tables import AudienceMember, Broadcast, ContactPoint, Guardian, GuardianContact


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be used: these channels; an `ordinary` broadcast spares who left the school."""

    channels: tuple[str, ...]
    ordinary: bool = True


def first_ways(broadcast: Broadcast, reach: Reach) -> Select[Any]:
    """Rows of audience_members: each guardian once, with the contact point that they like best
    among the usable ones, or none if there is no such.
    """
    ranked = _ranked(broadcast, reach, place=_place(_is_missing()))
    of = ranked.c
    return select(literal(broadcast.id), of.id, of.family_id, of.contact_id, of.board_id).where(
        of.place == 1
    )


def further_ways(broadcast: Broadcast, reach: Reach) -> Select[Any]:
    """Rows of audience_ways: all other usable contact points of those in audience_members who
    are reached by every one.
    """
    school_id = broadcast.school_id or EVERY_SCHOOL
    member = AudienceMember
    return (
        select(literal(broadcast.id), member.guardian_id, ContactPoint.id, member.board_id)
        .join(Guardian, Guardian.id == member.guardian_id)
        .join(GuardianContact, GuardianContact.guardian_id == member.guardian_id)
        .join(ContactPoint, usable(reach.channels, school_id, reach.ordinary))
        .where(
            member.broadcast_id == broadcast.id,
            ContactPoint.id != member.contact_point_id,
            _by_every_way(reach),
        )
    )


def ways(broadcast: Broadcast, reach: Reach, limited: Collection[Account]) -> Select[Any]:
    """Each guardian with each contact point used (`contact_id`, of `channel`, `account` and, for
    mail, `domain`), the one with the lowest `place` first, and the best that is of no `limited`
    account (`spare_id`).

    Most are reached by one, and who has none has a row as well, both IDs empty.
    """
    unfit = case((or_(_is_missing(), of_accounts(limited)), 1), else_=0)
    ranked = _ranked(
        broadcast,
        reach,
        place=_place(_is_missing()),
        channel=ContactPoint.channel,
        account=ContactPoint.account,
        domain=ContactPoint.domain,
        every_way=case((_by_every_way(reach), 1), else_=0),
        unfit=unfit,
        spare_place=_place(unfit),
    )
    of = ranked.c
    is_spare = and_(of.spare_place == 1, of.unfit == 0)
    spare_id = func.max(case((is_spare, of.contact_id))).over(partition_by=of.id)
    columns = (
        of.family_id,
        of.board_id,
        of.contact_id,
        of.channel,
        of.account,
        of.domain,
        of.place,
    )
    each = select(of.id.label("guardian_id"), *columns, of.every_way, spare_id.label("spare_id"))
    spared = each.subquery("spared")
    return select(*spared.c).where(or_(spared.c.place == 1, spared.c.every_way == 1))


def _by_every_way(reach: Reach) -> ColumnElement[bool]:
    """Who gets a message by all their contact points: in an emergency everybody."""
    return Guardian.every_way.is_(True) if reach.ordinary else true()


def of_accounts(accounts: Collection[Account]) -> ColumnElement[bool]:
    """Whether a contact point belongs to one of these accounts."""
    each = (
        and_(ContactPoint.channel == channel, ContactPoint.account == account)
        for channel, account in accounts
    )
    return or_(false(), *each)


def _ranked(broadcast: Broadcast, reach: Reach, **columns: SQLColumnExpression[Any]) -> Subquery:
    """Each guardian in the audience with each usable contact point, or with none.

    All in one pass with outer joins: joined to a ranking of its own, SQLite would search that
    ranking anew for each guardian.
    """
    people = guardian_ids(broadcast.board_id, broadcast.audience).subquery("people")
    school_id = broadcast.school_id or EVERY_SCHOOL
    return (
        select(Guardian.id, Guardian.family_id, Guardian.board_id)
        .add_columns(ContactPoint.id.label("contact_id"))
        .add_columns(*(column.label(name) for name, column in columns.items()))
        .join(people, people.c.guardian_id == Guardian.id)
        .outerjoin(GuardianContact, GuardianContact.guardian_id == Guardian.id)
        .outerjoin(ContactPoint, usable(reach.channels, school_id, reach.ordinary))
        .subquery("ranked")
    )


def _is_missing() -> ColumnElement[bool]:
    return ContactPoint.id.is_(None)


def _place(last: ColumnElement[Any]) -> ColumnElement[int]:
    """The place in which a guardian likes a contact point, after all for which `last` is false."""
    return func.row_number().over(
        partition_by=Guardian.id, order_by=(last, GuardianContact.rank, ContactPoint.id)
    )
