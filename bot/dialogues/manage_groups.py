"""グループ管理: staff make groups, change them, fill them, and dissolve them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from functools import partial

from bot.dialogues import drafting, managing
from bot.dialogues.audience import CITY_PLACE
from bot.dialogues.audience_offer import TOP, Offer, back_to_top, is_page, page_of
from bot.dialogues.audience_reading import read_group
from bot.dialogues.classes import ClassNames
from bot.dialogues.slots import choose_place
from bot.phrases import DONE, YES, bullets, lines, pick_several, refused, yes_or_no
from bot.steps import (
    Ask,
    Choose,
    Do,
    Finish,
    Given,
    Json,
    Misread,
    Option,
    Part,
    Retry,
    Say,
    Script,
    flow,
)
from domain.content import clean_line
from domain.folding import fold
from domain.groups import FREE_KINDS, GroupKind
from domain.wording import Words, say

_NEW = "new"
_NONE = "none"
# So many looks at pages, then the looking begins anew and no log grows with it.
_LOOKS = 10
_PARTED = re.compile(r"[\s,、，;；]+")
_TOGETHER = re.compile(r"(.+組)(\d{1,2})番?")
_NUMBER = re.compile(r"(\d{1,2})番?")


@flow("manage_groups", version=1, idle=timedelta(days=1))
def manage_groups(given: Given) -> Script:  # noqa: ARG001 - every script has it
    places = yield Do("places", drafting.places)
    if not places:
        yield Finish(say("compose.not_staff"))
    place = yield from choose_place(places)
    listed = yield Do("listed", partial(managing.listed, place))
    new = Option(_NEW, say("manage_groups.new"))
    asked = say("manage_groups.which" if listed else "manage_groups.none")
    chosen = yield from _picked("group", asked, listed, new)
    if chosen == _NEW:
        yield from _added(place, listed)
    group = next(each for each in listed if each["id"] == chosen)
    yield Say(_shown(group, listed))
    wishes = [Option(each, say(f"manage_groups.wish.{each}")) for each in _wishes(place, group)]
    wish = yield Choose("wish", say("manage_groups.ask_wish", name=group["name"]), *wishes)
    yield from _WISHES[wish](place, group, listed)


def _wishes(place: int, group: Json) -> list[str]:
    """What can be done with a group: a class is filled by registering, the city's by schools."""
    if group["kind"] == GroupKind.CLASS:
        return ["rename", "move", "dissolve", "leave"]
    filling = [] if place == CITY_PLACE else ["put_in", "take_out"]
    joining = "close" if group["joinable"] else "open"
    return [*filling, "rename", "move", "make_of", joining, "dissolve", "leave"]


def _shown(group: Json, listed: Sequence[Json]) -> Words:
    names = {each["id"]: each["name"] for each in listed}
    told = [
        say(
            "manage_groups.shown",
            name=group["name"],
            kind=say(f"manage_groups.kind.{group['kind']}"),
            families=group["families"],
        )
    ]
    if group["above"] in names:
        told.append(say("manage_groups.above", name=names[group["above"]]))
    if group["parts"]:
        parts = bullets(names.get(part, "…") for part in group["parts"])
        told.append(say("manage_groups.parts", parts=parts))
    if group["joinable"]:
        told.append(say("manage_groups.joinable"))
    return lines(told)


# Finding a group in a long list.


def _picked(key: str, words: Words, listed: Sequence[Json], *others: Option) -> Part[Json]:
    """One of the groups, by pages or by its name; or one of the other choices."""
    offer = Offer(listed, is_city=False)
    families = {each["id"]: each["families"] for each in listed}
    page = TOP
    while True:
        for look in range(_LOOKS):
            options = [
                _with_families(option, families)
                for option in offer.page(page, list(offer.nodes))
                if option.value not in offer.bundles
            ]
            top = [back_to_top()] if page != TOP else []
            read = partial(read_group, offer)
            asked = Choose(f"{key}.{look}", words, *options, *top, *others, read=read)
            chosen = yield asked
            if not is_page(chosen):
                return chosen
            page = page_of(chosen)
        yield Retry(tuple(f"{key}.{look}" for look in range(_LOOKS)))
        page = TOP


def _with_families(option: Option, families: dict[Json, int]) -> Option:
    if option.value not in families:
        return option
    words = say("manage_groups.item", name=option.words, families=families[option.value])
    return Option(option.value, words)


# A new one.


def _added(place: int, listed: Sequence[Json]) -> Part[None]:
    kinds = [kind for kind in FREE_KINDS if place or kind is not GroupKind.CLASS]
    options = [Option(kind.value, say(f"manage_groups.kind.{kind.value}")) for kind in kinds]
    kind = yield Choose("kind", say("manage_groups.ask_kind"), *options)
    above = None
    if listed:
        none = Option(_NONE, say("manage_groups.no_above"))
        above = yield from _picked("above", say("manage_groups.ask_above"), listed, none)
    while True:
        name = yield Ask("name", say("manage_groups.ask_name"), clean_line, free=True)
        wanted = {"kind": kind, "name": name, "above": None if above == _NONE else above}
        done = yield Do("add", partial(managing.add, place, wanted), lasting=True)
        words = refused(done)
        if words is None:
            yield Finish(say("manage_groups.added", name=name))
        else:
            yield Say(words)
            yield Retry(("name", "add"))


