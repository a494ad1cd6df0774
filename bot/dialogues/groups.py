"""グループ: guardians join and leave what their schools leave to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import registration
from bot.phrases import DONE, bullets, lines, pick_several
from bot.steps import Do, Finish, Given, Json, Option, Scene, Script, flow
from domain.groups import GroupKind
from domain.refusals import Refusal
from domain.wording import Words, say
from storage import groups as stored
from storage import people, schools
from storage.database import Transaction

_OF_CHILDREN = (GroupKind.CLASS, GroupKind.GRADE, GroupKind.SCHOOL)


@flow("groups", version=1, idle=timedelta(days=1))
def groups(given: Given) -> Script:  # noqa: ARG001 - every script has it
    listed = yield Do("listed", _listed)
    if not listed:
        yield Finish(say("groups.not_registered"))
    open_ones = [{**group, "school": each["name"]} for each in listed for group in each["open"]]
    told = [_told(each) for each in listed if each["fixed"]]
    if not open_ones:
        yield Finish(lines([*told, say("groups.none")]))
    options = [Option(each["id"], _option(each, len(listed) > 1)) for each in open_ones]
    done = Option(DONE, say("groups.done"), also="bot.word.done")
    first = lines([*told, say("groups.ask")])
    picked = yield from pick_several("pick", first, done, options)
    if not picked:
        yield Finish(say("groups.unchanged"))
    joins = [each["id"] for each in open_ones if each["id"] in picked and not each["joined"]]
    leaves = [each["id"] for each in open_ones if each["id"] in picked and each["joined"]]
    changed = yield Do("change", partial(_change, joins, leaves), lasting=True)
    names = {each["id"]: each["name"] for each in open_ones}
    yield Finish(_changed_words(changed, names))


def _told(school: Json) -> Words:
    """What the school put them in, and whom to call about it."""
    names = bullets(school["fixed"])
    if school["phone"]:
        params = {"school": school["name"], "groups": names, "phone": school["phone"]}
        return say("groups.fixed_call", **params)
    return say("groups.fixed", school=school["name"], groups=names)


def _option(group: Json, several: bool) -> Words:
    name = group["name"]
    if several:
        name = say("groups.at", school=group["school"], name=name)
    return say("groups.leave" if group["joined"] else "groups.join", name=name)


def _changed_words(changed: Json, names: dict[int, str]) -> Words:
    told = []
    for what in ("joined", "left", "refused"):
        if changed[what]:
            listed = bullets(names[each] for each in changed[what])
            told.append(say(f"groups.changed.{what}", groups=listed))
    return lines(told)


def _listed(tx: Transaction, scene: Scene) -> Json:
    """Effect: the schools where this person is registered, with what may be joined there."""
    mine = stored.joined_by(tx, scene.contact_id)
    ids = dict.fromkeys(school for school, _ in people.groups_joined(tx, scene.contact_id))
    found = []
    for school_id in ids:
        school = schools.school(tx, school_id)
        rows = schools.groups_of(tx, school_id)
        found.append(
            {
                "name": school.name,
                "phone": school.phone,
                "open": [
                    {"id": row.id, "name": row.name, "joined": row.id in mine}
                    for row in rows
                    if row.joinable
                ],
                "fixed": [
                    row.name
                    for row in rows
                    if row.id in mine and not row.joinable and row.kind not in _OF_CHILDREN
                ],
            }
        )
    return found


def _change(joins: Sequence[int], leaves: Sequence[int], tx: Transaction, scene: Scene) -> Json:
    """Effect: join and leave; what the school has closed meanwhile stays as it is."""
    refused = []
    for group_id in joins:
        if isinstance(registration.join_group(tx, scene.contact_id, group_id), Refusal):
            refused.append(group_id)
    for group_id in leaves:
        row = schools.group(tx, group_id)
        if row is None or not row.joinable:
            refused.append(group_id)
        registration.leave_group(tx, scene.contact_id, group_id)
    joined = [each for each in joins if each not in refused]
    left = [each for each in leaves if each not in refused]
    return {"joined": joined, "left": left, "refused": refused}
