"""Cutting a text where a reader pauses: at the end of a sentence, else at a space."""

from __future__ import annotations

from collections.abc import Callable

from channels.line.graphemes import is_boundary, units

_SENTENCE_ENDS = frozenset("。！？\n")
_CLOSING = frozenset("」』）)】")
_SPACES = frozenset(" \t\u3000")


def split(text: str, limit: int) -> list[str]:
    """Parts of at most `limit` UTF-16 units; joined again they are the text."""
    parts = []
    while units(text) > limit:
        at = cut(text, limit)
        parts.append(text[:at])
        text = text[at:]
    return [*parts, text] if text else parts


def cut(text: str, limit: int) -> int:
    """The index up to which a text fits into `limit` units, at the best place.

    A sentence's end is best, then a space, both in the latter half so that no part is a mere
    scrap; then any boundary of what a person sees as one character. Only where one such
    "character" fills everything is it cut through.
    """
    most = _longest(text, limit)
    if most == len(text):
        return most
    half = most // 2
    return (
        _last(text, most, half, _ends_sentence)
        or _last(text, most, half, _ends_word)
        or _last(text, most, 0, is_boundary)
        or most
    )


def _longest(text: str, limit: int) -> int:
    """How many code points fit; at least one, so that cutting always gets on."""
    total = 0
    for index, char in enumerate(text):
        total += 2 if char > "\uffff" else 1
        if total > limit:
            return max(index, 1)
    return len(text)


def _last(text: str, most: int, above: int, ends: Callable[[str, int], bool]) -> int:
    """The last good place, 0 for none."""
    places = (at for at in range(most, above, -1) if ends(text, at) and is_boundary(text, at))
    return next(places, 0)


def _ends_sentence(text: str, at: int) -> bool:
    """A bracket that closes after the end of a sentence belongs to it."""
    if text[at] in _CLOSING or text[at] in _SENTENCE_ENDS:
        return False
    end = at - 1
    while end > 0 and text[end] in _CLOSING:
        end -= 1
    return text[end] in _SENTENCE_ENDS


def _ends_word(text: str, at: int) -> bool:
    return text[at - 1] in _SPACES
