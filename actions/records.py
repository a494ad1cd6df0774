"""The audit entries of broadcasts, and the words for one that is closed to a wish."""

from __future__ import annotations

from typing import Any

from actions import audit
from actions.previews import moment_of
from domain.broadcasts import State, Verb
from domain.names import addressed
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.wording import say
from storage import staff
from storage.database import Transaction
from storage.tables import Broadcast

_DECIDED = {
    State.APPROVED: "already_approved",
    State.SENDING: "already_approved",
    State.SENT: "already_approved",
    State.RETURNED: "already_returned",
    State.REJECTED: "already_rejected",
    State.CANCELLED: "already_cancelled",
}


def record(tx: Transaction, who: str, row: Broadcast, verb: Verb, **details: Any) -> None:
    """Note what was done, and to which content: its digest proves it to who has the text."""
    noted = {"version": row.version, "content": audit.digest(tx, row.content_hash), **details}
    chain = audit.chain_of(row.board_id, row.school_id)
    audit.record(tx, chain, who, verb.value, _subject(row.id), noted)


def record_refused(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    broadcast_id: int | None,
    verb: Verb,
    refusal: Refusal,
) -> None:
    """Note what somebody tried and was refused."""
    chain = audit.chain_of(actor.board_id, school_id)
    who, details = audit.staff(actor.staff_id), {"refused": refusal.code}
    audit.record(tx, chain, who, verb.value, _subject(broadcast_id or 0), details)


def closed(tx: Transaction, row: Broadcast) -> Refusal:
    """Why nothing more is done to a broadcast: who decided what, and when."""
    code = _DECIDED.get(State(row.state))
    if code is None or row.decided_by is None or row.decided_at is None:
        state = say(f"broadcast.state.{row.state}")
        return refuse("wrong_state", subject=row.subject, state=state)
    name = addressed(staff.name_of(tx, row.decided_by))
    time = moment_of(tx, row, row.decided_at)
    return refuse(code, subject=row.subject, name=name, time=time)


def _subject(broadcast_id: int) -> str:
    return f"broadcast:{broadcast_id}"
