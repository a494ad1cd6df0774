"""What somebody is registered for, and leaving it: what was registered is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import contacts, leaving, registration
from bot.dialogues.contacts import own_ways, shown
from bot.phrases import YES, bullets, lines, refused, yes_or_no
from bot.steps import Begin, Choose, Do, Finish, Given, Json, Option, Scene, Script, Step, flow
from domain.wording import Words, say
from storage import admissions, schools
from storage.database import Transaction

_ALL = 0
_NEXT = ("register", "contacts", "language", "leave")


@flow("leave", version=2, idle=timedelta(days=1))
def leave(given: Given) -> Script:  # noqa: ARG001 - every script has it
    joined = yield Do("joined", _joined_or_asked)
    if not joined:
        yield Finish(say("leave.nowhere"))
    school_id = joined[0]["id"] if len(joined) == 1 else (yield _which(joined))
    going = [each for each in joined if school_id in (_ALL, each["id"])]
    key = "leave.sure.all" if len(going) == len(joined) else "leave.sure"
    if (yield yes_or_no("sure", say(key, schools=_names(going)))) != YES:
        yield Finish(say("leave.not_done"))
    ids = [each["id"] for each in going]
    done = yield Do("leave", partial(_leave, ids), lasting=True)
    yield Finish(say(f"leave.done.{done}", schools=_names(going)))


def _joined_or_asked(tx: Transaction, scene: Scene) -> Json:
    """Effect: the schools to be left, those among them that have not said yes yet."""
    joined = joined_schools(tx, scene)
    asked = admissions.schools_asked(tx, scene.contact_id) - {each["id"] for each in joined}
    return joined + [
        {"id": school_id, "school": schools.school(tx, school_id).name, "groups": []}
        for school_id in sorted(asked)
    ]


def _which(joined: Sequence[Json]) -> Step:
    options = [Option(each["id"], say("bot.name", name=each["school"])) for each in joined]
    return Choose("school", say("leave.which"), *options, Option(_ALL, say("leave.all")))


def _names(joined: Sequence[Json]) -> Words:
    return bullets(each["school"] for each in joined)


def _leave(school_ids: Sequence[int], tx: Transaction, scene: Scene) -> Json:
    done = leaving.leave(tx, scene.contact_id, school_ids)
    if done.only_here:
        return "here"
    return "all" if done.altogether else "some"


@flow("status", version=2, idle=timedelta(days=1), passing=True)
def status(given: Given) -> Script:  # noqa: ARG001 - every script has it
    joined = yield Do("joined", _joined_in_full)
    if not joined["schools"]:
        yield Finish(say("status.nothing"))
    ways = yield Do("ways", own_ways)
    told = [
        *(_school(each) for each in joined["schools"]),
        *([] if refused(ways) else [say("status.ways", ways=shown(ways))]),
        *([say("status.left", schools=bullets(joined["left"]))] if joined["left"] else []),
        say("status.language", language=say(f"language.name.{joined['language']}")),
    ]
    options = [Option(each, say(f"status.next.{each}"), also=f"menu.word.{each}") for each in _NEXT]
    what = yield Choose("next", say("status.schools", schools=lines(told)), *options)
    yield Finish(then=Begin(what))


def _joined_in_full(tx: Transaction, scene: Scene) -> Json:
    """Effect: all that is registered here, by child where that is one guardian's alone."""
    children = contacts.children(tx, scene.contact_id)
    schools = [
        {
            "school": each.school_name,
            "children": [list(child) for child in children.get(each.school_id, ())],
            "groups": list(each.groups),
        }
        for each in registration.joined(tx, scene.contact_id)
    ]
    left = contacts.left_schools(tx, scene.contact_id)
    return {"schools": schools, "left": left, "language": scene.language}


def _school(joined: Json) -> Words:
    """A school with the children there, and the groups beside their classes."""
    classes = {name for name, _ in joined["children"]}
    others = [group for group in joined["groups"] if group not in classes]
    children = [_child(name, number) for name, number in joined["children"]]
    groups = [say("bot.bullet", words=group) for group in others]
    listed = lines([*children, *groups]) if children or groups else bullets(joined["groups"])
    return say("status.school", school=joined["school"], groups=listed)


def _child(class_name: str, number: int | None) -> Words:
    if number is None:
        return say("bot.bullet", words=class_name)
    return say("status.child", class_name=class_name, number=number)


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
