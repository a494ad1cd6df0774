"""The audience that an approval is asked for, kept with the broadcast until it is frozen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, String, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute

from domain import approved_audiences as rules
from domain.approved_audiences import Change
from storage.audiences import guardian_ids
from storage.database import Transaction
from storage.tables import AudienceMember, Broadcast, Guardian

_Number = InstrumentedAttribute[int]


def packed(tx: Transaction, board_id: int, audience: Sequence[Any]) -> bytes:
    """Who is meant now, as `broadcasts.approved_audience` holds it."""
    members = guardian_ids(board_id, audience)
    query = _pairs(Guardian.id, Guardian.family_id).where(Guardian.id.in_(members))
    return rules.pack(_families(tx, query))


def note(tx: Transaction, broadcast: Broadcast) -> None:
    """Note anew whom an approval is asked for."""
    broadcast.approved_audience = packed(tx, broadcast.board_id, broadcast.audience)
    tx.flush()


def change_of(tx: Transaction, broadcast: Broadcast) -> Change | None:
    """How the audience just written down differs from the one meant.

    None where nothing was noted: it was submitted before there was such a note.
    """
    if broadcast.approved_audience is None:
        return None
    member = AudienceMember
    query = _pairs(member.guardian_id, member.family_id).where(member.broadcast_id == broadcast.id)
    return rules.change(rules.unpack(broadcast.approved_audience), _families(tx, query))


def _pairs(guardian_id: _Number, family_id: _Number) -> Select[tuple[str]]:
    """All of them as one text: twenty thousand rows would be slower than the freezing's SQL."""
    return select(
        func.aggregate_strings(cast(guardian_id, String) + "," + cast(family_id, String), ",")
    )


def _families(tx: Transaction, pairs: Select[tuple[str]]) -> dict[int, int]:
    text = tx.session.scalar(pairs)
    numbers = [*map(int, text.split(","))] if text else []
    return dict(zip(numbers[::2], numbers[1::2], strict=True))
