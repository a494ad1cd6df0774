"""予約一覧: what is approved and waits for its time, to be looked at, changed or called off."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import broadcasts, previews, staff
from actions.previews import moment_of
from bot.dialogues import drafting
from bot.phrases import YES, refused, yes_or_no
from bot.steps import Begin, Choose, Do, Finish, Given, Json, Option, Part, Say, Scene, Script, flow
from domain.broadcasts import State
from domain.roles import Actor, may_write
from domain.speech import words_from_json, words_to_json
from domain.wording import Words, say
from storage import broadcasts as stored
from storage import schedules
from storage.database import Transaction
from storage.tables import Broadcast

_SHOWN = 10
_SUBJECT = 24
_CHANGE, _CANCEL, _LEAVE = "change", "cancel", "leave"


@flow("scheduled", version=1, idle=timedelta(days=1))
def scheduled(given: Given) -> Script:  # noqa: ARG001 - every script has it
    waiting = yield Do("waiting", _waiting)
    if waiting["refused"]:
        yield Finish(words_from_json(waiting["refused"]))
    if not waiting["rows"]:
        yield Finish(say("scheduled.none"))
    options = [Option(each["id"], words_from_json(each["words"])) for each in waiting["rows"]]
    chosen = yield Choose("broadcast", _heading(waiting), *options)
    shown = yield Do("shown", partial(_shown, chosen))
    if words := refused(shown):
        yield Finish(words)
    for each in shown["words"]:
        yield Say(words_from_json(each))
    wish = yield Choose(
        "wish",
        say("scheduled.ask"),
        Option(_CHANGE, say("scheduled.change")),
        Option(_CANCEL, say("scheduled.cancel")),
        Option(_LEAVE, say("scheduled.leave")),
    )
    if wish == _CHANGE:
        yield from _change(chosen)
    yield from _cancelled(shown["ref"]) if wish == _CANCEL else _left()


def _heading(waiting: Json) -> Words:
    more = waiting["total"] - len(waiting["rows"])
    if more:
        return say("scheduled.which_of_many", count=waiting["total"], more=more)
    return say("scheduled.which", count=waiting["total"])


def _change(chosen: Json) -> Part[None]:
    """Compose on with it; saved again it is a draft, and needs another approval."""
    answers = yield Do("answers", partial(_answers, chosen))
    if words := refused(answers):
        yield Finish(words)
    log = tuple((key, value) for key, value in answers)
    yield Say(say("scheduled.changing"))
    yield Finish(then=Begin("compose", answers=log, memory=drafting.memory_after(log)))


def _cancelled(ref: Json) -> Part[None]:
    if (yield yes_or_no("sure", say("scheduled.sure"))) == YES:
        done = yield Do("cancel", partial(drafting.discard, ref), lasting=True)
        yield Finish(refused(done) or say("decide.cancelled"))
    yield from _left()


def _left() -> Part[None]:
    yield Finish(say("scheduled.left"))


def _waiting(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    places = _places(actor)
    if actor is None or not places:
        return {"refused": words_to_json(say("compose.not_staff"))}
    rows = [row for place in places for row in schedules.scheduled_of(tx, actor.board_id, place)]
    rows.sort(key=lambda row: (row.due_at or tx.now, row.id))
    shown = [{"id": row.id, "words": _line(tx, row)} for row in rows[:_SHOWN]]
    return {"refused": None, "total": len(rows), "rows": shown}


def _places(actor: Actor | None) -> set[int | None]:
    places = {grant.school_id for grant in actor.grants} if actor else set()
    return {place for place in places if actor and may_write(actor, place)}


def _line(tx: Transaction, row: Broadcast) -> Json:
    time = moment_of(tx, row, row.due_at or tx.now)
    return words_to_json(say("scheduled.line", time=time, subject=row.subject[:_SUBJECT]))


def _shown(broadcast_id: int, tx: Transaction, scene: Scene) -> Json:
    row = _mine(tx, scene, broadcast_id)
    if row is None:
        return {"refused": words_to_json(say("scheduled.gone"))}
    shown = broadcasts.preview(tx, row.id)
    words = [words_to_json(each) for each in broadcasts.preview_words(shown)]
    return {"words": words, "ref": drafting.ref_to_json(previews.ref_of(row))}


def _answers(broadcast_id: int, tx: Transaction, scene: Scene) -> Json:
    row = _mine(tx, scene, broadcast_id)
    if row is None:
        return {"refused": words_to_json(say("scheduled.gone"))}
    return drafting.answers_of(tx, row.id)


def _mine(tx: Transaction, scene: Scene, broadcast_id: int) -> Broadcast | None:
    """A broadcast that still waits for its time, if this person may write where it is from."""
    actor = staff.actor_of(tx, scene.contact_id)
    row = stored.find(tx, broadcast_id)
    if actor is None or row is None or not drafting.may_edit(actor, row):
        return None
    return row if row.state == State.APPROVED else None
