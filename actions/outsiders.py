"""Staff who try something with a broadcast that is none of theirs."""

from __future__ import annotations

from actions import audit, emergency_cases, tries
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_decide, may_write
from storage import broadcasts
from storage.database import Transaction


def turn_away(tx: Transaction, actor: Actor, broadcast_id: int, verb: str) -> Refusal | None:
    """None for staff of the broadcast's school, or of the city for a city-wide one; and for the
    board, where an emergency of a school was put before it.

    Everybody else hears the same refusal, whether there is such a broadcast or not, and the
    attempt is recorded, once an hour for each of them and each place.
    """
    row = broadcasts.find(tx, broadcast_id)
    ours = row is not None and row.board_id == actor.board_id
    school_id = row.school_id if row is not None and ours else None
    if ours and (may_write(actor, school_id) or may_decide(actor, school_id)):
        return None
    if row is not None and ours and emergency_cases.concerns(tx, actor, row):
        return None
    refusal = refuse("not_allowed")
    chain, who = audit.chain_of(actor.board_id, school_id), audit.staff(actor.staff_id)
    if not tries.is_news(tx, actor.board_id, f"card:{who}:{chain}"):
        return refusal
    audit.record(tx, chain, who, verb, f"broadcast:{broadcast_id}", {"refused": refusal.code})
    return refusal
