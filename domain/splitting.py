"""Cutting a long text into messages: where a reader would pause, never inside a character.

Lengths are in UTF-16 code units, as LINE and Telegram count them.  What a reader sees as one
character is never cut (domain.graphemes).
"""

from __future__ import annotations

import re

from domain.graphemes import is_boundary, units

# Closing brackets belong to the sentence before them; Western stops end one only before a blank
# (3.5, and the dots and question marks of an address on the web).
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"\n|[。！？｡]+[」』）)】”\"']*|[.!?]+[)”\"']*(?=\s)")
_PAUSE = re.compile(r"\s|[、，､]|,(?=\s)")


def split(text: str, limit: int) -> list[str]:
    """The text in pieces of at most `limit` units, cut at sentence ends where there are any.

    Blanks at the cuts are dropped, everything else is kept in order; a blank text gives no
    piece.  A single character longer than the limit is cut between its code points.

    Raises ValueError for a limit below 2, which one emoji would exceed.
    """
    if limit < 2:
        raise ValueError("a piece has room for one code point at least")
    pieces, rest = [], text.strip()
    while units(rest) > limit:
        end = _end_of_piece(rest, limit)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*pieces, rest] if rest else pieces


def first_units(text: str, limit: int) -> str:
    """The text itself if it has at most `limit` units, else its beginning and "…"."""
    return text if units(text) <= limit else text[: _fitting(text, limit - 1)].rstrip() + "…"


def first_piece(text: str, limit: int) -> str:
    """The text itself if it has at most `limit` units, else the first piece that `split` makes."""
    return text if units(text) <= limit else text[: _end_of_piece(text, limit)].rstrip()


def _end_of_piece(text: str, limit: int) -> int:
    """Where to cut: a paragraph's end if it fills half a piece, else a sentence's, else a pause."""
    fitting = _fitting(text, limit) or _points(text, limit)
    half = fitting // 2
    choices = ((_PARAGRAPH, half), (_SENTENCE, 0), (_PAUSE, half))
    ends = (_last_end(pattern, text, fitting, least) for pattern, least in choices)
    return next((end for end in ends if end), fitting)


def _last_end(pattern: re.Pattern[str], text: str, most: int, least: int) -> int:
    """The last place after a match that is no later than `most`; 0 if there is none."""
    # One character more than fits, so that the pattern sees what follows.
    found = [match.end() for match in pattern.finditer(text[: most + 1])]
    ends = [end for end in found if least < end <= most and is_boundary(text, end)]
    return ends[-1] if ends else 0


def _fitting(text: str, limit: int) -> int:
    """How many code points the whole characters have that fit into `limit` units."""
    points = _points(text, limit)
    while not is_boundary(text, points):
        points -= 1
    return points


def _points(text: str, limit: int) -> int:
    """How many code points fit into `limit` units."""
    points = room = 0
    for character in text:
        room += units(character)
        if room > limit:
            break
        points += 1
    return points
