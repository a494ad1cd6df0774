"""By which contact point each guardian in an audience is reached: for counting and for freezing."""

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
)
from sqlalchemy.sql.elements import ColumnElement

from domain.quotas import Account
from storage.audiences import guardian_ids
from storage.lanes import usable
from storage.opt_outs import EVERY_SCHOOL
from storage.tables import Broadcast, ContactPoint, Guardian, GuardianContact


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


def ways(broadcast: Broadcast, reach: Reach, limited: Collection[Account]) -> Select[Any]:
    """Each guardian with the contact point used (`first_id`, of `channel` and `account`) and the
    next best that is of no `limited` account (`spare_id`), each empty if there is no such.
    """
    unfit = or_(_is_missing(), of_accounts(limited))
    ranked = _ranked(
        broadcast,
        reach,
        place=_place(_is_missing()),
        channel=ContactPoint.channel,
        account=ContactPoint.account,
        unfit=case((unfit, 1), else_=0),
        spare_place=_place(case((unfit, 1), else_=0)),
    )
    of = ranked.c
    is_first, is_spare = of.place == 1, and_(of.spare_place == 1, of.unfit == 0)
    return select(
        of.id.label("guardian_id"),
        of.family_id,
        of.board_id,
        func.max(case((is_first, of.contact_id))).label("first_id"),
        func.max(case((is_first, of.channel))).label("channel"),
        func.max(case((is_first, of.account))).label("account"),
        func.max(case((is_spare, of.contact_id))).label("spare_id"),
    ).group_by(of.id, of.family_id, of.board_id)


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
