"""Choosing a class: from a short list at once, from a long one by grade first, or typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from bot.steps import Choose, Json, Misread, Option, Part
from domain.folding import fold_dashes, fold_word
from domain.wording import say

# What still fits on a telephone's screen, and under LINE's 13 buttons.
_SHORT = 10
# No class has a longer name, with some politeness around it.
_LONGEST = 300

_GRADE = re.compile(r"(\d{1,2})年")
_NAME = re.compile(r"(\d{1,2})年?\s*[-の/.・]?\s*([^\s年組]{1,4})組?")
_TYPED = re.compile(
    r"(?:第?(\d{1,2})\s*(?:年生?|学年)\s*[-の/.・,、]?\s*([^\s年組]{1,4})\s*(?:組|くみ|クラス)?"
    r"|(\d{1,2})\s*[-の/.・\s]\s*([^\s年組]{1,4})\s*(?:組|くみ|クラス)?)"
)


def choose_class(suffix: str, classes: Sequence[Json]) -> Part[Json]:
    """Ask for a class of the list; the value is its ID."""
    read = partial(read_class, classes)
    grades = list(dict.fromkeys(_grade(each["name"]) for each in classes))
    offered = classes
    if len(classes) > _SHORT and len(grades) > 1:
        options = [Option(f"grade:{grade}", say("bot.name", name=grade)) for grade in grades]
        answer = yield Choose(f"grade.{suffix}", say("register.ask_grade"), *options, read=read)
        if isinstance(answer, int):
            return answer
        offered = [each for each in classes if f"grade:{_grade(each['name'])}" == answer]
        if len(offered) == 1:
            return offered[0]["id"]
    options = [Option(each["id"], say("bot.name", name=each["name"])) for each in offered]
    return (yield Choose(f"class.{suffix}", say("register.ask_class"), *options, read=read))


def read_class(classes: Sequence[Json], text: str) -> Json:
    """The class that somebody typed as 「3年2組」「3-2」「３の２」."""
    return ClassNames(classes).read(text)


class ClassNames:
    """The names of some classes, to read many texts by: making it costs more than reading."""

    def __init__(self, classes: Sequence[Json]) -> None:
        self._by_name: dict[str, list[Json]] = {}
        self._by_number: dict[tuple[str, ...], list[Json]] = {}
        for each in classes:
            word = fold_word(each["name"])
            self._by_name.setdefault(fold_dashes(word), []).append(each["id"])
            numbers = _NAME.fullmatch(word)
            if numbers:
                self._by_number.setdefault(numbers.groups(), []).append(each["id"])

    def read(self, text: str) -> Json:
        """The one class that is meant, or a Misread."""
        word = fold_dashes(fold_word(text[:_LONGEST]))
        found = self._by_name.get(word) or self._by_number.get(_meant(word), [])
        return found[0] if len(found) == 1 else Misread(say("register.class_unclear"))


def _meant(word: str) -> tuple[str, ...]:
    typed = _TYPED.fullmatch(word)
    return tuple(part for part in typed.groups() if part) if typed else ()


def _grade(name: str) -> str:
    """The grade a class belongs to, by its name; a class without one stands for itself."""
    match = _GRADE.match(fold_word(name))
    return match[0] if match else name