# What becomes of one.


def _renamed(place: int, group: Json, listed: Sequence[Json]) -> Part[None]:  # noqa: ARG001
    while True:
        name = yield Ask("name", say("manage_groups.ask_name"), clean_line, free=True)
        effect = partial(managing.change, group["id"], "rename", name)
        done = yield Do("rename", effect, lasting=True)
        words = refused(done)
        if words is None:
            yield Finish(say("manage_groups.renamed", before=group["name"], name=name))
        else:
            yield Say(words)
            yield Retry(("name", "rename"))


def _moved(place: int, group: Json, listed: Sequence[Json]) -> Part[None]:  # noqa: ARG001
    others = [each for each in listed if each["id"] != group["id"]]
    none = Option(_NONE, say("manage_groups.no_above"))
    above = yield from _picked("above", say("manage_groups.ask_above"), others, none)
    yield from _changed(group, "move", None if above == _NONE else above)


def _made_of(place: int, group: Json, listed: Sequence[Json]) -> Part[None]:  # noqa: ARG001
    found = yield Do("ingredients", partial(managing.ingredients, place))
    options = [
        Option(each["id"], say("bot.name", name=each["name"]))
        for each in found
        if each["id"] != group["id"]
    ]
    done = Option(DONE, say("manage_groups.parts_done"), also="bot.word.done")
    parts = yield from pick_several("part", say("manage_groups.ask_parts"), done, options)
    yield from _changed(group, "make_of", parts)


def _opened(place: int, group: Json, listed: Sequence[Json]) -> Part[None]:  # noqa: ARG001
    yield from _changed(group, "joinable", not group["joinable"])


def _changed(group: Json, what: str, value: Json) -> Part[None]:
    done = yield Do("change", partial(managing.change, group["id"], what, value), lasting=True)
    yield Finish(refused(done) or say("manage_groups.changed", name=group["name"]))


def _filled(what: str, place: int, group: Json, listed: Sequence[Json]) -> Part[None]:  # noqa: ARG001
    """Children by class and number, several at once."""
    classes = [each for each in listed if each["kind"] == GroupKind.CLASS]
    words = say(f"manage_groups.ask.{what}", name=group["name"])
    children = yield Ask("children", words, partial(read_children, classes), free=True)
    effect = partial(managing.place_children, group["id"], what, children)
    done = yield Do("placed", effect, lasting=True)
    if words_refused := refused(done):
        yield Finish(words_refused)
    told = say(f"manage_groups.done.{what}", name=group["name"], families=done["families"])
    if not done["unknown"]:
        yield Finish(told)
    unknown = lines([_child(*each) for each in done["unknown"]])
    yield Finish(lines([told, say("manage_groups.unknown_children", children=unknown)]))


def _child(class_name: str, number: int) -> Words:
    return say("status.child", class_name=class_name, number=number)


def read_children(classes: Sequence[Json], text: str) -> Json:
    """Classes and numbers: 「3年2組 12番、13番」「3-2 12」; the class holds until the next one."""
    names = ClassNames(classes)
    class_id: Json = None
    children: list[list[int]] = []
    for piece in (each for each in _PARTED.split(fold(text)) if each):
        together = _TOGETHER.fullmatch(piece)
        number = _NUMBER.fullmatch(together[2] if together else piece)
        name = together[1] if together else ("" if number else piece)
        found = names.read(name) if name else class_id
        if found is None or isinstance(found, Misread):
            return Misread(say("manage_groups.children_unclear", text=piece[:20]))
        class_id = found
        if number:
            children.append([class_id, int(number[1])])
    return children or Misread(say("manage_groups.no_numbers"))


def _dissolved(place: int, group: Json, listed: Sequence[Json]) -> Part[None]:  # noqa: ARG001
    hindered = yield Do("hindered", partial(managing.hindrance, group["id"]))
    if words := refused(hindered):
        yield Finish(words)
    sure = say("manage_groups.sure", name=group["name"], families=group["families"])
    if (yield yes_or_no("sure", sure)) != YES:
        yield Finish(say("manage_groups.left"))
    done = yield Do(
        "dissolve", partial(managing.change, group["id"], "dissolve", None), lasting=True
    )
    yield Finish(refused(done) or say("manage_groups.dissolved", name=group["name"]))


def _left(place: int, group: Json, listed: Collection[Json]) -> Part[None]:  # noqa: ARG001
    yield Finish(say("manage_groups.left"))


_WISHES: dict[str, Callable[[int, Json, Sequence[Json]], Part[None]]] = {
    "rename": _renamed,
    "move": _moved,
    "make_of": _made_of,
    "open": _opened,
    "close": _opened,
    "put_in": partial(_filled, "put_in"),
    "take_out": partial(_filled, "take_out"),
    "dissolve": _dissolved,
    "leave": _left,
}
