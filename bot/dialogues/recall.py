"""Stopping a broadcast: calling it off before it goes out, taking it back afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from actions import broadcasts, follow_ups, staff, withdrawals
from actions.previews import ref_of
from actions.records import closed
from actions.telling import authorship
from bot.dialogues import audience, drafting
from bot.dialogues.audience import CITY_PLACE
from bot.dialogues.drafting import ref_from_json, ref_to_json
from bot.phrases import NO, YES, refused, yes_or_no
from bot.steps import (
    Ask,
    Begin,
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Retry,
    Say,
    Scene,
    Script,
    Show,
    flow,
)
from domain.approval import may
from domain.audience import parts_from_json
from domain.broadcasts import Relation, State, Verb, next_state
from domain.content import BODY_LIMIT
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.speech import Speech, words_from_json, words_to_json
from domain.wording import say
from storage import broadcasts as stored
from storage.database import Transaction
from storage.tables import Broadcast

_SUBJECT = 30
_SHOWN = 10
_STOPPABLE = (State.PENDING, State.APPROVED, State.SENDING, State.SENT)
# Whoever finds out later writes anew: nobody waits for the old message any more.
_RECENT = timedelta(days=14)
# What the words to correct are asked with.
_QUOTED = 500


@flow("recall", version=1, idle=timedelta(hours=12))
def recall(given: Given) -> Script:  # noqa: ARG001 - every script has it
    while True:
        found = yield Do("list", _list)
        if not found:
            yield Finish(say("recall.none"))
        options = [
            Option(each["id"], say(f"recall.option.{each['state']}", subject=each["subject"]))
            for each in found
        ]
        chosen = yield Choose("which", say("recall.which"), *options)
        one = next(each for each in found if each["id"] == chosen)
        if one["went_out"]:
            yield Finish(then=Begin("withdraw", given={"ref": one["ref"]}))
        sure = yield yes_or_no("sure", say("recall.sure.cancel", subject=one["subject"]))
        if sure != YES:
            yield Finish(say("recall.not_done"))
        done = yield Do("cancel", partial(_cancel, one["ref"]), lasting=True)
        words = refused(done)
        if words is None:
            yield Finish(say("decide.cancelled"))
        else:
            # It may have begun to be sent meanwhile: then it is in the list as that.
            yield Say(words)
            yield Retry(("list", "which", "sure", "cancel"))


@flow("withdraw", version=1, idle=timedelta(hours=12))
def withdraw(given: Given) -> Script:
    """Given: `ref` of what is taken back."""
    seen = yield Do("check", partial(_check, given["ref"]))
    if words := refused(seen):
        yield Finish(words)
    asked = say("recall.ask.reason", subject=seen["subject"])
    reason = yield Ask("reason", asked, _read_reason, free=True)
    sure = yield yes_or_no("sure", say("recall.sure.withdraw", subject=seen["subject"]))
    if sure != YES:
        yield Finish(say("recall.not_done"))
    done = yield Do("withdraw", partial(_withdraw, given["ref"], reason), lasting=True)
    if words := refused(done):
        yield Finish(words)
    yield Show(Speech.from_json(done))
    yield Finish()


@flow("follow_up", version=1, idle=timedelta(days=1))
def follow_up(given: Given) -> Script:
    """Given: `relation`, and `ref` of what is corrected or replaced."""
    relation = Relation(given["relation"])
    seen = yield Do("check", partial(_check_followed, relation, given["ref"]))
    if words := refused(seen):
        yield Finish(words)
    if seen["under_way"]:
        yield Say(words_from_json(seen["under_way"]))
    # Its groups may be gone; then it is asked for whom it is.
    place, parts = seen.get("ask_at"), None
    if place is not None:
        yield Say(say("recall.audience_gone"))
    while True:
        if place is not None:
            parts = yield from audience.choose_audience(place)
        asked = say(f"recall.ask.{relation.value}", subject=seen["subject"], body=seen["body"])
        text = yield Ask("text", asked, _read_text, free=True)
        quoting = NO
        if relation is Relation.CORRECTION:
            quoting = yield yes_or_no("quote", say("recall.ask.quote"))
        what = _What(relation, text, quoting == YES, parts)
        begin = partial(_begin, what, given["ref"])
        draft = yield Do("begin", begin, lasting=True)
        words = refused(draft)
        if words is None:
            log = tuple((key, value) for key, value in draft)
            yield Finish(then=Begin("compose", answers=log, memory=drafting.memory_after(log)))
        else:
            yield Say(words)
            yield Retry((*audience.keys_of(), "text", "quote", "begin"))


def _read_reason(text: str) -> Json:
    if len(text) > broadcasts.REASON_LIMIT:
        return Misread(say("decide.long_reason", most=broadcasts.REASON_LIMIT))
    return text


def _read_text(text: str) -> Json:
    if len(text) > BODY_LIMIT:
        return Misread(refuse("long_body", most=BODY_LIMIT).words)
    return text


# What can be stopped.


def _list(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    rows = _stoppable(tx, actor) if actor else []
    return [
        {
            "id": row.id,
            "state": row.state,
            "subject": row.subject[:_SUBJECT],
            "ref": ref_to_json(ref_of(row)),
            "went_out": _stops(row) is Verb.WITHDRAW,
        }
        for row in rows[:_SHOWN]
    ]


def _stoppable(tx: Transaction, actor: Actor) -> Sequence[Broadcast]:
    places = {grant.school_id for grant in actor.grants}
    rows = stored.of_places(tx, actor.board_id, places, _STOPPABLE, tx.now - _RECENT)
    return [row for row in rows if may(actor, _stops(row), authorship(row)) is None]


def _stops(row: Broadcast) -> Verb:
    """The verb by which a broadcast is stopped where it stands."""
    withdrawn = next_state(State(row.state), Verb.WITHDRAW)
    return Verb.WITHDRAW if withdrawn is not None else Verb.CANCEL


def _cancel(ref: Json, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    done = broadcasts.cancel(tx, actor, ref_from_json(ref)) if actor else refuse("not_allowed")
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else True


# Taking back.


def _check(ref: Json, tx: Transaction, scene: Scene) -> Json:
    """Whether it is worth asking for a reason; what counts is checked again by the action."""
    wanted = ref_from_json(ref)
    actor = staff.actor_of(tx, scene.contact_id)
    row = stored.find(tx, wanted.broadcast_id)
    if actor is None or row is None or row.board_id != actor.board_id:
        return _not_done(refuse("unknown_broadcast"))
    if refusal := may(actor, Verb.WITHDRAW, authorship(row)):
        return _not_done(refusal)
    if next_state(State(row.state), Verb.WITHDRAW) is None:
        return _not_done(closed(tx, row))
    return {"subject": row.subject}


def _withdraw(ref: Json, reason: str, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    wanted = ref_from_json(ref)
    done = withdrawals.withdraw(tx, actor, wanted, reason) if actor else refuse("not_allowed")
    if isinstance(done, Refusal):
        return _not_done(done)
    row = stored.broadcast(tx, done.ref.broadcast_id)
    writes = actor is not None and may_write(actor, row.school_id)
    buttons = withdrawals.follow_up_buttons(tx, row) if writes else ()
    words = say("recall.done", subject=row.subject)
    return Speech(words=(words,), buttons=buttons).to_json()


# What follows.


def _check_followed(relation: Relation, ref: Json, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    wanted, refusal = ref_from_json(ref), refuse("not_allowed")
    row = follow_ups.followed(tx, actor, wanted, relation) if actor else refusal
    if isinstance(row, Refusal):
        return _not_done(row)
    other = follow_ups.under_way(tx, row)
    gone = follow_ups.must_choose_audience(tx, row, relation)
    warned = say("recall.under_way", subject=other.subject) if other else None
    return {
        "subject": row.subject,
        "body": row.body[:_QUOTED],
        "under_way": words_to_json(warned) if warned else None,
        "ask_at": (row.school_id or CITY_PLACE) if gone else None,
    }


@dataclass(frozen=True, slots=True)
class _What:
    """What follows: the text, and the parts of an audience that had to be chosen anew."""

    relation: Relation
    text: str
    quoting: bool
    parts: Json


def _begin(what: _What, ref: Json, tx: Transaction, scene: Scene) -> Json:
    """The answers that composing goes on with: all are given."""
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _not_done(refuse("not_allowed"))
    saved = follow_ups.begin(
        tx,
        actor,
        ref_from_json(ref),
        what.relation,
        what.text,
        quoting=what.quoting,
        audience=parts_from_json(what.parts) if what.parts else None,
    )
    if isinstance(saved, Refusal):
        return _not_done(saved)
    return drafting.answers_of(tx, saved.ref.broadcast_id)


def _not_done(refusal: Refusal) -> Json:
    return {"refused": words_to_json(refusal.words)}
