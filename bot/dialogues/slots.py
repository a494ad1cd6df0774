"""Filling in the slots of a ready text, and choosing for which place one writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from bot.steps import Ask, Choose, Json, Misread, Option, Part
from domain.content import BODY_LIMIT, SUBJECT_LIMIT, clean_line
from domain.refusals import refuse
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
        read = partial(_read_slot, (subject, body), dict(values), name)
        values[name] = yield Ask(f"slot.{number}", asked, read, free=True)
    return fill(subject, values), fill(body, values)


def keys_of_slots(subject: str, body: str) -> tuple[str, ...]:
    """The keys under which `filled` may have asked."""
    return tuple(f"slot.{number}" for number in range(len(slots(subject, body))))


def _read_slot(texts: tuple[str, str], values: Mapping[str, str], name: str, text: str) -> Json:
    """What is put into a slot; however often it stands there, the whole must not be too long."""
    if len(text) > SLOT_LIMIT:
        return Misread(say("template.long_slot", most=SLOT_LIMIT))
    value = clean_line(text)
    subject, body = (fill(each, {**values, name: value}) for each in texts)
    if len(clean_line(subject)) > SUBJECT_LIMIT:
        return Misread(refuse("long_subject", most=SUBJECT_LIMIT).words)
    return value if len(body) <= BODY_LIMIT else Misread(refuse("long_body", most=BODY_LIMIT).words)
