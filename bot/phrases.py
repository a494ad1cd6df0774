"""Small pieces of speech that several dialogues share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from bot.steps import Choose, Json, Option, Part, Step
from domain.speech import words_from_json
from domain.wording import Words, say

YES = "yes"
NO = "no"
DONE = "done"


def yes_or_no(key: str, words: Words) -> Step:
    return Choose(key, words, Option(YES, say("bot.yes")), Option(NO, say("bot.no")))


def lines(words: Sequence[Words]) -> Words:
    """Several words beneath each other."""
    return reduce(lambda above, line: say("bot.lines", above=above, line=line), words)


def bullets(names: Iterable[str]) -> Words:
    return lines([say("bot.bullet", words=name) for name in names])


def refused(result: Json) -> Words | None:
    """The words of a refusal that an effect returned; None if it returned anything else."""
    if isinstance(result, dict) and "refused" in result:
        return words_from_json(result["refused"])
    return None


def pick_several(
    prefix: str,
    first: Words,
    done: Option,
    options: Sequence[Option],
    *,
    least: int = 0,
    whole: Json = None,
) -> Part[list[Json]]:
    """Let somebody choose any number of options, by taps or by a list, until they are done.

    The value is what was picked, in the order of the options. Each round offers only what is
    left, so that the rounds come to an end; `whole` leaves nothing more to pick.
    """
    picked: list[Json] = []
    while len(picked) < len(options) and whole not in picked:
        left = [option for option in options if option.value not in picked]
        enough = [done] if len(picked) >= least else []
        chosen = [option.words for option in options if option.value in picked]
        words = say("bot.picked", chosen=lines(chosen)) if chosen else first
        answer = yield Choose(f"{prefix}.{len(picked)}", words, *left, *enough, several=True)
        picked += [value for value in answer if value != done.value]
        if done.value in answer:
            break
    return [option.value for option in options if option.value in picked]
