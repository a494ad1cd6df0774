"""Reading whom somebody typed: 「5年」「５の２」「1年と2年」「5年 5年2組を除く」; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.dialogues.audience_choice import Choice, after, without
from bot.dialogues.audience_offer import WHOLE, Offer
from bot.dialogues.classes import read_class
from bot.steps import Json, Misread
from bot.words import plain_word, vocabulary
from domain.folding import fold, fold_dashes, fold_word
from domain.groups import GroupKind
from domain.wording import LANGUAGES, Words, render, say

_BETWEEN = re.compile(r"[,、，・&＆/\s]+|と|および|及び|\band\b")
_GRADE = re.compile(r"第?(\d{1,2})(?:年生?|学年)?")
_IN_BRACKETS = re.compile(r"(?P<wide>.+?)\s*\((?:ただし|但し)?[、,]?\s*(?P<but>[^()]+)\)")
_BEHIND = re.compile(
    r"(?:(?P<wide>.+?)(?:[、,]|\s|ただし|但し|のうち|から|の中で)+)?(?P<but>[^、,\s]+)"
)
_LEFT_OUT = re.compile(
    r"(?P<rest>.+?)\s*(?:以外の?(?:全員|全部)?|を?除く|をのぞく|を除いて|は除く|抜き)"
)
_EXCEPT = re.compile(r"(?P<wide>.+?)?\s*\b(?:except|without|but not)\s+(?P<but>.+)", re.IGNORECASE)


def read_audience(offer: Offer, choice: Choice, text: str) -> Json:
    """The answer that a typed text is, or what is not understood of it."""
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
    value = _named(offer, fold(text), "")
    return value if value in offer.nodes else Misread(_unknown(offer, fold(text)))


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
    english = _EXCEPT.fullmatch(text)
    if english:
        return english["wide"] or "", english["but"]
    bracketed = _IN_BRACKETS.fullmatch(text)
    if bracketed:
        left_out = _LEFT_OUT.fullmatch(bracketed["but"])
        return (bracketed["wide"], left_out["rest"]) if left_out else None
    whole = _LEFT_OUT.fullmatch(text)
    behind = _BEHIND.fullmatch(whole["rest"]) if whole else None
    return (behind["wide"] or "", behind["but"]) if behind else None


def _listed(offer: Offer, text: str, within: str) -> list[Json] | None:
    """The values of one name or of several; all must be known."""
    whole = _named(offer, text, within)
    if whole is not None:
        return [whole]
    parts = [part for part in _BETWEEN.split(text) if part]
    values = [_named(offer, part, within) for part in parts]
    known = [value for value in values if value is not None]
    return known if known and len(known) == len(parts) else None


def _named(offer: Offer, text: str, within: str) -> Json:
    """The value that a name means; beside 「5年」, 「2組」 is the class of that grade."""
    words = {fold_word(text), plain_word(text)}
    if words & vocabulary("audience.word.whole"):
        return WHOLE
    spelled = {fold_dashes(word) for word in words}
    named = [value for value, spelling in _spellings(offer) if spelling in spelled]
    if named:
        return named[0] if len(set(map(str, named))) == 1 else None
    if offer.is_city:
        return None
    return _class(offer, text, within) or _grade(offer, text)


def _spellings(offer: Offer) -> Iterator[tuple[Json, str]]:
    for value in (*offer.nodes, *offer.bundles):
        words = offer.words(value)
        for language in LANGUAGES:
            yield value, fold_dashes(fold_word(render(words, language)))


def _class(offer: Offer, text: str, within: str) -> Json:
    classes = [
        {"id": node.value, "name": node.name}
        for node in offer.nodes.values()
        if node.kind == GroupKind.CLASS
    ]
    for spelled in (text, f"{within}{text}"):
        found = read_class(classes, spelled)
        if not isinstance(found, Misread):
            return found
    return None


def _grade(offer: Offer, text: str) -> Json:
    number = _number(text)
    same = [each for each in offer.grades if number and _number(_name(offer, each)) == number]
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
    unknown = [part for part in parts if _named(offer, part, "") is None]
    name = unknown[0] if len(unknown) == 1 else text
    return say("audience.unknown", name=name[:40])
