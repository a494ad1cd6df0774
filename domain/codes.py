"""Codes people type: how they are made, shown, and recognised in whatever somebody sends.

The alphabet leaves out 0, O, 1, I and L, which nobody can tell apart on a printed slip. Such a
character therefore never occurs in a code, and is not guessed into one that does.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from domain.folding import DASHES, fold

Choose = Callable[[Sequence[str]], str]
"""Picks one element at random; `secrets.choice` outside tests."""

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
DIGITS = "0123456789"
GROUP = 4

_CODE_SIZE = 16
_STAFF_MARK = "S"
_PIN_SIZE = 6

_SEPARATOR = rf"[{re.escape(DASHES)}\s・·•‧∙⋅._~〜]{{0,3}}"
_RUN = re.compile(rf"[0-9A-Z](?:{_SEPARATOR}[0-9A-Z])*")
_SPACING = re.compile(r"[^0-9A-Z]+")
_LOWER_TO_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")

# Each contains an I, O or L, which no code has, so none of this can be part of a code.
_BEFORE = re.compile(r"^(?:(?:MY|OUR|THE) )?(?:SCHOOL[\s_-]*)?(?:ID|CODE|PIN)(?: IS\b)?")
_AFTER = re.compile(r"(?:^|\s)PLEASE$")

# A class or a number in the roll, as in 「2年1組の田中です」, beside the code but not touching it.
_CLASS_OR_NUMBER = re.compile(rf"(?<![0-9A-Z{re.escape(DASHES)}])\d{{1,2}}(?=[年組番])")

_JAPANESE = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


def group(characters: str) -> str:
    """Show a code in groups of four: "K7Q3M9XP4TWR" as "K7Q3-M9XP-4TWR"."""
    starts = range(0, len(characters), GROUP)
    return "-".join(characters[start : start + GROUP] for start in starts)


def pick(choose: Choose, size: int, alphabet: str = ALPHABET) -> str:
    """Choose `size` characters of an alphabet."""
    return "".join(choose(alphabet) for _ in range(size))


def runs(text: str) -> list[list[str]]:
    """Find what could be codes in a typed text: its runs of ASCII letters and digits.

    A run goes on over dashes, dots and spaces, because people type codes that way; it is
    returned as its pieces between them, in upper case, without a label ("My school ID is …").
    """
    return [_SPACING.split(run) for run in _written_runs(_upper(text))]


def find_code(text: str, size: int, alphabet: str = ALPHABET) -> str | None:
    """Find the one code of `size` characters in a typed text; return it bare, or None.

    Around it may stand Japanese words, punctuation and the usual labels. Any other letter or
    digit makes the answer None, whether it is a second code, a character that looks alike or
    part of a mail address: better to ask again than to take the wrong thing.
    """
    upper = _CLASS_OR_NUMBER.sub("", _upper(text))
    found = _written_runs(upper)
    if len(found) != 1 or not _is_only_japanese(_RUN.sub("", upper)):
        return None
    bare = _SPACING.sub("", found[0])
    fits = len(bare) == size and set(bare) <= set(alphabet)
    return bare if fits and _is_spaced_like_a_code(found[0]) else None


def make_code(choose: Choose) -> str:
    """Make a one-time code for inviting a member of staff: `SXXX-XXXX-XXXX-XXXX`.

    The S and the fourth group tell it from a school ID at sight. Fifteen characters of a choice
    of 31 are 74 bits.
    """
    return group(_STAFF_MARK + pick(choose, _CODE_SIZE - len(_STAFF_MARK)))


def fold_code(text: str) -> str | None:
    """Return the staff code somebody typed in its one spelling, or None if it is not one."""
    bare = find_code(text, _CODE_SIZE)
    return group(bare) if bare and bare.startswith(_STAFF_MARK) else None


def make_pin(choose_digit: Choose) -> str:
    """Make the six digits with which somebody confirms a mail address."""
    return pick(choose_digit, _PIN_SIZE, DIGITS)


def fold_pin(text: str) -> str | None:
    """Return the six digits somebody typed in any width or grouping, or None."""
    return find_code(text, _PIN_SIZE, DIGITS)


def _upper(text: str) -> str:
    # str.upper() would turn other scripts' letters (ı, ß) into ASCII ones.
    return fold(text).translate(_LOWER_TO_UPPER)


def _written_runs(upper: str) -> list[str]:
    bodies = (_without_label(run) for run in _RUN.findall(upper))
    return [body for body in bodies if body]


def _without_label(run: str) -> str:
    body = _AFTER.sub("", _BEFORE.sub("", run))
    found = _RUN.search(body)
    return found[0] if found else ""


def _is_only_japanese(rest: str) -> bool:
    # A combining mark would make another letter of the character before it.
    others = _JAPANESE.sub("", rest)
    return not any(char.isalnum() or unicodedata.combining(char) for char in others)


def _is_spaced_like_a_code(run: str) -> bool:
    """Tell whether a run is spaced like a code rather than like a sentence.

    "that was great" has twelve letters of the alphabet as well. So where there are no digits,
    spaces may only stand between whole groups.
    """
    words = [_SPACING.sub("", word) for word in run.split()]
    in_groups = all(len(word) % GROUP == 0 for word in words)
    return len(words) == 1 or in_groups or any(char in DIGITS for char in run)
