"""Sending what was sent once more to the families that were not reached."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import resending, staff
from actions.outsiders import turn_away
from actions.previews import ref_of
from actions.resending import NotReached
from bot.dialogues.drafting import ref_from_json, ref_to_json
from bot.phrases import YES, lines, refused, yes_or_no
from bot.steps import Choose, Do, Finish, Given, Json, Option, Part, Scene, Script, flow
from domain.refusals import Refusal, refuse
from domain.speech import words_to_json
from domain.wording import Words, say
from storage import broadcasts
from storage.database import Transaction
from storage.tables import Broadcast

_SUBJECT = 30


@flow("resend", version=1, idle=timedelta(hours=12))
def resend(given: Given) -> Script:
    """Given: `ref` of a card's version, or nothing."""
    if "ref" in given:
        one = yield Do("one", partial(_one, given["ref"]))
        if words := refused(one):
            yield Finish(words)
    else:
        one = yield from _which()
    if not one["can_be"]:
        yield Finish(_counts(one))
    asked = say("resend.sure", subject=one["subject"], counts=_counts(one), count=one["can_be"])
    sure = yield yes_or_no("sure", asked)
    if sure != YES:
        yield Finish(say("resend.not_done"))
    done = yield Do("resend", partial(_resend, one["ref"]), lasting=True)
    yield Finish(refused(done) or say("resend.done", **done))


def _which() -> Part[Json]:
    found = yield Do("list", _list)
    if not found:
        yield Finish(say("resend.none"))
    options = [
        Option(each["id"], say("resend.option", subject=each["subject"], count=each["families"]))
        for each in found
    ]
    chosen = yield Choose("which", say("resend.which"), *options)
    return next(each for each in found if each["id"] == chosen)


def _counts(one: Json) -> Words:
    """The families not reached, by what stands in their way."""
    reasons = ("can_be", "blocked", "without_way")
    return lines([say(f"resend.count.{each}", count=one[each]) for each in reasons if one[each]])


def _list(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    found = resending.with_not_reached(tx, actor) if actor else []
    return [_seen(row, left) for row, left in found]


def _one(ref: Json, tx: Transaction, scene: Scene) -> Json:
    """The broadcast of a card; what counts is checked again by the action."""
    wanted = ref_from_json(ref)
    actor = staff.actor_of(tx, scene.contact_id)
    row = broadcasts.find(tx, wanted.broadcast_id)
    if actor is None or row is None or turn_away(tx, actor, row.id, "resend"):
        return {"refused": words_to_json(refuse("not_allowed").words)}
    if outdated := resending.outdated(tx, row):
        return {"refused": words_to_json(outdated.words)}
    left = resending.not_reached(tx, row)
    if not left.families:
        return {"refused": words_to_json(say("resend.everybody", subject=row.subject))}
    return _seen(row, left)


def _seen(row: Broadcast, left: NotReached) -> Json:
    return {
        "id": row.id,
        "ref": ref_to_json(ref_of(row)),
        "subject": row.subject[:_SUBJECT],
        "families": left.families,
        "can_be": left.can_be,
        "blocked": left.blocked,
        "without_way": left.without_way,
    }


def _resend(ref: Json, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    done = resending.resend(tx, actor, ref_from_json(ref)) if actor else refuse("not_allowed")
    if isinstance(done, Refusal):
        return {"refused": words_to_json(done.words)}
    return {"families": done.families, "recipients": done.recipients}
