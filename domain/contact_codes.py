"""Codes by which a guardian brings their registration to another conversation.

A code is a C, a digit and eight more characters, shown as `C7XX-XXXX-XX`. Its length tells it from
a school ID (12) and a staff member's code (16), its digit from an English word. It holds for
minutes, once, and wrong tries are limited.
"""

from __future__ import annotations

from domain.codes import ALPHABET, DIGITS, Choose, find_code, group, pick

_SIZE = 10
_MARK = "C"
_DIGITS = "".join(digit for digit in DIGITS if digit in ALPHABET)


def make_contact_code(choose: Choose) -> str:
    """Make a code; ten digits and letters of which eight are any and one is a digit: 42 bits."""
    rest = _SIZE - len(_MARK) - 1
    return group(_MARK + pick(choose, 1, _DIGITS) + pick(choose, rest))


def fold_contact_code(text: str) -> str | None:
    """The code that somebody typed, in its one spelling, or None if it is not one."""
    bare = find_code(text, _SIZE)
    is_one = bare is not None and bare[0] == _MARK and bare[1] in _DIGITS
    return group(bare) if bare and is_one else None
