"""緊急: sending at once, in as few steps as may be, for hands that shake.

What, for whom, which text, why; then one confirmation that shows all of it. Nothing is saved
before that, so who stops leaves nothing behind.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from bot.dialogues import sending_first
from bot.dialogues.audience import choose_audience, keys_of
from bot.dialogues.slots import choose_place, filled, keys_of_slots
from bot.phrases import refused
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
    Show,
    Step,
    flow,
)
from bot.words import language_word, means_stop
from domain.audience import CITY, parts_to_json
from domain.audience import Part as AudiencePart
from domain.broadcasts import EMERGENCIES, Purpose
from domain.content import BODY_LIMIT, SUBJECT_LIMIT
from domain.refusals import refuse
from domain.speech import Speech, words_from_json
from domain.templates import PRESETS, split
from domain.wording import say

_OWN = "own"
_SKIP = "skip"
_WHOLE, _SOME = "whole", "some"
# Shorter than this, what was typed instead of choosing a text is a slip and not a text.
_SHORTEST = 8
_PARTS = ("purpose", "whom", "text", "reason")
_AFTER = ("shown", "confirm", "send", "part")


@flow("emergency", version=1, idle=timedelta(hours=1))
def emergency(given: Given) -> Script:  # noqa: ARG001 - every script has it
    places = yield Do("places", sending_first.places)
    if words := refused(places):
        yield Finish(words)
    place = yield from choose_place(places)
    while True:
        content = yield from _content(place)
        shown = yield Do("shown", partial(sending_first.shown, place, content))
        for words in shown["words"]:
            yield Say(words_from_json(words))
        yield from _confirmed(place, content, shown["families"])
        part = yield _which_part()
        yield Retry((*_keys(part, content), *_AFTER))


# What is asked, in its order.


def _content(place: int) -> Part[Json]:
    urgent = [each for each in Purpose if each in EMERGENCIES]
    options = [Option(each.value, say(f"emergency.purpose.{each.value}")) for each in urgent]
    purpose = yield Choose("purpose", say("emergency.ask_purpose"), *options)
    audience = yield from _audience(place)
    ready, subject, body = yield from _text(place, purpose)
    reason = yield from _reason()
    return {
        "purpose": purpose,
        "audience": audience,
        "subject": subject,
        "body": body,
        "ready": ready,
        "reason": reason,
    }


def _audience(place: int) -> Part[Json]:
    whole = say("compose.whole_school" if place else "compose.whole_city")
    some = Option(_SOME, say("emergency.some_groups"))
    options = [Option(_WHOLE, whole), some]
    whom = yield Choose("whom", say("emergency.ask_whom"), *options)
    if whom == _SOME:
        return (yield from choose_audience(place))
    return parts_to_json([AudiencePart("school", place) if place else CITY])


def _text(place: int, purpose: str) -> Part[tuple[Json, str, str]]:
    """The text: a ready one as it was and filled in, or one's own."""
    while True:
        chosen = yield from _chosen_text(place, purpose)
        if chosen == _OWN:
            chosen = yield Ask("own", say("emergency.ask_own"), _read_own, free=True)
        if "typed" in chosen:
            return [], *split(chosen["typed"], SUBJECT_LIMIT)
        ready = yield Do("text.read", partial(sending_first.ready_text, purpose, chosen))
        if not refused(ready):
            break
        yield Say(say("template.gone"))
        yield Retry(("ready", "text", "text.read"))
    subject, body = yield from filled(*ready["text"])
    return ready["text"], subject, body


def _chosen_text(place: int, purpose: str) -> Part[Json]:
    presets = [
        Option({"preset": name}, say(f"preset.{purpose}.{name}.name"))
        for name in PRESETS[Purpose(purpose)]
    ]
    ready = yield Do("ready", partial(sending_first.templates_for, place, purpose))
    templates = [
        Option({"template": each["id"]}, say("bot.name", name=each["name"])) for each in ready
    ]
    own = Option(_OWN, say("emergency.own"))
    words = say("emergency.ask_text")
    return (yield Choose("text", words, *templates, *presets, own, read=_read_typed))


def _read_typed(text: str) -> Json:
    """Whoever types a text instead of choosing one has written it already."""
    is_wish = means_stop(text) or language_word(text) is not None
    if is_wish or len(text) < _SHORTEST:
        return Misread(say("emergency.choose_text"))
    return _read_own(text)


def _read_own(text: str) -> Json:
    if len(text) > BODY_LIMIT:
        return Misread(refuse("long_body", most=BODY_LIMIT).words)
    return {"typed": text}


def _reason() -> Part[Json]:
    """Why it cannot wait: a word of ours, one's own, or nothing."""
    options = [Option(each, say(f"emergency.reason.{each}")) for each in sending_first.REASONS]
    skip = Option(_SKIP, say("emergency.no_reason"), also="bot.word.skip")
    read = _read_reason
    chosen = yield Choose("reason", say("emergency.ask_reason"), *options, skip, read=read)
    return None if chosen == _SKIP else chosen


def _read_reason(text: str) -> Json:
    if means_stop(text) or language_word(text) is not None:
        return Misread(say("bot.choose_again"))
    if len(text) > sending_first.REASON_LIMIT:
        return Misread(say("decide.long_reason", most=sending_first.REASON_LIMIT))
    return {"typed": text}


# The one confirmation.


def _confirmed(place: int, content: Json, families: int) -> Part[None]:
    """Come to an end, or return to have a part changed."""
    while True:
        chosen = yield Choose(
            "confirm",
            say("emergency.confirm", families=families),
            Option("send", say("emergency.send"), also="emergency.word.send"),
            Option("edit", say("emergency.edit")),
            Option("stop", say("emergency.stop")),
        )
        if chosen == "edit":
            return
        if chosen == "stop":
            yield Finish(say("emergency.stopped"))
        sent = yield Do("send", partial(sending_first.send, place, content), lasting=True)
        words = refused(sent)
        if words is None:
            yield Show(Speech.from_json(sent))
            yield Finish()
        else:
            yield Say(words)
            yield Retry(("confirm", "send"))


def _which_part() -> Step:
    options = [Option(part, say(f"emergency.part.{part}")) for part in _PARTS]
    return Choose("part", say("compose.ask_part"), *options)


def _keys(part: str, content: Json) -> tuple[str, ...]:
    text = ("ready", "text", "own", "text.read", *keys_of_slots(*(content["ready"] or ("", ""))))
    several = {
        "purpose": ("purpose", *text),
        "whom": ("whom", *keys_of()),
        "text": text,
    }
    return several.get(part, (part,))
