"""Giving the reason for returning or rejecting a broadcast, after its card's button."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import broadcasts, staff
from actions.records import closed
from bot.dialogues.drafting import ref_from_json
from bot.phrases import refused
from bot.steps import Ask, Do, Finish, Given, Json, Misread, Scene, Script, flow
from domain.broadcasts import State
from domain.cards import CardVerb
from domain.refusals import Refusal, refuse
from domain.roles import may_decide
from domain.speech import words_to_json
from domain.wording import say
from storage import broadcasts as stored
from storage.database import Transaction

_KEYS = {CardVerb.RETURN: "return", CardVerb.REJECT: "reject"}
_REASON_LIMIT = broadcasts.REASON_LIMIT


@flow("decide", version=1, idle=timedelta(hours=12))
def decide(given: Given) -> Script:
    """Given: `verb` of the card, and `ref` of the version it shows."""
    verb = CardVerb(given["verb"])
    open_still = yield Do("check", partial(_check, given["ref"]))
    if words := refused(open_still):
        yield Finish(words)
    asked = say(f"decide.ask.{_KEYS[verb]}", subject=open_still["subject"])
    reason = yield Ask("reason", asked, _read_reason, free=True)
    done = yield Do("decide", partial(_decide, verb, given["ref"], reason), lasting=True)
    yield Finish(refused(done) or say(f"decide.done.{_KEYS[verb]}"))


def _read_reason(text: str) -> Json:
    if len(text) > _REASON_LIMIT:
        return Misread(say("decide.long_reason", most=_REASON_LIMIT))
    return text


def _check(ref: Json, tx: Transaction, scene: Scene) -> Json:
    """Whether it is worth asking for a reason; what counts is checked again by the action."""
    wanted = ref_from_json(ref)
    actor = staff.actor_of(tx, scene.contact_id)
    row = stored.find(tx, wanted.broadcast_id)
    theirs = actor is not None and row is not None and row.board_id == actor.board_id
    if actor is None or row is None or not (theirs and may_decide(actor, row.school_id)):
        return {"refused": words_to_json(refuse("not_allowed").words)}
    if broadcasts.current_ref(tx, row.id, wanted.version) != wanted:
        return {"refused": words_to_json(refuse("stale_card").words)}
    if State(row.state) is not State.PENDING:
        return {"refused": words_to_json(closed(tx, row).words)}
    return {"subject": row.subject}


def _decide(verb: CardVerb, ref: Json, reason: str, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    act = broadcasts.send_back if verb is CardVerb.RETURN else broadcasts.reject
    done = act(tx, actor, ref_from_json(ref), reason) if actor else refuse("not_allowed")
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else True
