"""Reading whom somebody typed: 「5年」「５の２」「1年と2年」「5年 5年2組を除く」; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.asking import LONGEST
from bot.dialogues.audience_choice import Choice, after, without
from bot.dialogues.audience_offer import WHOLE, Offer
from bot.steps import Json, Misread
from bot.words import plain_word, vocabulary
from domain.folding import fold, fold_dashes, fold_word
from domain.wording import LANGUAGES, Words, render, say

_BETWEEN = re.compile(r"[,、，・&＆/\s]+|と|および|及び|\band\b")
_GRADE = re.compile(r"第?(\d{1,2})(?:年生?|学年)?")
# What comes before these is cut off, not matched: each is found in one go through the text.
_BUT = re.compile(r"(?:ただし|但し)?[、,]?\s*")
_PARTED = re.compile(r"[、,\s]")
_BEHIND = re.compile(r"(?:[、,\s]|ただし|但し|のうち|から|の中で)+")
_LEFT_OUT = re.compile(r"\s*(?:以外の?(?:全員|全部)?|を?除く|をのぞく|を除いて|は除く|抜き)$")
_EXCEPT = re.compile(r"\b(?:except|without|but not)\s+", re.IGNORECASE)
# Whoever names more than this has sent something else.
_MOST_PARTS = 40
_SHOWN = 40


def read_audience(offer: Offer, choice: Choice, text: str) -> Json:
    """The answer that a typed text is, or what is not understood of it."""
    if len(text) > LONGEST:
        return Misread(say("audience.unknown", name=f"{text[:_SHOWN]}…"))
    folded = fold(text).rstrip("。.!")
    named = _listed(offer, folded, "")
    if named is not None:
        return _checked(offer, choice, map(without, named) if choice.leaving_out else named)
    apart = _taken_apart(folded)
    if apart is None:
        return Misread(_unknown(offer, folded))
    wide, but = apart
    picked = _listed(offer, wide, "") if wide else []
    if picked is None:
        return Misread(_unknown(offer, wide))
    left_out = _listed(offer, but, wide)
    if left_out is None:
        return Misread(_unknown(offer, but))
    return _checked(offer, choice, [*picked, *map(without, left_out)])


def read_group(offer: Offer, text: str) -> Json:
    """The one group that a name means."""
    folded = fold(text[:LONGEST])
    value = _named(offer, folded, "")
    return value if value in offer.nodes else Misread(_unknown(offer, folded))


def _checked(offer: Offer, choice: Choice, answer: Iterable[Json]) -> Json:
    """Nothing is left out of what it is not in: that would hide a slip."""
    answer = list(answer)
    so_far = choice
    for value in answer:
        before, so_far = so_far, after(offer, so_far, [value])
        is_left_out = isinstance(value, str) and value.startswith(without(""))
        if is_left_out and (so_far == before or not so_far.picked):
            return Misread(say("audience.not_beneath"))
    return answer


def _taken_apart(text: str) -> tuple[str, str] | None:
    """What is wanted, and what is left out of it; None if nothing plainly is."""
    english = _EXCEPT.search(text)
    if english and text[english.end() :]:
        return text[: english.start()].rstrip(), text[english.end() :]
    opening = text.rfind("(")
    if opening > 0 and text.find(")", opening) == len(text) - 1:
        inside = text[opening + 1 : -1]
        left_out = _before_left_out(_BUT.sub("", inside, count=1))
        return (text[:opening].rstrip(), left_out) if left_out else None
    rest = _before_left_out(text)
    return _behind(rest) if rest else None


def _before_left_out(text: str) -> str:
    """What 「…を除く」 is said of; nothing if the text does not end so."""
    found = _LEFT_OUT.search(text)
    return text[: found.start()] if found else ""


def _behind(text: str) -> tuple[str, str] | None:
    """「5年から5年2組」 taken apart: what is left out stands last, in one word."""
    for between in _BEHIND.finditer(text):
        but = text[between.end() :]
        if between.start() and but and not _PARTED.search(but):
            return text[: between.start()], but
    return None if _PARTED.search(text) else ("", text)


def _listed(offer: Offer, text: str, within: str) -> list[Json] | None:
    """The values of one name or of several; all must be known."""
    whole = _named(offer, text, within)
    if whole is not None:
        return [whole]
    parts = [part for part in _BETWEEN.split(text) if part]
    if len(parts) > _MOST_PARTS:
        return None
    known: list[Json] = []
    for part in parts:
        value = _named(offer, part, within)
        if value is None:
            return None
        known.append(value)
    return known or None


def _named(offer: Offer, text: str, within: str) -> Json:
    """The value that a name means; beside 「5年」, 「2組」 is the class of that grade."""
    words = {fold_word(text), plain_word(text)}
    if words & vocabulary("audience.word.whole"):
        return WHOLE
    spelled = {fold_dashes(word) for word in words}
    named = [value for spelling in spelled for value in offer.spelled.get(spelling, ())]
    if named:
        return named[0] if len(set(map(str, named))) == 1 else None
    if offer.is_city:
        return None
    return _class(offer, text, within) or _grade(offer, text)


def _class(offer: Offer, text: str, within: str) -> Json:
    for spelled in (text, f"{within}{text}") if within else (text,):
        found = offer.class_names.read(spelled)
        if not isinstance(found, Misread):
            return found
    return None


def _grade(offer: Offer, text: str) -> Json:
    number = _number(text)
    if number is None:
        return None
    same = [each for each in offer.grades if _number(_name(offer, each)) == number]
    return same[0] if len(same) == 1 else None


def _number(text: str) -> str | None:
    """The number of a grade, where something says that it is one."""
    found = _GRADE.fullmatch(fold_word(text))
    return found[1].lstrip("0") if found and not text.isdecimal() else None


def _name(offer: Offer, value: Json) -> str:
    return render(offer.words(value), LANGUAGES[0])


def _unknown(offer: Offer, text: str) -> Words:
    """Which of the names is not known here."""
    parts = [part for part in _BETWEEN.split(text) if part]
    name = text
    if len(parts) <= _MOST_PARTS:
        unknown = (part for part in parts if _named(offer, part, "") is None)
        first, second = next(unknown, None), next(unknown, None)
        name = first if first is not None and second is None else text
    return say("audience.unknown", name=name[:_SHOWN])
