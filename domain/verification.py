"""Verify codes 確認番号: eight symbols beneath every copy, by which anybody may ask if it is real.

They are no secret, but nobody may guess one that names a broadcast: eight of 31 symbols are 39
bits. Each has a letter and a digit, so that neither an English word nor a date is taken for one.
"""

from __future__ import annotations

from domain.broadcasts import State
from domain.codes import DIGITS, Choose, find_code, group, pick

_SIZE = 8

# What never began to be sent is unknown to who asks, whether it is written or not.
REAL = frozenset({State.SENDING, State.SENT, State.WITHDRAWN})


def make_verify_code(choose: Choose) -> str:
    """A new code as it is shown: "K7Q3-M9XP"."""
    while not _is_mixed(code := pick(choose, _SIZE)):
        pass
    return group(code)


def fold_verify_code(text: str) -> str | None:
    """The one code in a typed text (「確認番号 k7q3 m9xp です」) as it is shown; None if none."""
    found = find_code(text, _SIZE)
    return group(found) if found and _is_mixed(found) else None


def _is_mixed(code: str) -> bool:
    return 0 < sum(symbol in DIGITS for symbol in code) < _SIZE
