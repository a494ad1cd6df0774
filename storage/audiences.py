"""Whom an audience means at this moment, as a query that counts or freezes it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Select, func, select

from domain.audience import Part
from storage.database import Transaction
from storage.tables import Group, Guardian, Membership


def guardians_in(board_id: int, parts: Iterable[Part]) -> Select[tuple[int]]:
    """The IDs of the guardians an audience means, each once.

    A group means itself and every group beneath it; an audience without parts means nobody.
    """
    parts = tuple(parts)
    query = select(Membership.guardian_id).where(Membership.board_id == board_id).distinct()
    if any(part.kind == "city" for part in parts):
        return query
    return query.where(Membership.group_id.in_(_groups_in(board_id, parts)))


def _groups_in(board_id: int, parts: Iterable[Part]) -> Select[tuple[int]]:
    parts = tuple(parts)
    named = select(Group.id).where(
        Group.board_id == board_id,
        Group.id.in_([part.id for part in parts if part.kind == "group"])
        | Group.school_id.in_([part.id for part in parts if part.kind == "school"]),
    )
    beneath = named.cte("audience_groups", recursive=True)
    beneath = beneath.union(select(Group.id).join(beneath, Group.parent_id == beneath.c.id))
    return select(beneath.c.id)


def count_families(tx: Transaction, board_id: int, parts: Iterable[Part]) -> int:
    query = select(func.count(Guardian.family_id.distinct())).where(
        Guardian.id.in_(guardians_in(board_id, parts))
    )
    return tx.session.scalar(query) or 0
