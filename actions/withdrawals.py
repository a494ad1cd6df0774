"""Taking back what is being sent or was sent, and telling truly whom it had reached by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actions import audit
from actions.broadcasts import REASON_LIMIT
from actions.moving import is_bereft, move, opened
from actions.previews import button, ref_of
from actions.records import record
from actions.telling import everyone_concerned, tell
from domain.broadcasts import Relation, State, Verb, next_state
from domain.cards import CardRef, CardVerb
from domain.content import clean_text
from domain.names import addressed
from domain.refusals import Refusal
from domain.roles import Actor
from domain.speech import Speech, SpeechButton
from domain.wording import Words, say
from storage import broadcasts, reached, reminding, staff, withdrawing
from storage.database import Transaction
from storage.tables import Broadcast


@dataclass(frozen=True, slots=True)
class Withdrawn:
    ref: CardRef


def withdraw(tx: Transaction, actor: Actor, ref: CardRef, reason: str) -> Withdrawn | Refusal:
    """Stop what is unsent of a broadcast and take it off its pages; its authors may, and who may
    approve.

    What workers hold at this moment follows within a second, and then the report (`finish`).
    """
    row = opened(tx, actor, ref, Verb.WITHDRAW)
    if isinstance(row, Refusal):
        return row
    reason = clean_text(reason)[:REASON_LIMIT]
    values = {"reason": reason, **_taken_back(tx, actor.staff_id)}
    if lost := move(tx, actor, row, Verb.WITHDRAW, values=values):
        return lost
    withdrawing.stop(tx, row.id)
    _stop_reminders(tx, row)
    name = addressed(staff.name_of(tx, actor.staff_id))
    words = say("recall.told.withdrawn", subject=row.subject, name=name, reason=reason)
    _tell(tx, row, everyone_concerned(tx, row) - {actor.staff_id}, (words,))
    return Withdrawn(ref_of(row))


def supersede(tx: Transaction, broadcast: Broadcast) -> None:
    """Take back what a broadcast replaces, now that it begins to be sent itself."""
    origin = _replaced(tx, broadcast)
    to = next_state(State(origin.state), Verb.SUPERSEDE) if origin else None
    if origin is None or to is None:
        return
    values = _taken_back(tx, None) if to is State.WITHDRAWN else _called_off()
    if not broadcasts.move(tx, origin, to, origin.content_hash, **values):
        return
    record(tx, audit.SYSTEM, origin, Verb.SUPERSEDE, by=broadcast.id)
    withdrawing.stop(tx, origin.id)
    _stop_reminders(tx, origin)
    words = say(f"recall.superseded.{to.value}", subject=origin.subject)
    _tell(tx, origin, everyone_concerned(tx, origin), (words,))


def falls_with_its_origin(tx: Transaction, broadcast_id: int) -> bool:
    """Whether a due broadcast reminds of one that was taken back; then it is stopped, too.

    To be asked before it is locked itself: what it reminds of is locked first.
    """
    row = broadcasts.broadcast(tx, broadcast_id)
    origin = reminding.lock_root(tx, row)
    if origin is None or not is_bereft(tx, row):
        return False
    _stop_reminders(tx, origin)
    return True


def _stop_reminders(tx: Transaction, origin: Broadcast) -> None:
    """Nobody is asked again to read what was taken back, nor reads it behind a reminder."""
    for each in list(reminding.reminders_of(tx, origin.id)):
        _stop_reminder(tx, each.id, origin)


def _stop_reminder(tx: Transaction, broadcast_id: int, origin: Broadcast) -> None:
    row = broadcasts.lock(tx, broadcast_id)
    verb = Verb.SUPERSEDE if row and next_state(State(row.state), Verb.SUPERSEDE) else Verb.CANCEL
    to = next_state(State(row.state), verb) if row else None
    if row is None or to is None:
        return
    values = _taken_back(tx, None) if to is State.WITHDRAWN else _called_off()
    if broadcasts.move(tx, row, to, row.content_hash, **values):
        record(tx, audit.SYSTEM, row, verb, by=origin.id)
        withdrawing.stop(tx, row.id)
        words = say(f"recall.reminder.{to.value}", subject=row.subject, origin=origin.subject)
        _tell(tx, row, everyone_concerned(tx, row), (words,))


def finish(tx: Transaction, broadcast_id: int) -> bool:
    """Report on a withdrawn broadcast once no worker holds anything of it; False until then."""
    if not withdrawing.finish(tx, broadcast_id):
        return False
    row = broadcasts.broadcast(tx, broadcast_id)
    total, got = reached.count_families(tx, broadcast_id)
    record(tx, audit.SYSTEM, row, Verb.FINISH, families=total, reached=got)
    words = [say("recall.report", subject=row.subject, total=total, reached=got)]
    if total > got:
        words.append(say("recall.report.spared", count=total - got))
    # What was superseded has its replacement; where nobody was reached, nothing is to be put right.
    buttons = follow_up_buttons(tx, row) if row.withdrawn_by is not None else ()
    buttons = buttons if got else buttons[1:]
    _tell(tx, row, everyone_concerned(tx, row), tuple(words), buttons)
    return True


def follow_up_buttons(tx: Transaction, row: Broadcast) -> tuple[SpeechButton, ...]:
    """What may be sent after a broadcast that was taken back."""
    verbs = (CardVerb.CORRECT, CardVerb.REPLACE)
    return tuple(button(tx, ref_of(row), verb) for verb in verbs)


def _taken_back(tx: Transaction, staff_id: int | None) -> dict[str, Any]:
    """It is not finished before the last worker gave back what it holds."""
    return {"withdrawn_by": staff_id, "withdrawn_at": tx.now, "finished_at": None}


def _called_off() -> dict[str, Any]:
    """Nobody's decision any more: whoever approved it did not call it off."""
    return {"due_at": None, "decided_by": None, "decided_at": None}


def _replaced(tx: Transaction, broadcast: Broadcast) -> Broadcast | None:
    if broadcast.relation != Relation.REPLACEMENT or broadcast.origin_id is None:
        return None
    origin = broadcasts.lock(tx, broadcast.origin_id)
    here = (broadcast.board_id, broadcast.school_id)
    return origin if origin and (origin.board_id, origin.school_id) == here else None


def _tell(
    tx: Transaction,
    row: Broadcast,
    staff_ids: set[int],
    words: tuple[Words, ...],
    buttons: tuple[SpeechButton, ...] = (),
) -> None:
    subject = say("recall.told.subject", subject=row.subject)
    tell(tx, staff_ids, Speech(words=words, buttons=buttons, subject=subject))
