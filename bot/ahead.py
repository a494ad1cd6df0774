"""Several answers in one message: 「3年2組 12番」, or a school ID, はい and the class on lines.

A message that is no answer as a whole is taken apart where people part things: at lines, spaces
and commas. What answers the open question and the ones after it is taken, as far as it can be
read without guessing: no content, no bare number where it would stand for a choice, and nothing
that cannot be undone, such as the last 「登録する」. What is left over is said, and asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot import asking
from bot.steps import Json, Misread, Question
from bot.talk import Open, Talk
from bot.words import is_filler
from domain.folding import fold, number_choice
from domain.school_ids import fold_school_id
from domain.wording import say

_BETWEEN = re.compile(r"[\n,、，。;；!！]+|\s+")
# As many words as one answer has ("3 年 2 組").
_LONGEST = 4
# Longer messages are no row of answers.
_MOST = 24
_HIGHEST_NUMBER = 999
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Way:
    """How far the parts of a message led: where it stands now, and what is left of them.

    `newest` is the question answered last and its answer; `sure` says that this can hardly have
    been meant as anything else.
    """

    at: Open
    left: tuple[str, ...]
    answers: int = 0
    newest: tuple[Question, Json] | None = None
    sure: bool = False


def read(talk: Talk, at: Open, parts: Sequence[str]) -> Way | None:
    """How many questions these parts plainly answer; None if they are no row of answers."""
    if at.question.free or at.flow.passing or not 0 < len(parts) <= _MOST:
        return None
    way = Way(at, tuple(parts))
    while way.left:
        further = _step(talk, way)
        if further is None:
            break
        way = further
    # One answer and something else beside it: only what was offered is surely meant as it.
    guessed = way.answers == 1 and way.left and not way.sure
    return way if way.answers and not guessed and not _wavers(way) else None


def _wavers(way: Way) -> bool:
    """Whether what is left answers the same question otherwise (「はい、いいえ」)."""
    if way.newest is None or not way.left:
        return False
    question, value = way.newest
    other = _read(question, way.left[0])
    return not isinstance(other, Misread) and other != value


def follow(talk: Talk, way: Way) -> None:
    """Take these answers, and say what was left over."""
    if way.left:
        talk.say(say("bot.ahead.so_far", left=_shortened(" ".join(way.left))))
    talk.go_to(way.at)


def holds_more(text: str) -> bool:
    """Whether something stands beside a school ID: whoever reads an ID passes over it."""
    return bool(split_id(text)[1])


def split_id(text: str) -> tuple[str, tuple[str, ...]]:
    """A school ID at the beginning of a message, and the parts after it."""
    parts = parts_of(text)
    for size in range(1, min(len(parts), _LONGEST) + 1):
        first = " ".join(parts[:size])
        if fold_school_id(first):
            return first, parts[size:]
    return text, ()


def parts_of(text: str) -> tuple[str, ...]:
    """The parts of a message, without politeness between them; none of one that is too long."""
    if len(text) > asking.LONGEST:
        return ()
    parts = [part for part in _BETWEEN.split(_in_lines(text)) if part]
    return tuple(part for part in parts if not is_filler(part))


def _in_lines(text: str) -> str:
    return "\n".join(fold(line) for line in text.splitlines())


def _step(talk: Talk, way: Way) -> Way | None:
    """Answer the question that is open now with the parts that come first."""
    question = way.at.question
    for size in _sizes(way.left):
        part = " ".join(way.left[:size])
        value = _read(question, part)
        further = None if isinstance(value, Misread) else talk.ahead(way.at, value)
        if further is not None:
            # Asked again: the answer was refused, so what follows it answers nothing.
            left = () if further.question.key == question.key else way.left[size:]
            sure = _is_offered(question, value) or fold_school_id(part) is not None
            return Way(further, left, way.answers + 1, (question, value), sure)
    return None


def _sizes(parts: Sequence[str]) -> Iterator[int]:
    """The longest answer first; but what stands beside an ID would be passed over."""
    most = min(len(parts), _LONGEST)
    has_id = any(fold_school_id(" ".join(parts[:size])) for size in range(1, most + 1))
    yield from range(1, most + 1) if has_id else range(most, 0, -1)


def _read(question: Question, part: str) -> Json:
    """The answer that a part plainly is."""
    is_number = number_choice(part, _HIGHEST_NUMBER) is not None
    unclear = Misread(say("bot.choose_again"))
    if question.free or (is_number and question.numbered and question.options):
        return unclear
    if not question.options and not fold_school_id(part):
        return unclear
    return asking.read_typed(question, part)


def _is_offered(question: Question, value: Json) -> bool:
    chosen = value if question.several else [value]
    offered = [option.value for option in question.options]
    return all(each in offered for each in chosen)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
