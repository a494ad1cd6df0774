"""The menu, which shows only what this person may do, and the choice of language."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions import registration, staff
from bot.steps import Begin, Choose, Do, Finish, Given, Json, Option, Scene, Script, flow
from domain.roles import may_decide, may_write
from domain.wording import LANGUAGES, say
from storage import people
from storage import staff as stored_staff
from storage.database import Transaction

# What the menu offers, in its order: each item is a dialogue and has its own words.
ITEMS = ("compose", "drafts", "pending", "register", "status", "leave", "invitation", "language")


@flow("menu", version=1, idle=timedelta(days=1), passing=True)
def menu(given: Given) -> Script:
    open_to_me = yield Do("items", _items)
    options = [
        Option(item, say(f"menu.item.{item}"), also=f"menu.word.{item}") for item in open_to_me
    ]
    chosen = yield Choose("item", say(given.get("greeting", "menu.here")), *options)
    yield Finish(then=Begin(chosen))


def _items(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    places = {grant.school_id for grant in actor.grants} if actor else set()
    writes = actor is not None and any(may_write(actor, place) for place in places)
    decides = actor is not None and any(may_decide(actor, place) for place in places)
    joined = bool(registration.joined(tx, scene.contact_id))
    shown = {
        "compose": writes,
        "drafts": writes,
        "pending": decides,
        "register": True,
        "status": joined,
        "leave": joined,
        "invitation": False,
        "language": True,
    }
    return [item for item in ITEMS if shown[item]]


@flow("language", version=1, idle=timedelta(days=1))
def language(given: Given) -> Script:
    chosen = given.get("language")
    if chosen not in LANGUAGES:
        # Each in its own language: who needs this cannot read the other one.
        options = [Option(each, say(f"language.name.{each}")) for each in LANGUAGES]
        chosen = yield Choose("language", say("language.which"), *options)
    yield Do("set", partial(_set_language, chosen), lasting=True)
    yield Finish(say("language.done"))


def _set_language(chosen: str, tx: Transaction, scene: Scene) -> Json:
    people.set_language(tx, scene.contact_id, chosen)
    member = stored_staff.staff_at(tx, scene.contact_id)
    if member is not None:
        stored_staff.set_language(tx, member.id, chosen)
    return True
