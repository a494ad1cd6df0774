"""At which of their schools a member of staff wants to do something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from actions import staff
from bot.steps import Choose, Do, Finish, Json, Option, Part, Scene
from domain.refusals import refuse
from domain.roles import Actor
from domain.wording import say
from storage import schools
from storage.database import Transaction

Right = Callable[[Actor, int | None], bool]


def choose_school(may: Right) -> Part[Json]:
    """The only school where they may, or the one they choose; its ID and name."""
    mine = yield Do("schools", partial(_schools, may))
    if not mine:
        yield Finish(refuse("not_allowed").words)
    return (yield from one_of(mine))


def one_of(mine: Sequence[Json]) -> Part[Json]:
    if len(mine) == 1:
        return mine[0]
    options = [Option(each["id"], say("bot.name", name=each["name"])) for each in mine]
    chosen = yield Choose("school", say("school.which"), *options)
    return next(each for each in mine if each["id"] == chosen)


def _schools(may: Right, tx: Transaction, scene: Scene) -> Json:
    return [{"id": each, "name": schools.school(tx, each).name} for each in places(tx, scene, may)]


def places(tx: Transaction, scene: Scene, may: Right) -> list[int]:
    """The schools where this person may do something now."""
    actor = staff.actor_of(tx, scene.contact_id)
    ids = {grant.school_id for grant in actor.grants} if actor else set()
    return sorted(each for each in ids if each is not None and actor and may(actor, each))


def actor_at(tx: Transaction, scene: Scene, school_id: int, may: Right) -> Actor | None:
    """This person, if they still may: a dialogue may have been open for a day."""
    actor = staff.actor_of(tx, scene.contact_id)
    return actor if actor is not None and may(actor, school_id) else None
