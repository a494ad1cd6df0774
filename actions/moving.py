"""Moving a broadcast from one state to the next: checked, compared and swapped, and recorded.

Every action that a person does to a broadcast goes through `opened` and `move`, so that the
two-person rule, stale cards and two who press at once are settled in one place.
"""

from __future__ import annotations

from typing import Any

from actions import audit, boards, staff
from actions.previews import ref_of
from actions.records import closed, record, record_refused
from actions.telling import authorship
from domain.approval import may
from domain.broadcasts import State, Verb, next_state
from domain.cards import CardRef
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from storage import broadcasts, reminding
from storage.database import Transaction
from storage.tables import Broadcast

_STARTS = (Verb.SUBMIT, Verb.APPROVE, Verb.SEND_FIRST)


def opened(tx: Transaction, actor: Actor, ref: CardRef, verb: Verb) -> Broadcast | Refusal:
    """The broadcast of a card if this person may do this to it now, else why not."""
    row = _locked(tx, ref.broadcast_id)
    if row is None or row.board_id != actor.board_id:
        refused = refuse("unknown_broadcast")
        record_refused(tx, actor, None, ref.broadcast_id, verb, refused)
        return refused
    actor = staff.as_of_now(tx, actor)
    self_approval = boards.settings(tx, row.board_id).self_approval
    refused_by_rule = may(actor, verb, authorship(row), self_approval=self_approval)
    in_the_way = refused_by_rule or _obstacle(tx, row, ref, verb)
    if in_the_way is not None:
        return refused_here(tx, actor, row, verb, in_the_way)
    return row


def _locked(tx: Transaction, broadcast_id: int) -> Broadcast | None:
    """A broadcast that no machine moves on between looking and pressing; after what it reminds of.

    So a withdrawal takes its reminders with it whichever of the two is pressed first.
    """
    row = broadcasts.find(tx, broadcast_id)
    if row is None:
        return None
    reminding.lock_root(tx, row)
    return broadcasts.lock(tx, broadcast_id)


def _obstacle(tx: Transaction, row: Broadcast, ref: CardRef, verb: Verb) -> Refusal | None:
    """What the broadcast itself has against it: another version, state or content."""
    if row.version != ref.version or ref_of(row).mark != ref.mark:
        return refuse("stale_card")
    if next_state(State(row.state), verb) is None:
        return closed(tx, row)
    return _obstacle_to_start(tx, row) if verb in _STARTS else None


def _obstacle_to_start(tx: Transaction, row: Broadcast) -> Refusal | None:
    if broadcasts.hash_now(tx, row) != row.content_hash:
        return refuse("content_changed")
    if is_bereft(tx, row):
        return refuse("nothing_to_remind_of", subject=row.subject)
    return None


def is_bereft(tx: Transaction, row: Broadcast) -> bool:
    """Whether what a reminder reminds of was taken back."""
    return State(reminding.root_of(tx, row).state) is State.WITHDRAWN


def move(
    tx: Transaction,
    actor: Actor,
    row: Broadcast,
    verb: Verb,
    *,
    values: dict[str, Any],
    **details: Any,
) -> Refusal | None:
    """Compare and swap, with its audit entry; a refusal if somebody else was faster."""
    ref = ref_of(row)
    to = next_state(State(row.state), verb)
    assert to is not None
    if broadcasts.move(tx, row, to, row.content_hash, **values):
        record(tx, audit.staff(actor.staff_id), row, verb, **details)
        return None
    return refused_here(tx, actor, row, verb, _obstacle(tx, row, ref, verb) or refuse("stale_card"))


def refused_here(
    tx: Transaction, actor: Actor, row: Broadcast, verb: Verb, refusal: Refusal
) -> Refusal:
    """Note what somebody tried and was refused."""
    record_refused(tx, actor, row.school_id, row.id, verb, refusal)
    return refusal
