"""Saying something to an emergency that was sent first, after its report's button."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import emergencies, staff
from bot.dialogues.drafting import ref_from_json
from bot.phrases import refused
from bot.steps import Ask, Do, Finish, Given, Json, Misread, Scene, Script, flow
from domain.refusals import Refusal, refuse
from domain.speech import words_to_json
from domain.wording import say
from storage import broadcasts as stored
from storage.database import Transaction


@flow("remark", version=1, idle=timedelta(hours=12))
def remark(given: Given) -> Script:
    """Given: `ref` of the version that the report shows."""
    checked = yield Do("check", partial(_check, given["ref"]))
    if words := refused(checked):
        yield Finish(words)
    asked = say("emergency.ask_remark", subject=checked["subject"])
    text = yield Ask("text", asked, _read, free=True)
    done = yield Do("remark", partial(_remark, given["ref"], text), lasting=True)
    yield Finish(refused(done) or say("emergency.remarked"))


def _read(text: str) -> Json:
    if len(text) > emergencies.REMARK_LIMIT:
        return Misread(say("decide.long_reason", most=emergencies.REMARK_LIMIT))
    return text


def _check(ref: Json, tx: Transaction, scene: Scene) -> Json:
    """Whether it is worth asking; what counts is checked again by the action, and recorded."""
    wanted = ref_from_json(ref)
    actor = staff.actor_of(tx, scene.contact_id)
    row = stored.find(tx, wanted.broadcast_id)
    refusal = emergencies.refused_to(tx, actor, row, wanted) if actor else refuse("not_allowed")
    if refusal is not None:
        return {"refused": words_to_json(refusal.words)}
    return {"subject": row.subject if row else ""}


def _remark(ref: Json, text: str, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    wanted = ref_from_json(ref)
    done = emergencies.remark(tx, actor, wanted, text) if actor else refuse("not_allowed")
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else True
