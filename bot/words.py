"""Words that mean something wherever they are typed, in either language.

They stand in the catalogue (`bot.word.…`, separated by |), because what people type is as much a
matter of language as what is said to them.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from domain.folding import fold_word
from domain.wording import LANGUAGES, render, say


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
