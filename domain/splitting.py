"""Cutting a long text into messages: where a reader would pause, never inside a character.

Lengths are in UTF-16 code units, as LINE and Telegram count them.  What a reader sees as one
character may be several code points (が as two, a family emoji as seven): those are kept
together by the rules of UAX #29 that matter in what people write.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_ZWJ = "\u200d"
# Closing brackets belong to the sentence before them; Western stops end one only before a blank
# (3.5, and the dots and question marks of an address on the web).
_PARAGRAPH = re.compile(r"\n\s*\n")
_SENTENCE = re.compile(r"\n|[。！？｡]+[」』）)】”\"']*|[.!?]+[)”\"']*(?=\s)")
_PAUSE = re.compile(r"\s|[、，､]|,(?=\s)")


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


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


def shortened(text: str, limit: int) -> str:
    """The text itself if it has at most `limit` units, else its beginning and "…"."""
    return text if units(text) <= limit else text[: _fitting(text, limit - 1)].rstrip() + "…"


def clusters(text: str) -> Iterator[str]:
    """What a reader sees as single characters, one after the other (UAX #29)."""
    start = 0
    for index in range(1, len(text) + 1):
        if not _is_joined(text, index):
            yield text[start:index]
            start = index


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
    ends = [end for end in found if least < end <= most and not _is_joined(text, end)]
    return ends[-1] if ends else 0


def _fitting(text: str, limit: int) -> int:
    """How many code points the whole characters have that fit into `limit` units."""
    points = room = 0
    for cluster in clusters(text[: limit + 1]):
        room += units(cluster)
        if room > limit:
            break
        points += len(cluster)
    # The last character may go on behind the window.
    return points if not _is_joined(text, points) else 0


def _points(text: str, limit: int) -> int:
    """How many code points fit into `limit` units."""
    points = room = 0
    for character in text:
        room += units(character)
        if room > limit:
            break
        points += 1
    return points


def _is_joined(text: str, index: int) -> bool:
    """Whether the code points on both sides of a place are one character."""
    if not 0 < index < len(text):
        return False
    before, after = text[index - 1], text[index]
    return (
        before + after == "\r\n"
        or before == _ZWJ
        or _extends(after)
        or _is_hangul_inside(before, after)
        or (_is_flag_half(after) and _flag_halves_before(text, index) % 2 == 1)
    )


def _extends(character: str) -> bool:
    """Marks, joiners, skin tones, tags, and the half-width voicing marks of Japanese."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character in "\u200c\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_hangul_inside(before: str, after: str) -> bool:
    """Whether a Korean syllable goes on: it may be written in up to three letters."""
    if "\u1160" <= after <= "\u11ff":
        return True
    leads = "\u1100" <= before <= "\u115f"
    return leads and ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3")


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves_before(text: str, index: int) -> int:
    halves = 0
    while halves < index and _is_flag_half(text[index - 1 - halves]):
        halves += 1
    return halves
