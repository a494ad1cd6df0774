"""Who an audience is: the guardians of every group in it and of all groups beneath."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, distinct, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from domain.audience import CITY, Part, parts_from_json
from storage.database import Transaction
from storage.tables import Group, Guardian, Membership


def guardian_ids(board_id: int, audience: Sequence[Any]) -> Select[tuple[int]]:
    """A query for the guardians in an audience (as broadcasts.audience holds it), each once."""
    parts = parts_from_json(audience)
    whose = select(Membership.guardian_id).where(Membership.board_id == board_id)
    if CITY not in parts:
        whose = whose.where(Membership.group_id.in_(_group_ids(board_id, parts)))
    return whose.distinct()


def count_families(tx: Transaction, board_id: int, audience: Sequence[Any]) -> int:
    """How many families an audience means now."""
    members = guardian_ids(board_id, audience)
    query = select(func.count(distinct(Guardian.family_id))).where(Guardian.id.in_(members))
    return tx.session.scalar(query) or 0


def _group_ids(board_id: int, parts: Sequence[Part]) -> Select[tuple[int]]:
    """The named groups and all beneath them, widened step by step."""
    named = select(Group.id).where(Group.board_id == board_id, _named(parts))
    wide = named.cte("wide", recursive=True)
    beneath = select(Group.id).join(wide, Group.parent_id == wide.c.id)
    return select(wide.union(beneath).c.id)


def _named(parts: Sequence[Part]) -> ColumnElement[bool]:
    schools = [part.id for part in parts if part.kind == "school"]
    groups = [part.id for part in parts if part.kind == "group"]
    return or_(Group.school_id.in_(schools), Group.id.in_(groups))
