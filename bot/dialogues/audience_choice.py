"""What was chosen of an audience so far, and what each answer makes of it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.dialogues.audience_offer import TOP, WHOLE, Offer, is_page, page_of
from bot.phrases import DONE
from bot.steps import Json
from domain.audience import CITY, Part, tidy

# What may be answered beside a group.
AGAIN = "again"
EXCEPT = "except"
WHOLE_BUT = "whole_but"
_NOT = "not:"
_GROUP = "group:"


@dataclass(frozen=True, slots=True)
class Choice:
    """The groups picked and those left out of them, and the page that is open.

    None of the picked lies in another, and all that is left out lies in one of them: so each
    audience has one spelling. With `leaving_out` what is named is left out.
    """

    picked: tuple[Json, ...] = ()
    left_out: tuple[Json, ...] = ()
    page: str = TOP
    leaving_out: bool = False
    done: bool = False

    def to_json(self) -> Json:
        return [list(self.picked), list(self.left_out), self.page, self.leaving_out]


def choice_from_json(value: Json) -> Choice:
    picked, left_out, page, leaving_out = value
    return Choice(tuple(picked), tuple(left_out), page, leaving_out)


def without(value: Json) -> str:
    """The answer that leaves something out."""
    return f"{_NOT}{value}"


def after(offer: Offer, choice: Choice, answer: Sequence[Json]) -> Choice:
    """What an answer makes of a choice: its values are taken one after the other."""
    choice = replace(choice, done=False)
    for value in answer:
        choice = _after_one(offer, choice, value)
    # The whole needs no more: who wants less than that says so in the same breath.
    at_once = list(answer) == [WHOLE] and not choice.left_out
    return replace(choice, done=bool(choice.picked) and (choice.done or at_once))


def _after_one(offer: Offer, choice: Choice, value: Json) -> Choice:
    if value == DONE:
        return replace(choice, done=True)
    if is_page(value):
        return replace(choice, page=page_of(value))
    if value == AGAIN:
        return Choice()
    if value == EXCEPT:
        return replace(choice, page=TOP, leaving_out=not choice.leaving_out)
    if value == WHOLE_BUT:
        return replace(_picking(offer, choice, [WHOLE]), leaving_out=True)
    if isinstance(value, str) and value.startswith(_NOT):
        return _leaving_out(offer, choice, _bare(offer, value.removeprefix(_NOT)))
    return _picking(offer, choice, offer.expand(value))


def _bare(offer: Offer, text: str) -> tuple[Json, ...]:
    return offer.expand(int(text) if text.isdecimal() else text)


def _picking(offer: Offer, choice: Choice, values: Iterable[Json]) -> Choice:
    picked, left_out = choice.picked, choice.left_out
    for value in values:
        left_out = tuple(each for each in left_out if each != value)
        if value not in picked and not offer.is_beneath(value, picked):
            beneath = offer.beneath(value)
            picked = (*(each for each in picked if each not in beneath), value)
    return replace(choice, picked=picked, left_out=left_out)


def _leaving_out(offer: Offer, choice: Choice, values: Iterable[Json]) -> Choice:
    """Whatever is left out must lie in what was picked; what was picked itself is just dropped."""
    picked, left_out = choice.picked, choice.left_out
    for value in values:
        picked = tuple(each for each in picked if each != value)
        if not (value in left_out or offer.is_beneath(value, left_out)):
            beneath = offer.beneath(value)
            left_out = (*(each for each in left_out if each not in beneath), value)
    left_out = tuple(each for each in left_out if offer.is_beneath(each, picked))
    return replace(choice, picked=picked, left_out=left_out)


def may_leave_out(offer: Offer, choice: Choice) -> list[Json]:
    """What lies in something that was picked, or is one of several, and is not left out yet."""
    several = choice.picked if len(choice.picked) > 1 else ()
    return [
        value
        for value in offer.nodes
        if (value in several or offer.is_beneath(value, choice.picked))
        and value not in choice.left_out
        and not offer.is_beneath(value, choice.left_out)
    ]


def may_pick(offer: Offer, choice: Choice) -> list[Json]:
    """What is not in the audience as it stands."""
    return [
        value
        for value in offer.nodes
        if value not in choice.picked and not offer.is_beneath(value, choice.picked)
    ]


# The parts of an audience, and back.


def parts_of(place: int, choice: Choice) -> tuple[Part, ...]:
    named = [_part(place, value) for value in choice.picked]
    return tidy(
        [*named, *(replace(_part(place, value), excluded=True) for value in choice.left_out)]
    )


def answer_of(place: int, parts: Iterable[Part]) -> list[Json]:
    """The one answer that makes these parts of nothing; what is left out comes last."""
    parts = tuple(parts)
    named = [_value(place, part) for part in parts if not part.excluded]
    left_out = [_value(place, replace(part, excluded=False)) for part in parts if part.excluded]
    return [*named, *map(without, left_out), DONE]


def _part(place: int, value: Json) -> Part:
    if value == WHOLE:
        return Part("school", place) if place else CITY
    if isinstance(value, str):
        return Part("group", int(value.removeprefix(_GROUP)))
    return Part("group" if place else "school", value)


def _value(place: int, part: Part) -> Json:
    if part == (Part("school", place) if place else CITY):
        return WHOLE
    return group_value(place, part.id) if part.kind == "group" else part.id


def group_value(place: int, group_id: int) -> Json:
    """How a group is named at a place."""
    return group_id if place else f"{_GROUP}{group_id}"
