"""定型文: ready texts, to be used, made, changed and taken away."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from actions.templates import refused_slots
from bot.dialogues import drafting, templating
from bot.dialogues.slots import choose_place, filled
from bot.phrases import YES, refused, yes_or_no
from bot.steps import (
    Ask,
    Begin,
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
from domain.broadcasts import Purpose
from domain.content import BODY_LIMIT, SUBJECT_LIMIT, clean_line
from domain.refusals import refuse
from domain.speech import words_from_json
from domain.templates import NAME_LIMIT
from domain.wording import say

_NEW = "new"
_WRITE = "write"
_PARTS = ("name", "purpose", "subject", "body")


@flow("templates", version=1, idle=timedelta(days=1))
def templates(given: Given) -> Script:  # noqa: ARG001 - every script has it
    places = yield Do("places", drafting.places)
    if not places:
        yield Finish(say("compose.not_staff"))
    listed = yield Do("listed", templating.listed)
    options = [Option(each["id"], words_from_json(each["words"])) for each in listed]
    new = Option(_NEW, say("template.new"))
    asked = say("template.which" if listed else "template.none")
    chosen = yield Choose("template", asked, *options, new)
    if chosen == _NEW:
        yield from _made((yield from choose_place(places)))
    yield from _wished(chosen)


def _wished(chosen: int) -> Part[None]:
    """What is to be done with one template."""
    found = yield Do("found", partial(templating.found, chosen))
    if words := refused(found):
        yield Finish(words)
    yield Say(say("broadcast.preview.content", subject=found["subject"], body=found["body"]))
    wishes = ("use", "change", "remove") if found["mine"] else ("use",)
    options = [Option(each, say(f"template.wish.{each}")) for each in (*wishes, "leave")]
    wish = yield Choose("wish", say("template.ask_wish"), *options)
    if wish == "leave":
        yield Finish(say("template.left"))
    yield from {"use": _used, "change": _changed, "remove": _removed}[wish](found)


def _used(found: Json) -> Part[None]:
    """Compose with its text; whom, pictures and when are asked there as always."""
    subject, body = yield from filled(found["subject"], found["body"])
    # In this order, so that 戻る there asks for the purpose anew and keeps the text.
    texts = (("subject", clean_line(subject)), ("body", body))
    place = () if found["place"] is None else (("place", found["place"]),)
    answers = (*texts, *place, ("purpose", found["purpose"]))
    yield Finish(then=Begin("compose", answers=answers))


def _removed(found: Json) -> Part[None]:
    sure = yield yes_or_no("sure", say("template.remove_sure", name=found["name"]))
    if sure != YES:
        yield Finish(say("template.left"))
    done = yield Do("remove", partial(templating.remove, found["id"]), lasting=True)
    yield Finish(refused(done) or say("template.removed", name=found["name"]))


def _changed(found: Json) -> Part[None]:
    """Have one part of it said anew, until what there is now can be kept."""
    options = [Option(each, say(f"template.part.{each}")) for each in _PARTS]
    part = yield Choose("part", say("compose.ask_part"), *options)
    while True:
        value = yield from _asked(part)
        wording = {**{each: found[each] for each in _PARTS}, part: value}
        save = partial(templating.save, found["place"], wording, found["id"])
        saved = yield Do("save", save, lasting=True)
        words = refused(saved)
        if words is None:
            yield Finish(say("template.saved", name=wording["name"]))
        else:
            yield Say(words)
            yield Retry((part, "save"))


def _made(place: int) -> Part[None]:
    sent = yield Do("sent", partial(templating.sent, place))
    wording = yield from _wording(place, sent)
    if refusal := refused_slots(wording["subject"], wording["body"]):
        # Another name would not help.
        yield Finish(refusal.words)
    while True:
        name = yield from _asked("name")
        saved = yield Do(
            "save", partial(templating.save, place, {**wording, "name": name}, None), lasting=True
        )
        words = refused(saved)
        if words is None:
            yield Finish(say("template.saved", name=name))
        else:
            yield Say(words)
            yield Retry(("name", "save"))


def _wording(place: int, sent: Json) -> Part[Json]:
    """The text of a new template: written now, or that of what was sent before."""
    write = Option(_WRITE, say("template.write"))
    options = [Option(each["id"], say("bot.name", name=each["subject"])) for each in sent]
    source: Json = _WRITE
    if sent:
        source = yield Choose("source", say("template.ask_source"), write, *options)
    if source != _WRITE:
        copied: Json = yield Do("copied", partial(templating.copied, place, source))
        return copied
    return {
        "purpose": (yield from _asked("purpose")),
        "subject": (yield from _asked("subject")),
        "body": (yield from _asked("body")),
    }


def _asked(part: str) -> Part[Json]:
    if part == "purpose":
        purposes = [Option(each.value, say(f"broadcast.purpose.{each.value}")) for each in Purpose]
        return (yield Choose("purpose", say("compose.ask_purpose"), *purposes))
    read = {"name": _read_name, "subject": _read_subject, "body": _read_body}[part]
    return (yield Ask(part, say(f"template.ask.{part}"), read, free=True))


def _read_name(text: str) -> Json:
    name = clean_line(text)
    if len(name) > NAME_LIMIT:
        return Misread(refuse("long_template_name", most=NAME_LIMIT).words)
    return name


def _read_subject(text: str) -> Json:
    subject = clean_line(text)
    if len(subject) > SUBJECT_LIMIT:
        return Misread(refuse("long_subject", most=SUBJECT_LIMIT).words)
    return _with_few_slots(subject)


def _read_body(text: str) -> Json:
    if len(text) > BODY_LIMIT:
        return Misread(refuse("long_body", most=BODY_LIMIT).words)
    return _with_few_slots(text)


def _with_few_slots(text: str) -> Json:
    refusal = refused_slots(text)
    return Misread(refusal.words) if refusal else text
