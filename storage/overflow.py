"""Whom a provider's monthly quota does not suffice for, and moving them to another way.

Counting before approval and moving at freezing ask the same query, so that what the approval
card says is what happens, but for who came or left in between. It is all window functions over
one pass, without joins: after many people registered, PostgreSQL's planner takes them for few
until it has looked again, and would go through the audience anew for each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Select,
    and_,
    case,
    delete,
    distinct,
    false,
    func,
    insert,
    literal,
    or_,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from domain.quotas import Account, Use
from storage import quotas
from storage.database import Transaction
from storage.reach import Reach, ways
from storage.tables import AudienceMember, AudienceWay, Broadcast


def uses(tx: Transaction, broadcast: Broadcast, reach: Reach) -> list[Use]:
    """What a broadcast would need now of each account that has a limit and would be used."""
    limited = quotas.limited(tx, reach.channels)
    if not limited:
        return []
    of = _counted(broadcast, reach, limited).subquery("counted").c
    spare = func.count(distinct(case((of.movable == 1, of.contact_id))))
    query = (
        select(of.channel, of.account, func.count(distinct(of.contact_id)), spare)
        .where(of.contact_id.is_not(None))
        .group_by(of.channel, of.account)
        .order_by(of.channel, of.account)
    )
    rows = tx.session.execute(query).tuples()
    return [
        Use(channel, account, limited[channel, account], count, spared)
        for channel, account, count, spared in rows
        if (channel, account) in limited
    ]


def note_fitting(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> None:
    """Write the audience down so that those whom a quota does not suffice for are reached
    another way.

    Who has none stays: the provider may yet take it, or the quota be raised in time.
    """
    of = _fitting(tx, broadcast, reach, needed).subquery("fitting").c
    contact = case((of.moves == 1, of.spare_id), else_=of.contact_id)
    order = (of.moves, of.place)
    number = func.row_number().over(partition_by=of.guardian_id, order_by=order)
    columns = (of.guardian_id, of.family_id, contact.label("contact_id"), of.board_id)
    first = select(*columns, number.label("number")).subquery("first").c
    rows = select(
        literal(broadcast.id), first.guardian_id, first.family_id, first.contact_id, first.board_id
    ).where(first.number == 1)
    names = ["broadcast_id", "guardian_id", "family_id", "contact_point_id", "board_id"]
    tx.session.execute(insert(AudienceMember).from_select(names, rows))


def fitted(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> Select[Any]:
    """The contact points that are left so, each once: `contact_id`."""
    of = _fitting(tx, broadcast, reach, needed).subquery("fitting").c
    contact = case((of.moves == 1, of.spare_id), else_=of.contact_id).label("contact_id")
    return select(contact).where(contact.is_not(None)).distinct()


def drop_further(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> None:
    """Spare a quota that does not suffice the further ways of those reached by others as well."""
    of = _fitting(tx, broadcast, reach, needed).subquery("fitting").c
    unfit = select(of.contact_id).where(of.moves == 1)
    further = delete(AudienceWay).where(
        AudienceWay.broadcast_id == broadcast.id, AudienceWay.contact_point_id.in_(unfit)
    )
    tx.session.execute(further.execution_options(synchronize_session=False))


def first_beyond(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> dict[Account, int]:
    """For each account that does not suffice even so, the first contact point beyond it.

    In the order of IDs, as deliveries are cut: those before it fit.
    """
    short = [use for use in needed if use.stranded]
    if not short:
        return {}
    fitting = _fitting(tx, broadcast, reach, needed).subquery("fitting")
    of = fitting.c
    place = func.dense_rank().over(partition_by=(of.channel, of.account), order_by=of.contact_id)
    staying = select(of.channel, of.account, of.contact_id, place.label("place")).where(
        of.moves == 0
    )
    stays = staying.subquery("staying").c
    beyond = or_(false(), *(and_(_is_of(stays, use), stays.place > use.left) for use in short))
    query = select(stays.channel, stays.account, func.min(stays.contact_id)).where(beyond)
    rows = tx.session.execute(query.group_by(stays.channel, stays.account)).tuples()
    return {(channel, account): first for channel, account, first in rows}


def _counted(broadcast: Broadcast, reach: Reach, limited: Collection[Account]) -> Select[Any]:
    """The ways, each with whether (`movable`) all who hear by it have another one."""
    each = ways(broadcast, reach, limited).subquery("ways")
    all_of_it = func.count().over(partition_by=each.c.contact_id)
    spared = func.count(each.c.spare_id).over(partition_by=each.c.contact_id)
    return select(*each.c, case((all_of_it == spared, 1), else_=0).label("movable"))


def _fitting(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> Select[Any]:
    """The ways, each with whether it `moves` to the other one, so that quotas suffice.

    The newest contact points first: whoever has been there longest keeps their way.
    """
    limited = quotas.limited(tx, reach.channels)
    counted = _counted(broadcast, reach, limited).subquery("counted")
    order = (counted.c.movable.desc(), counted.c.contact_id.desc())
    by_account = (counted.c.channel, counted.c.account)
    turn = func.dense_rank().over(partition_by=by_account, order_by=order).label("turn")
    queued = select(*counted.c, turn).subquery("queued")
    moving = (and_(_is_of(queued.c, use), queued.c.turn <= use.moved) for use in needed)
    moves = and_(queued.c.movable == 1, or_(false(), *moving))
    return select(*queued.c, case((moves, 1), else_=0).label("moves"))


def _is_of(columns: Any, use: Use) -> ColumnElement[bool]:
    return and_(columns.channel == use.channel, columns.account == use.account)
