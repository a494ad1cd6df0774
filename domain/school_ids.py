"""School IDs 学校ID: what a school hands only to those who may register.

An ID is twelve characters of `domain.codes.ALPHABET`, shown as `XXXX-XXXX-XXXX`. The first group
is the school's handle: not secret, and the key under which wrong tries are counted, for schools
that exist and for handles that nobody has alike. The other eight are the secret (39 bits), which
only holds together with that limit.
"""

import re

from domain.codes import ALPHABET, GROUP, Choose, find_code, group, pick, runs

SIZE = 12
_TYPING_SLIPS = 2

_HANDLE = re.compile(f"[{ALPHABET}]{{{GROUP}}}")
_CANONICAL = re.compile(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}")
_ADDRESS = re.compile(r"[@＠]|://")


def make_handle(choose: Choose) -> str:
    """Make a handle; the caller keeps it unique among schools."""
    return pick(choose, GROUP)


def make_school_id(handle: str, choose: Choose) -> str:
    """Make an ID for the school of this handle.

    Raises:
        ValueError: the handle is not four characters of the alphabet.
    """
    if not _HANDLE.fullmatch(handle):
        raise ValueError(f"not a handle: {handle!r}")
    return group(handle + pick(choose, SIZE - GROUP))


def fold_school_id(text: str) -> str | None:
    """Return the school ID somebody typed as `XXXX-XXXX-XXXX`, or None if it is not one.

    Any width, case, separator and quotation mark will do, and Japanese words around it
    (「うちのIDはK7Q3-M9XP-4TWRです」). Characters no ID has (0 O 1 I L) are not guessed.
    """
    bare = find_code(text, SIZE)
    return group(bare) if bare else None


def looks_like_school_id(text: str) -> bool:
    """Tell whether somebody means to give a school ID, rightly or mistyped.

    So the answer to "K7Q3-M9XP-4TWO" can be "that ID is wrong" rather than "pardon?". Telephone
    numbers, mail addresses and plain words do not look like one.
    """
    if fold_school_id(text):
        return True
    return not _ADDRESS.search(text) and any(map(_is_mistyped_id, runs(text)))


def handle_of(school_id: str) -> str:
    """Return the handle of a folded school ID.

    Raises:
        ValueError: the text is not a folded school ID.
    """
    if not _CANONICAL.fullmatch(school_id):
        raise ValueError("not a folded school ID")
    return school_id[:GROUP]


def _is_mistyped_id(pieces: list[str]) -> bool:
    run = "".join(pieces)
    about_right = abs(len(run) - SIZE) <= _TYPING_SLIPS
    # A date, a class or a sentence with a number in it has shorter pieces than an ID.
    in_groups = min(map(len, pieces)) >= GROUP - 1
    return about_right and in_groups and not run.isdigit() and not run.isalpha()
