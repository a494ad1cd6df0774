"""Leaving a school, or all of them: what was registered there is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import registration
from bot.phrases import YES, bullets, lines, yes_or_no
from bot.steps import Choose, Do, Finish, Given, Json, Option, Scene, Script, Step, flow
from domain.wording import Words, say
from storage.database import Transaction

_ALL = 0


@flow("leave", version=1, idle=timedelta(days=1))
def leave(given: Given) -> Script:  # noqa: ARG001 - every script has it
    joined = yield Do("joined", joined_schools)
    if not joined:
        yield Finish(say("leave.nowhere"))
    school_id = joined[0]["id"] if len(joined) == 1 else (yield _which(joined))
    leaving = [each for each in joined if school_id in (_ALL, each["id"])]
    sure = yield yes_or_no("sure", say("leave.sure", schools=_names(leaving)))
    if sure != YES:
        yield Finish(say("leave.not_done"))
    yield Do("leave", partial(_leave, [each["id"] for each in leaving]), lasting=True)
    yield Finish(say("leave.done", schools=_names(leaving)))


@flow("status", version=1, idle=timedelta(days=1))
def status(given: Given) -> Script:  # noqa: ARG001 - every script has it
    joined = yield Do("joined", joined_schools)
    if not joined:
        yield Finish(say("status.nothing"))
    yield Finish(say("status.schools", schools=schools_and_groups(joined)))


def joined_schools(tx: Transaction, scene: Scene) -> Json:
    """Effect: the schools and groups whose messages come here."""
    return [
        {"id": each.school_id, "school": each.school_name, "groups": list(each.groups)}
        for each in registration.joined(tx, scene.contact_id)
    ]


def schools_and_groups(joined: Sequence[Json]) -> Words:
    return lines(
        [
            say("status.school", school=each["school"], groups=bullets(each["groups"]))
            for each in joined
        ]
    )


def _which(joined: Sequence[Json]) -> Step:
    options = [Option(each["id"], say("bot.name", name=each["school"])) for each in joined]
    return Choose("school", say("leave.which"), *options, Option(_ALL, say("leave.all")))


def _names(joined: Sequence[Json]) -> Words:
    return bullets(each["school"] for each in joined)


def _leave(school_ids: Sequence[int], tx: Transaction, scene: Scene) -> Json:
    for school_id in school_ids:
        registration.leave_school(tx, scene.contact_id, school_id)
    return True
