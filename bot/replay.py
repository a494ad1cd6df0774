"""Keyed replay: where a dialogue stands, found by playing its script over its log.

The log is an ordered list of (key, value): answers and results of effects. A step whose key has
an entry gets that value; the first question without one is the question now asked. Entries are
matched by key and never by position, so a script may gain and lose steps between two messages
of one conversation. Nothing here knows a database: effects are run by whoever calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.steps import Do, Finish, Flow, Given, Json, Question, Retry, Say, Show, Step

Entry = tuple[str, Json]
Perform = Callable[[Do], Json]

# A script that goes round and round without asking anything is stopped here.
_STEP_LIMIT = 2_000


class ScriptBroken(Exception):
    """A script ended without Finish, or never comes to a question."""


class Barrier(Exception):
    """Going back would undo a lasting effect."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a dialogue stands: exactly one of `question` and `finish` is there.

    `said` is what was said after the newest entry, which is what has not been heard yet.
    `answered` and `lasting` are the keys of the answers and lasting effects it came over.
    """

    log: tuple[Entry, ...]
    said: tuple[Say | Show, ...]
    question: Question | None
    finish: Finish | None
    answered: frozenset[str]
    lasting: frozenset[str]


def replay(flow: Flow, given: Given, log: Iterable[Entry], perform: Perform) -> Stand:
    """Play a script over a log; effects without a result yet are run by `perform`."""
    run = _Run(dict(log), perform)
    script = flow.play(given)
    value: Json = None
    try:
        for _ in range(_STEP_LIMIT):
            step = script.send(value)
            if run.ends_at(step):
                return run.stand(step)
            value = run.value_of(step)
    except StopIteration as end:
        raise ScriptBroken(f"{flow.name} ended without Finish") from end
    finally:
        script.close()
    raise ScriptBroken(f"{flow.name} comes to no question")


def without_last_answer(stand: Stand) -> tuple[Entry, ...] | None:
    """The log before the newest answer was given; None where there was no answer yet.

    Raises:
        Barrier: a lasting effect came after that answer.
    """
    last = _last_answer(stand.log, stand.answered)
    if last is None:
        return None
    if any(key in stand.lasting for key, _ in stand.log[last:]):
        raise Barrier
    return stand.log[:last]


def _last_answer(log: Sequence[Entry], answered: frozenset[str]) -> int | None:
    places = [place for place, (key, _) in enumerate(log) if key in answered]
    return places[-1] if places else None


class _Run:
    """One run of a script: what of the log it has used, and what it said since."""

    def __init__(self, entries: dict[str, Json], perform: Perform) -> None:
        self._entries = entries
        self._old = set(entries)
        self._perform = perform
        self._said: list[Say | Show] = []
        self._answered: set[str] = set()
        self._lasting: set[str] = set()

    def ends_at(self, step: Step) -> bool:
        if isinstance(step, Finish):
            return True
        return isinstance(step, Question) and step.key not in self._entries

    def stand(self, step: Step) -> Stand:
        return Stand(
            log=tuple(self._entries.items()),
            said=tuple(self._said),
            question=step if isinstance(step, Question) else None,
            finish=step if isinstance(step, Finish) else None,
            answered=frozenset(self._answered),
            lasting=frozenset(self._lasting),
        )

    def value_of(self, step: Step) -> Json:
        """Go through a step that needs nobody, and return what the script gets for it."""
        match step:
            case Say() | Show():
                self._said.append(step)
            case Retry():
                self._forget(step.keys)
            case Question():
                self._answered.add(step.key)
                return self._known(step.key)
            case Do():
                return self._result(step)
        return None

    def _result(self, step: Do) -> Json:
        if step.lasting:
            self._lasting.add(step.key)
        if step.key in self._entries:
            return self._known(step.key)
        # As it will be read back, so that the first run sees what every later one sees.
        result = json.loads(json.dumps(self._perform(step)))
        self._entries[step.key] = result
        return result

    def _known(self, key: str) -> Json:
        if key in self._old:
            self._said.clear()
        return self._entries[key]

    def _forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._entries.pop(key, None)
            self._old.discard(key)
            self._answered.discard(key)
            self._lasting.discard(key)
