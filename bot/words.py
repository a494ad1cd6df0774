"""Words that mean something wherever they are typed, in either language.

They stand in the catalogue (`bot.word.…`, separated by |), because what people type is as much a
matter of language as what is said to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache

from domain.folding import fold, fold_word, is_no, is_yes
from domain.wording import LANGUAGES, render, say

_PARTS = re.compile(r"[\s,、。.!?]+")


class GlobalWord(StrEnum):
    """What works in every dialogue, whatever it asks."""

    CANCEL = "cancel"
    BACK = "back"
    MENU = "menu"
    START = "start"
    HELP = "help"


class LanguageWord(StrEnum):
    """What works except where whatever is typed is content."""

    CHOOSE = "language"
    JAPANESE = "ja"
    ENGLISH = "en"


@cache
def vocabulary(key: str) -> frozenset[str]:
    """The words of a text, folded, in all languages together."""
    texts = (render(say(key), language) for language in LANGUAGES)
    return frozenset(fold_word(word) for text in texts for word in text.split("|"))


def global_word(text: str) -> GlobalWord | None:
    word = fold_word(text)
    return next((each for each in GlobalWord if word in vocabulary(f"bot.word.{each}")), None)


def language_word(text: str) -> LanguageWord | None:
    word = fold_word(text)
    return next((each for each in LanguageWord if word in vocabulary(f"bot.word.{each}")), None)


def means_stop(text: str) -> bool:
    """Whether a text that answers nothing plainly asks to stop (「やめます」)."""
    return fold_word(text) in vocabulary("bot.word.stop")


def means_yes(text: str) -> bool:
    """Whether a text plainly says yes, once or more (「はい、お願いします」)."""
    return _means(text, is_yes, vocabulary("bot.word.soft"))


def means_no(text: str) -> bool:
    """Whether a text plainly says no, once or more (「いいえ、違います」)."""
    soft = vocabulary("bot.word.soft") | vocabulary("bot.word.soft_no")
    return _means(text, is_no, soft)


def _means(text: str, says: Callable[[str], bool], soft: frozenset[str]) -> bool:
    """Whether the first word says so, and the others do as well or only soften it."""
    if says(text):
        return True
    parts = [part for part in _PARTS.split(fold(text)) if part]
    later = all(says(part) or fold_word(part) in soft for part in parts[1:])
    return bool(parts) and says(parts[0]) and later


def plain_word(text: str) -> str:
    """A typed answer, folded, without the polite end that it may have (「3年2組ですか」)."""
    word = fold_word(text)
    tail = next((each for each in _tails() if word.endswith(each) and word != each), "")
    return word.removesuffix(tail).rstrip()


@cache
def _tails() -> tuple[str, ...]:
    return tuple(sorted(vocabulary("bot.word.tail"), key=len, reverse=True))


def is_filler(text: str) -> bool:
    """Whether a part of a message is politeness alone (「よろしくお願いします」)."""
    return fold_word(text) in vocabulary("bot.word.filler")


def has_word_of(text: str, key: str) -> bool:
    """Whether one of a text's words stands anywhere in what was typed."""
    typed = fold(text).casefold()
    return any(word in typed for word in vocabulary(key))
