"""Filling in the slots of a ready text, and choosing for which place one writes."""

from __future__ import annotations

from collections.abc import Sequence

from bot.steps import Ask, Choose, Json, Misread, Option, Part
from domain.content import clean_line
from domain.templates import SLOT_LIMIT, fill, slots
from domain.wording import say


def choose_place(places: Sequence[Json]) -> Part[int]:
    """Ask where somebody writes who may write at several places."""
    if len(places) == 1:
        only: int = places[0]["id"]
        return only
    options = [Option(place["id"], say("bot.name", name=place["name"])) for place in places]
    chosen: int = yield Choose("place", say("compose.ask_place"), *options)
    return chosen


def filled(subject: str, body: str) -> Part[tuple[str, str]]:
    """Ask for each slot of a text once, and return subject and body with what was answered."""
    values: dict[str, str] = {}
    for number, name in enumerate(slots(subject, body)):
        asked = say("template.ask_slot", name=name)
        values[name] = yield Ask(f"slot.{number}", asked, _read_slot, free=True)
    return fill(subject, values), fill(body, values)


def keys_of_slots(subject: str, body: str) -> tuple[str, ...]:
    """The keys under which `filled` may have asked."""
    return tuple(f"slot.{number}" for number in range(len(slots(subject, body))))


def _read_slot(text: str) -> Json:
    if len(text) > SLOT_LIMIT:
        return Misread(say("template.long_slot", most=SLOT_LIMIT))
    return clean_line(text)
