"""What a dialogue is written in: a generator that yields these steps and reads like a script.

The generator runs again from the top at every message (see bot.replay), so it must be pure: the
clock, the database and chance are reached through `Do` only, whose result is kept in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, TypeVar

from bot.words import vocabulary
from domain.folding import fold_word
from domain.speech import Speech
from domain.wording import LANGUAGES, Words, render
from storage.database import Transaction

Json = Any
"""What the log can hold: None, numbers, strings, lists and dictionaries of them."""


@dataclass(slots=True)
class Scene:
    """Who an effect acts for, and what its dialogue remembers.

    `memory` is for effects alone: it outlives 戻る and `Retry`, so that an effect that runs
    again finds what it made before (a draft) instead of making another.
    """

    contact_id: int
    board_id: int
    language: str
    memory: dict[str, Json]


SentPicture = bytes | str
"""A picture as it was sent, or its provider's name for it; what it is, bot.pictures knows."""

Effect = Callable[[Transaction, Scene], Json]
PictureEffect = Callable[[Transaction, Scene, SentPicture], Json]


@dataclass(frozen=True, slots=True)
class Misread:
    """Returned instead of a value where an answer cannot be used: `words` say why."""

    words: Words


Reader = Callable[[str], Json]
"""Makes of a typed answer the value to keep, or a Misread; pure."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice; `also` names a text whose words, separated by |, may be typed for it."""

    value: Json
    words: Words
    also: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Something to tell."""

    words: Words


@dataclass(frozen=True, slots=True)
class Show:
    """A whole message to send as it is: pictures, or a card with its buttons."""

    speech: Speech


@dataclass(frozen=True, kw_only=True)
class Question:
    """A step that waits for a person, and whose value is the answer.

    `read` takes a typed answer that names no option. `free` says that whatever is typed is
    content (a subject, a reason), so that only the global words are taken for anything else.
    With `several` the value is a list, and "1,3" is understood. `picture` takes a picture.
    `numbered` says that "1" names the first option: not where a number may be the answer itself.
    """

    key: str
    words: Words
    options: tuple[Option, ...] = ()
    read: Reader | None = None
    picture: PictureEffect | None = None
    free: bool = False
    several: bool = False
    numbered: bool = True

    @cached_property
    def spelled(self) -> Mapping[str, Sequence[Option]]:
        """The options by every spelling of their names, which is dear to make."""
        found: dict[str, list[Option]] = {}
        for option in self.options:
            for spelling in _spellings(option):
                found.setdefault(spelling, []).append(option)
        return found


def _spellings(option: Option) -> frozenset[str]:
    names = frozenset(fold_word(render(option.words, language)) for language in LANGUAGES)
    return names | vocabulary(option.also) if option.also else names


@dataclass(frozen=True, slots=True)
class Do:
    """An effect, and the key under which its result is kept.

    A `lasting` one cannot be undone by asking again, so 戻る stops at it. Every other one must
    be safe to run again.
    """

    key: str
    effect: Effect
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Forget these answers and results: what the script now asks under them is asked anew."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """The dialogue to go on with; `answers` are put into its log as if given."""

    flow: str
    given: Mapping[str, Json] = field(default_factory=dict)
    answers: tuple[tuple[str, Json], ...] = ()
    memory: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the dialogue, what it says at the end, and what may follow it."""

    words: Words | None = None
    then: Begin | None = None


Step = Say | Show | Question | Do | Retry | Finish
Given = Mapping[str, Json]
Value = TypeVar("Value")
Part = Generator[Step, Json, Value]
"""A piece of a script, to be used with `yield from`."""
Script = Part[None]


@dataclass(frozen=True, slots=True)
class Flow:
    """A kind of dialogue.

    After `idle` without an answer a dialogue ends. A `passing` one (a menu) holds nobody: words
    that it does not understand are taken as if it were not there.  Whoever falls silent is reminded
    with the text `reminder`; empty, they are of what holds them, and of nothing else.
    """

    name: str
    version: int
    idle: timedelta
    play: Callable[[Given], Script]
    passing: bool = False
    reminder: str = ""


def flow(
    name: str, *, version: int, idle: timedelta, passing: bool = False, reminder: str = ""
) -> Callable[[Callable[[Given], Script]], Flow]:
    """Make a script a kind of dialogue."""
    return lambda play: Flow(name, version, idle, play, passing, reminder)


def Ask(key: str, words: Words, read: Reader, *, free: bool = False) -> Question:  # noqa: N802
    """Ask for a typed answer."""
    return Question(key=key, words=words, read=read, free=free)


def Choose(  # noqa: N802
    key: str,
    words: Words,
    *options: Option,
    read: Reader | None = None,
    picture: PictureEffect | None = None,
    several: bool = False,
    numbered: bool = True,
) -> Question:
    """Offer a choice."""
    return Question(
        key=key,
        words=words,
        options=options,
        read=read,
        picture=picture,
        several=several,
        numbered=numbered,
    )
