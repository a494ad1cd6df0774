"""The menu, which shows only what this person may do, and the choice of language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from itertools import count
from types import MappingProxyType

from actions import mail_forms, registration, staff
from bot.steps import Begin, Choose, Do, Finish, Given, Json, Option, Scene, Script, flow
from domain.roles import may_decide, may_write
from domain.wording import LANGUAGES, say
from storage import people
from storage import staff as stored_staff
from storage.database import Transaction


class Page(StrEnum):
    """The pages of the menu; one whose person has a single page sees no other."""

    SEND = "send"
    SCHOOL = "school"
    MINE = "mine"


@dataclass(frozen=True, slots=True)
class Who:
    """What somebody is here, by which the menu is made for them."""

    writes: bool
    decides: bool
    manages_school: bool
    writes_for_school: bool
    joined: bool
    has_mail: bool


@dataclass(frozen=True, slots=True)
class Item:
    """A dialogue that the menu offers; it has its own words, which may be typed at any time."""

    page: Page
    shown: Callable[[Who], bool]


def _writes(who: Who) -> bool:
    return who.writes


def _decides(who: Who) -> bool:
    return who.decides


def _writes_for_school(who: Who) -> bool:
    return who.writes_for_school


def _manages_school(who: Who) -> bool:
    return who.manages_school


def _joined(who: Who) -> bool:
    return who.joined


def _has_mail(who: Who) -> bool:
    return who.has_mail


def _always(who: Who) -> bool:  # noqa: ARG001 - as every rule
    return True


def _typed_only(who: Who) -> bool:  # noqa: ARG001 - as every rule
    return False


# What the menu offers, in its order.
ITEMS: Mapping[str, Item] = MappingProxyType(
    {
        "compose": Item(Page.SEND, _writes),
        "emergency": Item(Page.SEND, _writes),
        "templates": Item(Page.SEND, _writes),
        "pending": Item(Page.SEND, _decides),
        "scheduled": Item(Page.SEND, _writes),
        "drafts": Item(Page.SEND, _writes),
        "reports": Item(Page.SEND, _writes),
        "recall": Item(Page.SEND, _writes),
        "resend": Item(Page.SEND, _writes),
        "admissions": Item(Page.SCHOOL, _writes_for_school),
        "manage_groups": Item(Page.SCHOOL, _writes),
        "school_id": Item(Page.SCHOOL, _writes_for_school),
        "slips": Item(Page.SCHOOL, _writes_for_school),
        "unreached_mail": Item(Page.SCHOOL, _writes_for_school),
        "school_settings": Item(Page.SCHOOL, _manages_school),
        "staff": Item(Page.SCHOOL, _decides),
        "register": Item(Page.MINE, _always),
        "status": Item(Page.MINE, _joined),
        "groups": Item(Page.MINE, _joined),
        "contacts": Item(Page.MINE, _joined),
        "mail_form": Item(Page.MINE, _has_mail),
        "new_phone": Item(Page.MINE, _always),
        "leave": Item(Page.MINE, _joined),
        "invitation": Item(Page.MINE, _typed_only),
        "language": Item(Page.MINE, _always),
        "verify": Item(Page.MINE, _always),
    }
)


@flow("menu", version=2, idle=timedelta(days=1), passing=True)
def menu(given: Given) -> Script:
    """Given: `greeting`, the key of the text above the choices."""
    open_to_me = yield Do("items", shown_items)
    pages = [page for page in Page if any(ITEMS[item].page is page for item in open_to_me)]
    page = pages[0]
    for turn in count():
        items = [item for item in open_to_me if ITEMS[item].page is page]
        options = [
            Option(item, say(f"menu.item.{item}"), also=f"menu.word.{item}") for item in items
        ]
        others = [
            Option(f"page:{each}", say(f"menu.page.{each}")) for each in pages if each is not page
        ]
        greeting = say("menu.here" if turn else given.get("greeting", "menu.here"))
        chosen = yield Choose(f"item.{turn}" if turn else "item", greeting, *options, *others)
        if chosen in ITEMS:
            yield Finish(then=Begin(chosen))
        page = Page(chosen.removeprefix("page:"))


def shown_items(tx: Transaction, scene: Scene) -> Json:
    """Effect: the dialogues that the menu offers this person."""
    who = _who(tx, scene)
    return [name for name, item in ITEMS.items() if item.shown(who)]


def _who(tx: Transaction, scene: Scene) -> Who:
    actor = staff.actor_of(tx, scene.contact_id)
    places = {grant.school_id for grant in actor.grants} if actor else set()
    writes = {place for place in places if actor and may_write(actor, place)}
    decides = {place for place in places if actor and may_decide(actor, place)}
    return Who(
        writes=bool(writes),
        decides=bool(decides),
        manages_school=bool(decides - {None}),
        writes_for_school=bool(writes - {None}),
        joined=bool(registration.joined(tx, scene.contact_id)),
        has_mail=mail_forms.has_mail(tx, scene.contact_id),
    )


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
