"""登録の承認: what waits for the school's yes, by class, decided one or several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import admissions
from actions.admission_cards import request_line
from bot.dialogues.classes import read_class
from bot.dialogues.own_schools import actor_at, one_of, places
from bot.phrases import YES, refused, yes_or_no
from bot.steps import Begin, Choose, Do, Finish, Given, Json, Option, Part, Scene, Script, flow
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.speech import words_from_json, words_to_json
from domain.wording import Words, say
from storage import admissions as stored
from storage import schools
from storage.database import Transaction
from storage.tables import Admission

# What fits on a telephone's screen, with the choices beneath it.
_SHOWN = 8
_ALL, _LEAVE = "all", "leave"
_ADMIT, _DECLINE, _DECLINE_ALL, _DECLINE_WEB = "admit", "decline", "decline_all", "decline_web"
_WEB = "webchat"
_EVERY_CLASS = 0


@flow("admissions", version=2, idle=timedelta(hours=12))
def admissions_flow(given: Given) -> Script:
    """Given: `school`, where it is known which one."""
    waiting = yield Do("waiting", partial(_schools, given.get("school")))
    if not waiting:
        yield Finish(say("admission.none"))
    school = yield from one_of(waiting)
    class_id = yield from _class(school)
    page = yield Do("page", partial(_page, school["id"], class_id))
    if not page["ids"]:
        yield Finish(say("admission.none"))
    ids = yield from _picked(page)
    if not ids:
        yield Finish(say("admission.left"))
    web = [each for each in ids if each in set(page["web"])]
    decision = yield from _decision(ids, page["ids"], web)
    if decision == _LEAVE:
        yield Finish(say("admission.left"))
    if decision == _DECLINE_WEB:
        ids = web
    done = yield Do("decide", partial(_decide, school["id"], ids, decision), lasting=True)
    words = refused(done) or words_from_json(done["words"])
    more = Begin("admissions", given={"school": school["id"]}) if _are_left(done) else None
    yield Finish(words, then=more)


def _are_left(done: Json) -> bool:
    return refused(done) is None and bool(done["left"])


def _class(school: Json) -> Part[int]:
    """Which class to look at, where all together would be too many to see."""
    if school["count"] <= _SHOWN or len(school["classes"]) < 2:
        return _EVERY_CLASS
    options = [
        Option(each["id"], say("admission.class", name=each["name"], count=each["count"]))
        for each in school["classes"]
    ]
    whole = Option(_EVERY_CLASS, say("admission.every_class", count=school["count"]))
    asked = say("admission.which_class", count=school["count"])
    read = partial(read_class, school["classes"])
    return int((yield Choose("class", asked, whole, *options, read=read)))


def _picked(page: Json) -> Part[list[int]]:
    """Those to decide on; nothing to leave them all."""
    everything = Option(_ALL, say("admission.all", count=len(page["ids"])))
    options = [Option(each["id"], words_from_json(each["words"])) for each in page["shown"]]
    leave = Option(_LEAVE, say("admission.leave"), also="bot.word.done")
    several = (everything,) if len(page["ids"]) > 1 else ()
    asked = say("admission.pick", count=len(page["ids"]), shown=len(page["shown"]))
    picked = yield Choose("pick", asked, *options, *several, leave, several=True)
    if _LEAVE in picked:
        return []
    return list(page["ids"]) if _ALL in picked else list(picked)


def _decision(ids: Sequence[int], waiting: Sequence[int], web: Sequence[int]) -> Part[str]:
    """What becomes of these; a no to more than were looked at needs a yes."""
    decision = yield Choose(
        "decision",
        say("admission.decide", count=len(ids), of=len(waiting)),
        Option(_ADMIT, say("tap.admit")),
        *_ways_to_decline(ids, web),
        Option(_LEAVE, say("admission.leave")),
    )
    declined = {_DECLINE_ALL: ids, _DECLINE_WEB: web}.get(decision)
    if declined is None:
        return str(decision)
    sure = yield yes_or_no("sure", say("admission.decline_sure", count=len(declined)))
    return str(decision) if sure == YES else _LEAVE


def _ways_to_decline(ids: Sequence[int], web: Sequence[int]) -> Sequence[Option]:
    """Anybody can ask on the web, as often as they like; an app's account is one person's."""
    looked_at = Option(_DECLINE, say("tap.decline"))
    whole = Option(_DECLINE_ALL, say("admission.decline_all"))
    first = looked_at if len(ids) <= _SHOWN else whole
    if not 0 < len(web) < len(ids):
        return (first,)
    return first, Option(_DECLINE_WEB, say("admission.decline_web"))


def _schools(only: int | None, tx: Transaction, scene: Scene) -> Json:
    """The schools of this person where somebody waits, with the classes asked for."""
    mine = [each for each in places(tx, scene, may_write) if only in (None, each)]
    found = {each: stored.waiting_at(tx, each) for each in mine}
    return [
        {
            "id": each,
            "name": schools.school(tx, each).name,
            "count": len(rows),
            "classes": _classes(tx, each, rows),
        }
        for each, rows in found.items()
        if rows
    ]


def _classes(tx: Transaction, school_id: int, rows: Sequence[Admission]) -> Json:
    asked = [_class_ids(tx, row) for row in rows]
    return [
        {"id": group.id, "name": group.name, "count": count}
        for group in schools.classes_of(tx, school_id)
        if (count := sum(group.id in classes for classes in asked))
    ]


def _class_ids(tx: Transaction, row: Admission) -> set[int]:
    return {child["class"] for child in stored.request_of(tx, row)["children"]}


def _page(school_id: int, class_id: int, tx: Transaction, scene: Scene) -> Json:
    if actor_at(tx, scene, school_id, may_write) is None:
        return {"ids": [], "shown": [], "web": []}
    rows = [
        row
        for row in stored.waiting_at(tx, school_id)
        if class_id == _EVERY_CLASS or class_id in _class_ids(tx, row)
    ]
    shown = [{"id": row.id, "words": words_to_json(request_line(tx, row))} for row in rows[:_SHOWN]]
    web = stored.waiting_by(tx, school_id, _WEB)
    ids = [row.id for row in rows]
    return {"ids": ids, "shown": shown, "web": [each for each in ids if each in web]}


def _decide(
    school_id: int, ids: Sequence[int], decision: str, tx: Transaction, scene: Scene
) -> Json:
    actor = actor_at(tx, scene, school_id, may_write)
    if actor is None:
        return {"refused": words_to_json(refuse("not_allowed").words)}
    words = _decided(tx, actor, school_id, ids, decision)
    if isinstance(words, Refusal):
        return {"refused": words_to_json(words.words)}
    return {"words": words_to_json(words), "left": stored.count_waiting(tx, school_id)}


def _decided(
    tx: Transaction, actor: Actor, school_id: int, ids: Sequence[int], decision: str
) -> Words | Refusal:
    if decision == _DECLINE:
        answers = [admissions.decline(tx, actor, each) for each in ids]
        declined = sum(not isinstance(answer, Refusal) for answer in answers)
        return say("admission.declined_some", count=declined)
    decide = admissions.admit_all if decision == _ADMIT else admissions.decline_all
    done = decide(tx, actor, school_id, ids)
    if isinstance(done, Refusal):
        return done
    key = "admission.admitted_all" if decision == _ADMIT else "admission.declined_some"
    return say(key, count=done.count)
