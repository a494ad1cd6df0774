"""再連絡: who has not confirmed is asked once more, after an approval like any other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from actions import broadcasts as deciding
from actions import staff
from actions.drafts import Saved, save_draft
from actions.previews import moment_of, ref_of
from actions.records import record_refused
from domain.approval import Authorship, may
from domain.audience import Part
from domain.broadcasts import Purpose, Relation, State, Verb
from domain.cards import CardRef
from domain.content import (
    BODY_LIMIT,
    SUBJECT_LIMIT,
    Content,
    wants_confirmation,
    with_confirmation,
)
from domain.follow_ups import Follows, with_origin
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.wording import render, say
from storage import broadcasts, reports
from storage.copies import copy_attachments
from storage.database import Transaction
from storage.tables import Broadcast

# Sooner, most have not yet looked at the first one.
PAUSE = timedelta(hours=3)
_UNDER_WAY = (State.PENDING, State.APPROVED, State.SENDING, State.SENT)
_GOES_OUT = (State.SENDING, State.SENT)


@dataclass(frozen=True, slots=True)
class Reminded:
    """How many families have not confirmed, and how many people were asked to approve."""

    ref: CardRef
    families: int
    approvers: int


def remind(tx: Transaction, actor: Actor, ref: CardRef) -> Reminded | Refusal:
    """Write the same once more to those who have not confirmed, and ask for its approval."""
    row = broadcasts.lock(tx, ref.broadcast_id)
    if row is None or row.board_id != actor.board_id:
        return _refuse(tx, actor, None, ref, refuse("unknown_broadcast"))
    if refused := _refused(tx, staff.as_of_now(tx, actor), row, ref):
        return _refuse(tx, actor, row.school_id, ref, refused)
    images = copy_attachments(tx, row.id)
    saved = save_draft(tx, actor, row.school_id, _content(row), images)
    return saved if isinstance(saved, Refusal) else _handed_in(tx, actor, saved)


def _handed_in(tx: Transaction, actor: Actor, saved: Saved) -> Reminded | Refusal:
    """Submit it; where that is refused, nobody wants a draft of it lying about."""
    done = deciding.submit(tx, actor, saved.ref)
    if isinstance(done, Refusal):
        deciding.cancel(tx, actor, saved.ref)
        return done
    return Reminded(saved.ref, done.families, done.approvers)


def _refused(tx: Transaction, actor: Actor, row: Broadcast, ref: CardRef) -> Refusal | None:
    if refused := may(actor, Verb.EDIT, Authorship(row.school_id, frozenset(), None)):
        return refused
    if ref_of(row) != ref:
        return refuse("stale_card")
    if State(row.state) not in _GOES_OUT:
        state = say(f"broadcast.state.{row.state}")
        return refuse("wrong_state", subject=row.subject, state=state)
    if not wants_confirmation(row.options):
        return refuse("no_confirmation_wanted")
    tally = reports.tally(tx, row.id)
    if tally.confirmed == tally.families:
        return refuse("all_confirmed", subject=row.subject)
    return _too_soon(tx, row)


def _too_soon(tx: Transaction, row: Broadcast) -> Refusal | None:
    others = broadcasts.follow_ups_of(tx, row.id, (Relation.REMINDER,), _UNDER_WAY)
    newest = next(iter(others), None)
    if newest is None or tx.now - newest.created_at >= PAUSE:
        return None
    time = moment_of(tx, newest, newest.created_at + PAUSE)
    return refuse("reminded_lately", subject=row.subject, time=time)


def _refuse(
    tx: Transaction, actor: Actor, school_id: int | None, ref: CardRef, refusal: Refusal
) -> Refusal:
    record_refused(tx, actor, school_id, ref.broadcast_id, Verb.EDIT, refusal)
    return refusal


def _content(row: Broadcast) -> Content:
    """The same content for fewer; in Japanese, because families read it whoever presses.

    It is never an emergency itself: that went out already, and this is approved first.
    """
    lead = render(say("confirmation.reminder.lead"), "ja")
    first = render(say("confirmation.reminder.subject", subject=""), "ja")
    body = row.body if row.body.startswith(lead) else f"{lead}\n\n{row.body}"
    options = with_confirmation({}, wanted=True)
    return Content(
        purpose=Purpose(row.purpose),
        subject=f"{first}{row.subject.removeprefix(first)}"[:SUBJECT_LIMIT],
        body=body[:BODY_LIMIT],
        audience=(Part("unconfirmed", row.id),),
        valid_until=row.valid_until,
        options=with_origin(options, Follows(Relation.REMINDER, row.id)),
    )
