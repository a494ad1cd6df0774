"""The audience that an approval is asked for, kept with the broadcast until it is frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, String, cast, func, select

from domain import approved_audiences as rules
from domain.approved_audiences import Change, Families
from storage.audiences import guardian_ids
from storage.database import Transaction
from storage.tables import AudienceMember, Broadcast, Guardian

# So many guardians come from the database at once, as one text: rows would be slower than the
# freezing's SQL, and all of a city at once is more than a worker should hold.
_AT_ONCE = 20_000


def packed(tx: Transaction, board_id: int, audience: Sequence[Any]) -> bytes:
    """Who is meant now, as `broadcasts.approved_audience` holds it."""
    members = guardian_ids(board_id, audience)
    meant = select(Guardian.id, Guardian.family_id).where(Guardian.id.in_(members))
    return rules.pack(_read(tx, meant))


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
    return rules.change(broadcast.approved_audience, lambda: _noted(tx, broadcast.id))


def _noted(tx: Transaction, broadcast_id: int) -> Iterator[Families]:
    """The audience written down, one part after the other in the order of its key."""
    last = 0
    while part := _read(tx, _following(broadcast_id, last)):
        yield part
        last = max(part)


def _following(broadcast_id: int, guardian_id: int) -> Select[tuple[int, int]]:
    member = AudienceMember
    return (
        select(member.guardian_id, member.family_id)
        .where(member.broadcast_id == broadcast_id, member.guardian_id > guardian_id)
        .order_by(member.guardian_id)
        .limit(_AT_ONCE)
    )


def _read(tx: Transaction, pairs: Select[tuple[int, int]]) -> dict[int, int]:
    """Guardians with their families."""
    one, two = pairs.subquery("pairs").c
    told = cast(one, String) + "," + cast(two, String)
    text = tx.session.scalar(select(func.aggregate_strings(told, ",")))
    numbers = [*map(int, text.split(","))] if text else []
    return dict(zip(numbers[::2], numbers[1::2], strict=True))
