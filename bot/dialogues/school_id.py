"""The school ID 学校ID: shown to the school's staff, printed as a poster, and renewed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import audit, schools
from bot.dialogues.own_schools import actor_at, choose_school
from bot.dialogues.slips import link_to
from bot.phrases import YES, refused, yes_or_no
from bot.steps import Choose, Do, Finish, Given, Json, Option, Scene, Script, Show, flow
from domain.moments import moment
from domain.refusals import refuse
from domain.roles import may_decide, may_write
from domain.schools import Admission
from domain.speech import Speech, open_page, words_to_json
from domain.wording import Words, say
from storage import boards as stored_boards
from storage import schools as stored
from storage.database import Transaction


@flow("school_id", version=1, idle=timedelta(hours=1))
def school_id(given: Given) -> Script:  # noqa: ARG001 - every script has it
    school = yield from choose_school(may_write)
    shown = yield Do("shown", partial(_shown, school["id"]))
    if words := refused(shown):
        yield Finish(words)
    yield Show(Speech.from_json(shown["speech"]))
    if not shown["renews"]:
        yield Finish()
    wish = yield Choose(
        "wish",
        say("school.id.wish"),
        Option("leave", say("school.id.leave")),
        Option("renew", say("school.id.renew")),
    )
    if wish == "leave":
        yield Finish(say("school.id.left"))
    sure = yield yes_or_no("sure", say("school.id.sure"))
    if sure != YES:
        yield Finish(say("school.id.left"))
    done = yield Do("renew", partial(_renew, school["id"]), lasting=True)
    if words := refused(done):
        yield Finish(words)
    yield Show(Speech.from_json(done["speech"]))
    yield Finish()


def _shown(school: int, tx: Transaction, scene: Scene) -> Json:
    actor = actor_at(tx, scene, school, may_write)
    if actor is None:
        return _not_allowed()
    issued = schools.current_school_id(tx, school)
    speech = _speech(tx, scene, school, issued, "school.id.shown")
    return {"speech": speech.to_json(), "renews": may_decide(actor, school)}


def _renew(school: int, tx: Transaction, scene: Scene) -> Json:
    actor = actor_at(tx, scene, school, may_decide)
    if actor is None:
        return _not_allowed()
    issued = schools.new_school_id(tx, school, audit.staff(actor.staff_id))
    return {"speech": _speech(tx, scene, school, issued, "school.id.renewed").to_json()}


def _speech(
    tx: Transaction, scene: Scene, school: int, issued: schools.IssuedSchoolId | None, key: str
) -> Speech:
    row = stored.school(tx, school)
    if issued is None:
        return Speech(words=(say("school.id.none", school=row.name),))
    until = moment(issued.expires, stored_boards.board(tx, scene.board_id).zone)
    shown: Words = say(key, school=row.name, id=issued.id, until=until)
    opens_nothing = row.admission == Admission.INVITE.value
    remarks = (say("school.id.invite_only"),) if opens_nothing else ()
    poster = open_page(say("school.id.poster"), link_to(tx, scene, school, ()))
    return Speech(words=(shown, *remarks), buttons=(poster,))


def _not_allowed() -> Json:
    return {"refused": words_to_json(refuse("not_allowed").words)}
