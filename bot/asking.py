"""Putting a question to a person, and reading what comes back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bot.steps import Json, Misread, Option, Question
from bot.words import means_no, means_yes, plain_word
from domain import tokens
from domain.folding import fold, fold_word, number_choice
from domain.speech import Speech, SpeechButton
from domain.wording import say

# Whatever is longer names no option: it is content, or was pasted in the wrong place. Looking for
# names in it would hold up everybody else, for SQLite takes one turn at a time.
LONGEST = 300
_KIND = "choice"
_BETWEEN = re.compile(r"[,、，・&＆/\s]+|と")


@dataclass(frozen=True, slots=True)
class Place:
    """Which moment of which dialogue a question belongs to: what its buttons name."""

    secret: bytes
    dialogue_id: int
    sequence: int
    flow: str


def ask(question: Question, place: Place) -> Speech:
    """A question as it is said, with a button for each option."""
    return Speech(
        words=(question.words,),
        buttons=tuple(
            SpeechButton(
                words=option.words,
                token=_token(question, place, index),
                typed=None if question.numbered else option.words,
            )
            for index, option in enumerate(question.options)
        ),
        numbered=question.numbered,
    )


def read_token(question: Question, place: Place, token: str) -> Option | None:
    """The option whose button was pressed; None for any other token, stale or forged."""
    for index, option in enumerate(question.options):
        if token == _token(question, place, index):
            return option
    return None


def value_of(question: Question, option: Option) -> Json:
    return [option.value] if question.several else option.value


def read_typed(question: Question, text: str) -> Json:
    """The value of a typed answer, or a Misread."""
    if question.free and question.read:
        return question.read(text)
    if len(text) > LONGEST:
        return question.read(text) if question.read else Misread(say("bot.choose_again"))
    option = _named(question, text) or _numbered(question, text)
    if option is not None:
        return value_of(question, option)
    several = _listed(question, text) if question.several else None
    if several:
        return several
    return _read(question, text)


def _read(question: Question, text: str) -> Json:
    """What the question makes of a text; if nothing, of the same text said less politely."""
    if question.read is None:
        return Misread(say("bot.choose_again"))
    value = question.read(text)
    plain = plain_word(text)
    if not isinstance(value, Misread) or plain == fold_word(text):
        return value
    again = question.read(plain)
    return value if isinstance(again, Misread) else again


def _token(question: Question, place: Place, index: int) -> str:
    # The key and the value are sealed in: should an upgrade change the options between two
    # messages, an old button is stale instead of naming whatever stands in its place now.
    meaning = json.dumps([place.flow, question.key, question.options[index].value])
    return tokens.seal(
        place.secret, _KIND, place.dialogue_id, place.sequence, index, extra=meaning.encode()
    )


def _named(question: Question, text: str) -> Option | None:
    words = {fold_word(text), plain_word(text)}
    named = {id(option): option for word in words for option in question.spelled.get(word, ())}
    if len(named) == 1:
        return next(iter(named.values()))
    said = "yes" if means_yes(text) else "no" if means_no(text) else None
    return next((option for option in question.options if option.value == said), None)


def _numbered(question: Question, text: str) -> Option | None:
    if not question.numbered:
        return None
    index = number_choice(text, len(question.options))
    return None if index is None else question.options[index]


def _listed(question: Question, text: str) -> list[Json] | None:
    """The options of a typed list such as "1,3" or 「3年1組と3年2組」; all must be known."""
    known: list[Json] = []
    for part in _BETWEEN.split(fold(text)):
        option = (_named(question, part) or _numbered(question, part)) if part else None
        if option is not None:
            known.append(option.value)
        elif part:
            return None
    return list(dict.fromkeys(known)) or None
