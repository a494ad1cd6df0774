"""学校の設定: how guardians are let in, and the number they call."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import audit, schools
from bot.dialogues.own_schools import actor_at, choose_school
from bot.phrases import refused
from bot.steps import (
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Part,
    Scene,
    Script,
    flow,
)
from domain.phones import fold_phone
from domain.refusals import Refusal, refuse
from domain.roles import may_decide
from domain.schools import Admission
from domain.speech import words_to_json
from domain.wording import Words, say
from storage import admissions
from storage import schools as stored
from storage.database import Transaction

_NONE = "none"


@flow("school_settings", version=1, idle=timedelta(hours=12))
def school_settings(given: Given) -> Script:  # noqa: ARG001 - every script has it
    school = yield from choose_school(may_decide)
    now = yield Do("now", partial(_now, school["id"]))
    wish = yield Choose(
        "wish",
        _shown(school["name"], now),
        Option("admission", say("school.settings.admission")),
        Option("phone", say("school.settings.phone")),
        Option("leave", say("school.settings.leave")),
    )
    if wish == "leave":
        yield Finish(say("school.settings.left"))
    yield from (_admission if wish == "admission" else _phone)(school["id"])


def _shown(name: str, now: Json) -> Words:
    rule = say(f"school.admission.{now['admission']}")
    if not now["phone"]:
        return say("school.settings.now_without_phone", school=name, admission=rule)
    return say("school.settings.now", school=name, admission=rule, phone=now["phone"])


def _admission(school_id: int) -> Part[None]:
    options = [Option(each.value, say(f"school.admission.{each.value}")) for each in Admission]
    rule = yield Choose("admission", say("school.settings.ask_admission"), *options)
    done = yield Do("set_admission", partial(_set_admission, school_id, rule), lasting=True)
    if words := refused(done):
        yield Finish(words)
    chosen = say(f"school.admission.{rule}")
    if done["waiting"]:
        yield Finish(say("school.settings.set_with_waiting", rule=chosen, count=done["waiting"]))
    yield Finish(say("school.settings.set_admission", rule=chosen))


def _phone(school_id: int) -> Part[None]:
    phone = yield Choose(
        "phone",
        say("school.settings.ask_phone"),
        Option(_NONE, say("school.settings.no_phone"), also="bot.word.skip"),
        read=_read_phone,
        numbered=False,
    )
    given = "" if phone == _NONE else phone
    done = yield Do("set_phone", partial(_set_phone, school_id, given), lasting=True)
    if words := refused(done):
        yield Finish(words)
    if given:
        yield Finish(say("school.settings.set_phone", phone=given))
    yield Finish(say("school.settings.phone_gone"))


def _read_phone(text: str) -> Json:
    return fold_phone(text) or Misread(refuse("not_a_phone_number").words)


def _now(school_id: int, tx: Transaction, scene: Scene) -> Json:  # noqa: ARG001 - an effect
    school = stored.school(tx, school_id)
    return {"admission": school.admission, "phone": school.phone}


def _set_admission(school_id: int, rule: str, tx: Transaction, scene: Scene) -> Json:
    actor = actor_at(tx, scene, school_id, may_decide)
    if actor is None:
        return {"refused": words_to_json(refuse("not_allowed").words)}
    schools.set_admission(tx, school_id, Admission(rule), audit.staff(actor.staff_id))
    return {"waiting": admissions.count_waiting(tx, school_id)}


def _set_phone(school_id: int, phone: str, tx: Transaction, scene: Scene) -> Json:
    actor = actor_at(tx, scene, school_id, may_decide)
    if actor is None:
        return {"refused": words_to_json(refuse("not_allowed").words)}
    done = schools.set_phone(tx, school_id, phone, audit.staff(actor.staff_id))
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else True
