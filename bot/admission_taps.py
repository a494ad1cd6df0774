"""The buttons beneath a registration that waits for the school's yes."""

from __future__ import annotations

from actions import admissions
from bot.steps import Begin
from bot.talk import Talk
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.taps import Tap
from domain.wording import Words, say
from storage import admissions as stored


def admit(talk: Talk, actor: Actor, tap: Tap) -> Words:
    done = admissions.admit(talk.tx, actor, tap.number)
    if isinstance(done, Refusal):
        return done.words
    return say("admission.admitted_but", reason=done.but) if done.but else say("admission.admitted")


def decline(talk: Talk, actor: Actor, tap: Tap) -> Words:
    done = admissions.decline(talk.tx, actor, tap.number)
    return done.words if isinstance(done, Refusal) else say("admission.declined")


def admit_all(talk: Talk, actor: Actor, tap: Tap) -> Words:
    done = admissions.admit_up_to(talk.tx, actor, tap.number)
    if isinstance(done, Refusal):
        return done.words
    return say("admission.admitted_all", count=done.count) if done.count else _none()


def review(talk: Talk, actor: Actor, tap: Tap) -> Words | None:
    """Go through what waits at the school of this one, and then on with what was open."""
    row = stored.find(talk.tx, tap.number, actor.board_id)
    if row is None or not may_write(actor, row.school_id):
        return refuse("unknown_admission").words
    given = {"school": row.school_id}
    talk.begin(Begin("admissions", given=given), talk.set_aside("admissions"))
    return None


def _none() -> Words:
    return say("admission.none")
