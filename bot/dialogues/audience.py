"""Choosing whom a broadcast is for."""

from __future__ import annotations

from collections.abc import Sequence

from bot.dialogues import drafting
from bot.phrases import DONE, pick_several
from bot.steps import Json, Option, Part
from domain.wording import say


def choose_audience(place: int, groups: Sequence[Json]) -> Part[list[Json]]:
    """Ask whom a broadcast is for; the value is what was picked (see drafting.parts)."""
    whole = Option(drafting.WHOLE, say("compose.whole_school" if place else "compose.whole_city"))
    options = [whole, *(Option(each["id"], say("bot.name", name=each["name"])) for each in groups)]
    done = Option(DONE, say("compose.audience_done"), also="bot.word.done")
    return (
        yield from pick_several(
            "audience", say("compose.ask_audience"), done, options, least=1, whole=whole.value
        )
    )
