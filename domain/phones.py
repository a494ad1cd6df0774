"""Telephone numbers as a school gives them to its guardians."""

from __future__ import annotations

import re

from domain.folding import fold, fold_dashes

# A number in Japan: ten digits, eleven for mobile and IP telephones, and a 0 before them all.
_DIGITS = re.compile(r"0[1-9]\d{8,9}")
_PARTS = re.compile(r"0\d{1,4}-\d{1,4}-\d{3,4}")
_BRACKETS = re.compile(r"[()（）]")
_SPACES = re.compile(r"\s+")


def fold_phone(text: str) -> str | None:
    """The number somebody typed, in half width with its dashes; None if it is none of Japan's.

    「０４８（９６３）０００１」 is 048-963-0001, and a number without dashes stays so: where they
    belong depends on the exchange.
    """
    bare = _BRACKETS.sub("-", fold_dashes(fold(text)))
    written = _SPACES.sub("-", bare.strip().removeprefix("TEL").strip(" :-")).strip("-")
    written = re.sub("-+", "-", written)
    digits = written.replace("-", "")
    if not _DIGITS.fullmatch(digits):
        return None
    return written if _PARTS.fullmatch(written) else digits
