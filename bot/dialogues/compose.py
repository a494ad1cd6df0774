"""Composing a broadcast: what is asked, in which order, and what may be done with the draft.

The draft is saved as soon as it is whole; every later change saves it again. Nothing is handed
to the approvers before 承認を依頼する.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from bot.dialogues import audience, drafting
from bot.phrases import DONE, YES, refused, yes_or_no
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
    flow,
)
from bot.words import language_word, means_stop
from domain.broadcasts import Purpose
from domain.content import BODY_LIMIT, IMAGES_LIMIT, SUBJECT_LIMIT, clean_line
from domain.refusals import refuse
from domain.speech import Speech, words_from_json
from domain.wording import Words, say

PARTS = ("purpose", "audience", "subject", "body", "images", "when")
EXTRAS = ("until", "confirm")
_NO_END = "none"
_AFTER = ("extras", "save", "preview", "next", "part")


@flow("compose", version=1, idle=timedelta(days=7))
def compose(given: Given) -> Script:  # noqa: ARG001 - every script has it
    place = yield from _place()
    while True:
        content = yield from _content(place)
        saved = yield Do("save", partial(drafting.save, place, content))
        yield from _unless_meanwhile(saved)
        words = refused(saved)
        if words:
            yield Say(words)
        else:
            yield from _shown()
            yield from _decided(saved)
        part = yield _which_part()
        if part in EXTRAS:
            yield from _extra(part)
        yield Retry((*_keys(part), *_AFTER))


def _place() -> Part[int]:
    places = yield Do("places", drafting.places)
    if not places:
        yield Finish(say("compose.not_staff"))
    if len(places) == 1:
        only: int = places[0]["id"]
        return only
    options = [Option(place["id"], say("bot.name", name=place["name"])) for place in places]
    place: int = yield Choose("place", say("compose.ask_place"), *options)
    return place


# What is asked, in its order.


def _content(place: int) -> Part[Json]:
    purposes = [Option(each.value, say(f"broadcast.purpose.{each.value}")) for each in Purpose]
    purpose = yield Choose("purpose", say("compose.ask_purpose"), *purposes)
    parts = yield from audience.choose_audience(place)
    subject = yield Ask("subject", say("compose.ask_subject"), _read_subject, free=True)
    body = yield Ask("body", say("compose.ask_body"), _read_body, free=True)
    images = yield from _images()
    at = yield from _when()
    extras = yield Do("extras", drafting.extras)
    return {
        "purpose": purpose,
        "audience": parts,
        "subject": subject,
        "body": body,
        "images": images,
        "at": at,
        "extras": extras,
    }


def _read_subject(text: str) -> Json:
    subject = clean_line(text)
    if len(subject) > SUBJECT_LIMIT:
        return Misread(refuse("long_subject", most=SUBJECT_LIMIT).words)
    return subject


def _read_body(text: str) -> Json:
    if len(text) > BODY_LIMIT:
        return Misread(refuse("long_body", most=BODY_LIMIT).words)
    return text


def _images() -> Part[list[int]]:
    images: list[int] = []
    while len(images) < IMAGES_LIMIT:
        words = say("compose.more_images", count=len(images), left=IMAGES_LIMIT - len(images))
        image = yield Choose(
            f"image.{len(images)}",
            words if images else say("compose.ask_images", most=IMAGES_LIMIT),
            Option(DONE, say("compose.images_done" if images else "compose.no_images")),
            read=_read_no_image,
            picture=drafting.attach,
        )
        if image == DONE:
            break
        images.append(image)
    return images


def _read_no_image(text: str) -> Json:
    return DONE if drafting.means_done(text) else Misread(say("compose.image_or_done"))


def _when() -> Part[str | None]:
    now = Option(drafting.NOW, say("compose.now"), also="compose.word.now")
    return (yield from _moment("when", say("compose.ask_when"), now))


def _moment(key: str, words: Words, none: Option) -> Part[str | None]:
    """Ask for a time until one is understood; None for the choice that needs none."""
    while True:
        text = yield Choose(key, words, none, read=_read_when, numbered=False)
        if text == none.value:
            return None
        reading = yield Do(f"{key}.read", partial(drafting.reading, text))
        if reading["at"] is not None:
            at: str = reading["at"]
            return at
        yield Say(words_from_json(reading["doubt"]))
        yield Retry((key, f"{key}.read"))


def _extra(part: str) -> Part[None]:
    """Have chosen what most broadcasts do without, and note it for the saving."""
    value: Json
    if part == "until":
        none = Option(_NO_END, say("compose.no_end"), also="bot.word.skip")
        value = yield from _moment("until", say("compose.ask_until"), none)
    else:
        value = (yield yes_or_no("confirm", say("compose.ask_confirm"))) == YES
    yield Do(f"{part}.set", partial(drafting.set_extra, part, value))


def _read_when(text: str) -> Json:
    """Any text may be a time; only a plain wish to stop or to change the language is none."""
    is_wish = means_stop(text) or language_word(text) is not None
    return Misread(say("compose.when.not_understood")) if is_wish else text


# What may be done with it.


def _shown() -> Part[None]:
    """Show the draft: its pictures, then its paragraphs, which become one text with the question.

    So no paragraph turns into a picture's caption, and with four pictures all of it is five of
    LINE's message objects, as many as one answer has.
    """
    preview = yield Do("preview", drafting.preview)
    pictures = tuple(preview["pictures"])
    if pictures:
        yield Show(Speech(words=(), picture_ids=pictures))
    for words in preview["words"]:
        yield Say(words_from_json(words))


def _decided(saved: Json) -> Part[None]:
    """Come to an end, or return to have a part changed."""
    while True:
        chosen = yield Choose(
            "next",
            say("compose.next"),
            Option("submit", say("compose.next.submit")),
            Option("edit", say("compose.next.edit")),
            Option("keep", say("compose.next.keep")),
            Option("discard", say("compose.next.discard")),
        )
        if chosen == "edit":
            return
        if chosen == "keep":
            yield Finish(say("compose.kept"))
        yield from _submit(saved) if chosen == "submit" else _discard(saved)


def _submit(saved: Json) -> Part[None]:
    submitted = yield Do("submit", partial(drafting.submit, saved["ref"]), lasting=True)
    yield from _unless_meanwhile(submitted)
    words = refused(submitted)
    if words is None:
        yield Finish(say("compose.submitted", **submitted))
    else:
        yield Say(words)
        yield Retry(("next", "submit"))


def _unless_meanwhile(done: Json) -> Part[None]:
    """End where somebody else changed the broadcast: what was answered here is of an old one."""
    if "meanwhile" in done:
        yield Show(Speech.from_json(done["meanwhile"]))
        yield Finish()


def _discard(saved: Json) -> Part[None]:
    sure = yield yes_or_no("discard.sure", say("compose.discard_sure"))
    if sure == YES:
        done = yield Do("discard", partial(drafting.discard, saved["ref"]), lasting=True)
        yield Finish(refused(done) or say("compose.discarded"))
    yield Retry(("next", "discard.sure"))


def _which_part() -> Json:
    options = [Option(part, say(f"compose.part.{part}")) for part in (*PARTS, *EXTRAS)]
    return Choose("part", say("compose.ask_part"), *options)


def _keys(part: str) -> tuple[str, ...]:
    several = {
        "audience": audience.keys_of(),
        "images": tuple(f"image.{n}" for n in range(IMAGES_LIMIT)),
        "when": ("when", "when.read"),
        "until": ("until", "until.read", "until.set"),
        "confirm": ("confirm", "confirm.set"),
    }
    return several.get(part, (part,))
