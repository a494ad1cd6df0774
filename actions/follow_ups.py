"""What follows a broadcast: a correction to exactly those reached, or a replacement for all."""

from __future__ import annotations

from actions import staff
from actions.drafts import Saved, is_in_reach, save_draft
from actions.previews import ref_of
from actions.records import closed, record_refused
from domain.approval import Authorship, may
from domain.audience import Part, parts_from_json
from domain.broadcasts import Purpose, Relation, State, Verb
from domain.cards import CardRef
from domain.content import Content
from domain.follow_ups import (
    Follows,
    audience_after,
    is_followed,
    options_after,
    subject_after,
)
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.wording import render, say
from storage import broadcasts, reached
from storage.database import Transaction
from storage.tables import Broadcast

_QUOTED = 500
_UNDER_WAY = (State.PENDING, State.APPROVED, State.SENDING, State.SENT)


def begin(
    tx: Transaction,
    actor: Actor,
    ref: CardRef,
    relation: Relation,
    text: str,
    *,
    quoting: bool = True,
    audience: tuple[Part, ...] | None = None,
) -> Saved | Refusal:
    """Save the draft of what follows a broadcast, with the `text` that is right.

    A correction quotes what was wrong, unless that must not be said again. An `audience` is
    chosen only where what was replaced had one that is gone (`must_choose_audience`).
    """
    row = followed(tx, actor, ref, relation)
    if isinstance(row, Refusal):
        return row
    content = Content(
        purpose=Purpose(row.purpose),
        subject=subject_after(row.subject, relation),
        body=_body(row, relation, text, quoting),
        audience=audience or audience_after(row.id, parts_from_json(row.audience), relation),
        options=options_after(row.options, Follows(relation, row.id)),
    )
    return save_draft(tx, actor, row.school_id, content)


def followed(
    tx: Transaction, actor: Actor, ref: CardRef, relation: Relation
) -> Broadcast | Refusal:
    """The broadcast of a card, if this person may send such a thing after it."""
    row = broadcasts.find(tx, ref.broadcast_id)
    if row is None or row.board_id != actor.board_id:
        refused, school_id = refuse("unknown_broadcast"), None
    else:
        found = _refused(tx, staff.as_of_now(tx, actor), row, ref, relation)
        if found is None:
            return row
        refused, school_id = found, row.school_id
    record_refused(tx, actor, school_id, ref.broadcast_id, Verb.EDIT, refused)
    return refused


def _refused(
    tx: Transaction, actor: Actor, row: Broadcast, ref: CardRef, relation: Relation
) -> Refusal | None:
    if refused := may(actor, Verb.EDIT, Authorship(row.school_id, frozenset(), None)):
        return refused
    if ref_of(row) != ref:
        return refuse("stale_card")
    if not is_followed(State(row.state), relation):
        return closed(tx, row)
    _, got = reached.count_families(tx, row.id)
    # Nobody has anything to be set right; once more is on its way, the button works again.
    in_vain = relation is Relation.CORRECTION and not got
    return refuse("nobody_to_correct", subject=row.subject) if in_vain else None


def under_way(tx: Transaction, row: Broadcast) -> Broadcast | None:
    """The newest of what follows a broadcast already and was handed in, lest it is done twice."""
    relations = (Relation.CORRECTION, Relation.REPLACEMENT)
    return next(iter(broadcasts.follow_ups_of(tx, row.id, relations, _UNDER_WAY)), None)


def must_choose_audience(tx: Transaction, row: Broadcast, relation: Relation) -> bool:
    """Whether a broadcast's own audience cannot be written to again: one of its groups is gone."""
    parts = audience_after(row.id, parts_from_json(row.audience), relation)
    return not is_in_reach(tx, row.board_id, row.school_id, parts)


def _body(row: Broadcast, relation: Relation, text: str, quoting: bool) -> str:
    """In Japanese, as the subject: whoever writes, families read it."""
    if relation is Relation.REPLACEMENT:
        return text
    if not quoting:
        return render(say("recall.body.plain", right=text), "ja")
    wrong = row.body if len(row.body) <= _QUOTED else f"{row.body[:_QUOTED]}…"
    return render(say("recall.body.quoting", right=text, wrong=wrong), "ja")
