"""Choosing whom a broadcast is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.phrases import DONE, keys_of_picking, pick_several
from bot.steps import Do, Json, Option, Scene
from bot.steps import Part as Script
from domain.audience import CITY, OF_BROADCAST, Part, parts_to_json
from domain.wording import say
from storage.database import Transaction

# The place of what is written for the city; schools have their own numbers.
CITY_PLACE = 0
_WHOLE = "whole"
_FIXED = "audience.fixed"


def choose_audience(place: int, groups: Sequence[Json]) -> Script[list[Json]]:
    """Ask whom a broadcast is for; the value is its parts, as domain.audience writes them.

    What continues an earlier broadcast goes to those whom that one had: nobody is asked.
    """
    fixed: list[Json] = yield Do(_FIXED, _nothing_fixed)
    if fixed:
        return fixed
    whole = Option(_WHOLE, say("compose.whole_school" if place else "compose.whole_city"))
    options = [whole, *(Option(each["id"], say("bot.name", name=each["name"])) for each in groups)]
    done = Option(DONE, say("compose.audience_done"), also="bot.word.done")
    picked = yield from pick_several(
        "audience", say("compose.ask_audience"), done, options, least=1, whole=whole.value
    )
    return parts_to_json(_parts(place, picked))


def answers_for(place: int, parts: Iterable[Part]) -> list[tuple[str, Json]]:
    """The answers that an audience stands for: the log that choosing it would have left."""
    parts = tuple(parts)
    if any(part.kind in OF_BROADCAST for part in parts):
        return [(_FIXED, parts_to_json(parts))]
    whole = _whole(place)
    picked = [_WHOLE if part == whole else part.id for part in parts]
    return [(_FIXED, []), ("audience.0", [*picked, DONE])]


def keys_of(groups: int) -> tuple[str, ...]:
    """The keys to forget so that the audience is asked anew."""
    return keys_of_picking("audience", groups + 1)


def _parts(place: int, picked: Sequence[Json]) -> tuple[Part, ...]:
    if _WHOLE in picked:
        return (_whole(place),)
    return tuple(Part("group" if place else "school", each) for each in picked)


def _whole(place: int) -> Part:
    return Part("school", place) if place else CITY


def _nothing_fixed(tx: Transaction, scene: Scene) -> Json:  # noqa: ARG001 - an effect
    return []
