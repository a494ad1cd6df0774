"""Where a text may be cut so that no character that a person sees falls apart.

The rules of Unicode Standard Annex 29, "Grapheme cluster boundaries", with the properties that
unicodedata knows; prepended marks and Indic conjuncts are not looked at.
"""

from __future__ import annotations

import unicodedata
from itertools import pairwise

_ZWJ = "\u200d"
# Grapheme_Extend and SpacingMark beyond the categories Mn, Me and Mc: the zero-width non-joiner,
# half-width voiced marks, skin tones, tags, and the vowels am of Thai and Lao.
_EXTENDS = (
    (0x200C, 0x200D),
    (0xFF9E, 0xFF9F),
    (0x1F3FB, 0x1F3FF),
    (0xE0020, 0xE007F),
    (0x0E33, 0x0E33),
    (0x0EB3, 0x0EB3),
)
_PICTURES = (
    (0xA9, 0xA9),
    (0xAE, 0xAE),
    (0x203C, 0x203C),
    (0x2049, 0x2049),
    (0x2122, 0x2BFF),
    (0x3030, 0x3030),
    (0x303D, 0x303D),
    (0x3297, 0x3299),
    (0x1F000, 0x1FAFF),
)
_FLAG_LETTERS = ((0x1F1E6, 0x1F1FF),)
_LEADING = ((0x1100, 0x115F), (0xA960, 0xA97C))
_VOWEL = ((0x1160, 0x11A7), (0xD7B0, 0xD7C6))
_TRAILING = ((0x11A8, 0x11FF), (0xD7CB, 0xD7FB))
_SYLLABLE = ((0xAC00, 0xD7A3),)


def units(text: str) -> int:
    """The length in UTF-16 code units, in which browsers, LINE and Telegram count texts."""
    return len(text) + sum(char > "\uffff" for char in text)


def is_boundary(text: str, at: int) -> bool:
    """Whether a text may be cut before the character at this index."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before == "\r" and after == "\n":
        return False
    if _is_control(before) or _is_control(after):
        return True
    return not (
        _extends(after)
        or _is_hangul_run(before, after)
        or _is_joined_picture(text, at)
        or _is_inside_flag(text, at)
    )


def clusters(text: str) -> list[str]:
    """The characters as a person counts them; joined again they are the text."""
    cuts = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    return [text[start:end] for start, end in pairwise(cuts)] if text else []


def first_clusters(text: str, most: int) -> str:
    """The text if it has at most so many clusters, else its start and an ellipsis."""
    found = clusters(text)
    return text if len(found) <= most else "".join(found[: most - 1]) + "…"


def _within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= ord(char) <= high for low, high in ranges)


def _is_control(char: str) -> bool:
    if char in "\u200c\u200d" or _within(char, _EXTENDS):
        return False
    return unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")


def _extends(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me", "Mc") or _within(char, _EXTENDS)


def _is_hangul_run(before: str, after: str) -> bool:
    if _within(before, _LEADING):
        return _within(after, _LEADING + _VOWEL + _SYLLABLE)
    # A precomposed syllable without a final consonant may still be given vowel and final.
    open_syllable = _within(before, _SYLLABLE) and (ord(before) - 0xAC00) % 28 == 0
    if open_syllable or _within(before, _VOWEL):
        return _within(after, _VOWEL + _TRAILING)
    return _within(before, _SYLLABLE + _TRAILING) and _within(after, _TRAILING)


def _is_joined_picture(text: str, at: int) -> bool:
    """Picture, marks, joiner and picture make one, such as a family."""
    if text[at - 1] != _ZWJ or not _within(text[at], _PICTURES):
        return False
    start = at - 2
    while start >= 0 and _extends(text[start]):
        start -= 1
    return start >= 0 and _within(text[start], _PICTURES)


def _is_inside_flag(text: str, at: int) -> bool:
    """Two letters make a flag; the third begins the next one."""
    if not _within(text[at], _FLAG_LETTERS):
        return False
    start = at
    while start > 0 and _within(text[start - 1], _FLAG_LETTERS):
        start -= 1
    return (at - start) % 2 == 1
