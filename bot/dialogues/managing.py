"""What managing groups does outside its script: reading them, and each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actions import groups as groups_action
from actions import staff
from actions.groups import NewGroup, Placed
from bot.dialogues.audience import CITY_PLACE
from bot.steps import Json, Scene
from domain.groups import GroupKind
from domain.refusals import Refusal, refuse
from domain.speech import words_to_json
from domain.wording import Words
from storage import audiences, groups, schools
from storage.database import Transaction
from storage.tables import Group


def listed(place: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: all groups of a place with what they hang beneath and how many families hear."""
    rows = groups.at(tx, scene.board_id, place or None)
    counts = _counts(tx, scene.board_id, place)
    made_of = groups.parts_by_group(tx, scene.board_id)
    return [
        {
            "id": row.id,
            "name": row.name,
            "kind": row.kind,
            "above": row.parent_id,
            "parts": made_of.get(row.id, []),
            "families": counts.get(row.id, 0),
            "joinable": row.joinable,
        }
        for row in rows
    ]


def _counts(tx: Transaction, board_id: int, place: int) -> Mapping[int, int]:
    if place == CITY_PLACE:
        return audiences.city_group_counts(tx, board_id)
    return audiences.group_counts(tx, place)


def ingredients(place: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: the names of what a group can be made of: groups, for the city whole schools too."""
    rows = [
        {"id": row.id, "name": row.name} for row in groups.at(tx, scene.board_id, place or None)
    ]
    if place != CITY_PLACE:
        return rows
    roots = groups.schools_of_roots(tx, scene.board_id)
    whole = {school_id: root_id for root_id, school_id in roots.items()}
    found = schools.schools_of(tx, scene.board_id)
    return [*({"id": whole[row.id], "name": row.name} for row in found), *rows]


def hindrance(group_id: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: why a group cannot be dissolved, before anybody is asked whether it shall be."""
    row = groups.find(tx, scene.board_id, group_id)
    refused = refuse("unknown_group") if row is None else None
    refused = refused or (groups_action.refused_dissolving(tx, row) if row else None)
    return {"refused": words_to_json(refused.words)} if refused else True


# Changes.


def add(place: int, wanted: Json, tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refused(refuse("not_allowed"))
    new = NewGroup(wanted["name"], GroupKind(wanted["kind"]), wanted["above"])
    return _outcome(groups_action.add(tx, actor, place or None, new))


def change(group_id: int, what: str, value: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: one change of a group, as its action is called."""
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refused(refuse("not_allowed"))
    if what == "rename":
        return _outcome(groups_action.rename(tx, actor, group_id, value))
    if what == "move":
        return _outcome(groups_action.move(tx, actor, group_id, value))
    if what == "make_of":
        return _outcome(groups_action.make_of(tx, actor, group_id, value))
    if what == "joinable":
        return _outcome(groups_action.set_joinable(tx, actor, group_id, value))
    return _outcome(groups_action.dissolve(tx, actor, group_id))


def place_children(
    group_id: int, what: str, children: Sequence[Json], tx: Transaction, scene: Scene
) -> Json:
    """Effect: put children's guardians in, or take them out."""
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return _refused(refuse("not_allowed"))
    act = groups_action.put_in if what == "put_in" else groups_action.take_out
    done = act(tx, actor, group_id, [(class_id, number) for class_id, number in children])
    if isinstance(done, Refusal):
        return _refused(done)
    return {"families": done.families, "unknown": _named(tx, done)}


def _named(tx: Transaction, done: Placed) -> list[list[Any]]:
    """Class and number of the children whom nobody is registered for."""
    classes: dict[int, Group | None] = {one: schools.group(tx, one) for one, _ in done.unknown}
    return [
        [group.name, number]
        for class_id, number in done.unknown
        if (group := classes[class_id]) is not None
    ]


def _outcome(done: int | Refusal | None) -> Json:
    return _refused(done) if isinstance(done, Refusal) else True


def _refused(refusal: Refusal) -> Json:
    words: Words = refusal.words
    return {"refused": words_to_json(words)}
