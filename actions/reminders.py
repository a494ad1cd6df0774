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
from domain.audience import Part, parts_from_json, parts_to_json
from domain.broadcasts import Purpose, Relation, State, Verb
from domain.cards import CardRef
from domain.content import (
    BODY_LIMIT,
    SUBJECT_LIMIT,
    Content,
    wants_confirmation,
    with_confirmation,
)
from domain.follow_ups import Follows, audience_after, with_origin
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.wording import render, say
from storage import audiences, broadcasts, reminding
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
    """Write the same once more to those who have not confirmed, and ask for its approval.

    Whoever asks for that on a reminder means what it reminds of.
    """
    row = broadcasts.find(tx, ref.broadcast_id)
    if row is None or row.board_id != actor.board_id:
        return _refuse(tx, actor, None, ref, refuse("unknown_broadcast"))
    root = reminding.root_of(tx, row)
    broadcasts.lock(tx, root.id)
    row = broadcasts.broadcast(tx, row.id)
    if refused := _refused(tx, staff.as_of_now(tx, actor), row, root, ref):
        return _refuse(tx, actor, row.school_id, ref, refused)
    images = copy_attachments(tx, root.id)
    saved = save_draft(tx, actor, root.school_id, _content(root), images)
    return saved if isinstance(saved, Refusal) else _handed_in(tx, actor, saved)


def _handed_in(tx: Transaction, actor: Actor, saved: Saved) -> Reminded | Refusal:
    """Submit it; where that is refused, nobody wants a draft of it lying about."""
    done = deciding.submit(tx, actor, saved.ref)
    if isinstance(done, Refusal):
        deciding.cancel(tx, actor, saved.ref)
        return done
    return Reminded(saved.ref, done.families, done.approvers)


def _refused(
    tx: Transaction, actor: Actor, row: Broadcast, root: Broadcast, ref: CardRef
) -> Refusal | None:
    if refused := may(actor, Verb.EDIT, Authorship(row.school_id, frozenset(), None)):
        return refused
    if ref_of(row) != ref:
        return refuse("stale_card")
    for each in (row, root):
        if State(each.state) not in _GOES_OUT:
            state = say(f"broadcast.state.{each.state}")
            return refuse("wrong_state", subject=each.subject, state=state)
    if not wants_confirmation(root.options):
        return refuse("no_confirmation_wanted")
    if not audiences.count_families(tx, root.board_id, parts_to_json(_audience(root))):
        return refuse("all_confirmed", subject=root.subject)
    return _too_soon(tx, root)


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
    options = with_confirmation({}, wanted=True)
    return Content(
        purpose=Purpose(row.purpose),
        subject=f"{first}{row.subject}"[:SUBJECT_LIMIT],
        body=f"{lead}\n\n{row.body}"[:BODY_LIMIT],
        audience=_audience(row),
        valid_until=row.valid_until,
        options=with_origin(options, Follows(Relation.REMINDER, row.id)),
    )


def _audience(row: Broadcast) -> tuple[Part, ...]:
    return audience_after(row.id, parts_from_json(row.audience), Relation.REMINDER)
