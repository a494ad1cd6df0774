"""届いていない連絡先: whose mail is refused, why, what to do, and writing to an address again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import suppressions
from actions.guides import guide_path
from actions.lanes import lane_name
from bot.dialogues.own_schools import actor_at, choose_school
from bot.phrases import YES, lines, refused, yes_or_no
from bot.steps import Choose, Do, Finish, Given, Json, Option, Scene, Script, Show, flow
from domain.lanes import lane_of
from domain.moments import moment
from domain.refusals import refuse
from domain.roles import may_write
from domain.speech import Speech, open_page, words_from_json, words_to_json
from domain.suppression import UNKNOWN_USER
from domain.wording import Words, say
from storage import boards
from storage.database import Transaction
from storage.suppressions import Unreached

_SHOWN = 15
_GUIDES = 3
_DONE = 0
# What to do about a reason, in this order; whoever is unknown and still written to has words, too.
_ADVICE = (UNKNOWN_USER, "filtered", "mailbox_full", "bad_address", "no_domain")


@flow("unreached_mail", version=1, idle=timedelta(days=1))
def unreached_mail(given: Given) -> Script:  # noqa: ARG001 - every script has it
    school = yield from choose_school(may_write)
    found = yield Do("found", partial(_found, school["id"]))
    if not found["speech"]:
        yield Finish(say("unreached.none", school=school["name"]))
    yield Show(Speech.from_json(found["speech"]))
    if not found["suspended"]:
        yield Finish()
    options = [Option(each["id"], words_from_json(each["words"])) for each in found["suspended"]]
    chosen = yield Choose(
        "who", say("unreached.which"), *options, Option(_DONE, say("unreached.leave"))
    )
    if chosen == _DONE:
        yield Finish(say("unreached.kept"))
    who = next(option.words for option in options if option.value == chosen)
    if (yield yes_or_no("sure", say("unreached.sure", who=who))) != YES:
        yield Finish(say("unreached.kept"))
    done = yield Do("lift", partial(_lift, school["id"], chosen), lasting=True)
    yield Finish(refused(done) or say("unreached.lifted", who=who))


def _found(school_id: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: everybody whose mail is refused, as it is read, and those who may be chosen."""
    actor = actor_at(tx, scene, school_id, may_write)
    found = suppressions.of_school(tx, actor, school_id) if actor else []
    if not found:
        return {"speech": None, "suspended": []}
    zone = boards.board(tx, scene.board_id).zone
    suspended = {each.contact_id: _who(each) for each in found if each.mark.suspended_at}
    return {
        "speech": _speech(found, zone).to_json(),
        "suspended": [
            {"id": contact_id, "words": words_to_json(words)}
            for contact_id, words in list(suspended.items())[:_SHOWN]
        ],
    }


def _lift(school_id: int, contact_id: int, tx: Transaction, scene: Scene) -> Json:
    actor = actor_at(tx, scene, school_id, may_write)
    refusal = (
        suppressions.lift(tx, actor, school_id, contact_id) if actor else refuse("not_allowed")
    )
    return {"refused": words_to_json(refusal.words)} if refusal else {}


def _speech(found: Sequence[Unreached], zone: str) -> Speech:
    count = len({each.contact_id for each in found})
    listed = [_line(each, zone) for each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        listed.append(say("unreached.more", count=len(found) - _SHOWN))
    reasons = {each.mark.reason for each in found}
    advice = [say(f"unreached.do.{reason}") for reason in _ADVICE if reason in reasons]
    # One guide for each carrier whose own filter is in the way.
    filtered = (each.domain for each in found if each.mark.reason == "filtered")
    guides = {guide_path(domain): lane_name(lane_of(domain)) for domain in filtered}
    buttons = [
        open_page(say("unreached.guide", at=name), path)
        for path, name in list(guides.items())[:_GUIDES]
    ]
    heading = say("unreached.heading", count=count)
    return Speech(words=(lines([heading, *listed]), *advice), buttons=tuple(buttons))


def _line(each: Unreached, zone: str) -> Words:
    key = "unreached.suspended" if each.mark.suspended_at else "unreached.refused"
    since = moment(each.mark.suspended_at or each.mark.first_at, zone)
    why = say(f"report.why.{each.mark.reason}")
    return say(key, who=_who(each), why=why, since=since)


def _who(each: Unreached) -> Words:
    at = lane_name(lane_of(each.domain))
    if each.number is None:
        return say("unreached.member", name=each.place, at=at)
    return say("unreached.child", name=each.place, number=each.number, at=at)
