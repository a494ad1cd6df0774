"""Submitting and deciding: what happens to a broadcast between its draft and its sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from actions import audit, boards, quotas
from actions.drafts import Saved, attach, save_draft
from actions.moving import move, opened, refused_here
from actions.previews import (
    Preview,
    card,
    current_ref,
    preview,
    preview_words,
)
from actions.records import record
from actions.telling import (
    approvers_of,
    authorship,
    send_cards,
    tell,
    tell_decision,
    tell_expired,
)
from domain.approved_audiences import Change
from domain.audience import Part, continues, parts_from_json, parts_to_json
from domain.broadcasts import State, Verb, due_at, has_missed_its_time, next_state
from domain.cards import CardRef
from domain.content import clean_text
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.wording import say
from storage import approved_audiences, audiences, broadcasts
from storage.database import Transaction
from storage.tables import Broadcast

__all__ = [
    "Approved",
    "Decided",
    "Preview",
    "Saved",
    "Submitted",
    "approve",
    "attach",
    "cancel",
    "card",
    "count",
    "current_ref",
    "expire",
    "outgrow",
    "preview",
    "preview_words",
    "reject",
    "save_draft",
    "send_back",
    "submit",
]

REASON_LIMIT = 1000
# Whom an approval was asked for is not kept longer than it can still be given.
_NOTHING_ASKED: Mapping[str, None] = {"approved_audience": None}


@dataclass(frozen=True, slots=True)
class Submitted:
    """How many families it would reach, and how many people were asked to approve it."""

    families: int
    approvers: int


@dataclass(frozen=True, slots=True)
class Approved:
    """It leaves at `due_at`, and until `undo_until` at least it can be cancelled."""

    due_at: datetime
    undo_until: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    state: State


def count(tx: Transaction, board_id: int, parts: Sequence[Part]) -> int:
    """How many families an audience means now."""
    return audiences.count_families(tx, board_id, parts_to_json(parts))


def submit(tx: Transaction, actor: Actor, ref: CardRef) -> Submitted | Refusal:
    """Ask for approval: a card goes to everyone who may approve."""
    row = opened(tx, actor, ref, Verb.SUBMIT)
    if isinstance(row, Refusal):
        return row
    settings = boards.settings(tx, row.board_id)
    families = audiences.count_families(tx, row.board_id, row.audience)
    asked = approvers_of(tx, row, actor.staff_id, settings.self_approval)
    refused = _refused_submission(tx, row, families, len(asked))
    refused = refused or quotas.refused(tx, row)
    if refused:
        return refused_here(tx, actor, row, Verb.SUBMIT, refused)
    values = {
        "submitted_by": actor.staff_id,
        "approved_families": families,
        "approved_audience": approved_audiences.packed(tx, row.board_id, row.audience),
    }
    if lost := move(tx, actor, row, Verb.SUBMIT, families=families, values=values):
        return lost
    send_cards(tx, row, asked)
    return Submitted(families, len(asked))


def _refused_submission(
    tx: Transaction, row: Broadcast, families: int, approvers: int
) -> Refusal | None:
    if row.send_at is not None and row.send_at < tx.now:
        return refuse("time_is_past")
    if _is_too_late(row, row.send_at or tx.now):
        return refuse("too_late")
    if refused := _refused_size(tx, row, families):
        return refused
    return None if approvers else refuse("no_approver")


def _refused_size(tx: Transaction, row: Broadcast, families: int) -> Refusal | None:
    """Nobody writes to single families; part of an approved audience may be small."""
    chosen = boards.settings(tx, row.board_id).min_families
    least = 1 if continues(parts_from_json(row.audience)) else chosen
    if families < least:
        return refuse("audience_too_small", families=families, least=least)
    return None


def approve(tx: Transaction, actor: Actor, ref: CardRef) -> Approved | Refusal:
    """Let exactly this version go out; of two who press at once, one is told of the other."""
    row = opened(tx, actor, ref, Verb.APPROVE)
    if isinstance(row, Refusal):
        return row
    undo = boards.settings(tx, row.board_id).undo_seconds
    due = due_at(row.send_at, tx.now, undo)
    if refused := _refused_approval(tx, row, due):
        return refused_here(tx, actor, row, Verb.APPROVE, refused)
    is_own = authorship(row).is_of(actor.staff_id)
    values = {"due_at": due, **_decision(tx, actor)}
    details = {"families": row.approved_families, "own": is_own}
    if lost := move(tx, actor, row, Verb.APPROVE, values=values, **details):
        return lost
    tell_decision(tx, row, actor.staff_id)
    return Approved(due, tx.now + timedelta(seconds=undo))


def _refused_approval(tx: Transaction, row: Broadcast, due: datetime) -> Refusal | None:
    if has_missed_its_time(row.send_at, tx.now):
        return refuse("time_is_past")
    if _is_too_late(row, due):
        return refuse("too_late")
    # What shrank after an earlier approval comes back to be approved, and may be too small now.
    return _refused_size(tx, row, row.approved_families or 0)


def send_back(tx: Transaction, actor: Actor, ref: CardRef, reason: str) -> Decided | Refusal:
    """Return a broadcast to its author, saying what to change."""
    return _stop(tx, actor, ref, Verb.RETURN, reason)


def reject(tx: Transaction, actor: Actor, ref: CardRef, reason: str) -> Decided | Refusal:
    """Refuse a broadcast for good."""
    return _stop(tx, actor, ref, Verb.REJECT, reason)


def cancel(tx: Transaction, actor: Actor, ref: CardRef) -> Decided | Refusal:
    """Call a broadcast off before it goes out; its authors may do so, and who may approve."""
    return _stop(tx, actor, ref, Verb.CANCEL, "")


def _stop(
    tx: Transaction, actor: Actor, ref: CardRef, verb: Verb, reason: str
) -> Decided | Refusal:
    row = opened(tx, actor, ref, verb)
    if isinstance(row, Refusal):
        return row
    reason = clean_text(reason)[:REASON_LIMIT]
    values = {"reason": reason, "due_at": None, **_NOTHING_ASKED, **_decision(tx, actor)}
    if lost := move(tx, actor, row, verb, values=values):
        return lost
    tell_decision(tx, row, actor.staff_id)
    return Decided(State(row.state))


def _decision(tx: Transaction, actor: Actor) -> dict[str, Any]:
    return {"decided_by": actor.staff_id, "decided_at": tx.now}


def _is_too_late(row: Broadcast, at: datetime) -> bool:
    return row.valid_until is not None and at >= row.valid_until


# What the system does when the time has come.


def expire(tx: Transaction, broadcast_id: int) -> bool:
    """Close a broadcast that was not approved or sent in time; False if it moved on."""
    row = broadcasts.broadcast(tx, broadcast_id)
    to = next_state(State(row.state), Verb.EXPIRE)
    if to is None or not broadcasts.move(
        tx, row, to, row.content_hash, due_at=None, **_NOTHING_ASKED
    ):
        return False
    record(tx, audit.SYSTEM, row, Verb.EXPIRE)
    tell_expired(tx, row)
    return True


def outgrow(tx: Transaction, broadcast_id: int, families: int, changed: Change) -> None:
    """Ask again for an approval that was given for other families.

    The version rises, so that the cards that showed the earlier number are dead.
    """
    row = broadcasts.broadcast(tx, broadcast_id)
    broadcasts.ask_again(tx, row, families)
    approved_audiences.note(tx, row)
    details = {"families": families, "came": changed.came, "went": changed.went}
    record(tx, audit.SYSTEM, row, Verb.OUTGROW, **details)
    settings = boards.settings(tx, row.board_id)
    asked = approvers_of(tx, row, row.submitted_by, settings.self_approval)
    why = say("broadcast.card.other_audience", came=changed.came, went=changed.went)
    shown = card(tx, preview(tx, row.id))
    tell(tx, asked, replace(shown, words=(why, *shown.words)))
