"""Whom an approval was given for: noted when it is asked for, compared when the message leaves.

A number says nothing of who is meant: a group may be emptied or filled with other people between
the approval and the sending, and the count be the same.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, chain, islice, pairwise

Families = Mapping[int, int]
"""The families of guardians, by the guardians' IDs."""

# In a small audience these few are more than the board's percentage, and mean nothing: a family
# moved away and another one registered.
ALWAYS_ALLOWED = 2
# So many guardians of whom nobody is left are looked at together.
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """How many families came to an audience, and went from it, since it was submitted."""

    came: int
    went: int


def change(packed: bytes, now: Callable[[], Iterable[Families]]) -> Change:
    """What happened to an audience since it was packed; `now` gives it part by part, in the order
    of the guardians, as often as it is called: a whole city is not held at once.

    A family is the same as long as one of its guardians is: the second parent who registers
    is no new family, and families joined or parted meanwhile have neither come nor gone.
    """
    came: set[int] = set()
    went: set[int] = set()
    for here, meant in _side_by_side(now(), unpack(packed)):
        came |= {here[one] for one in here.keys() - meant.keys()}
        went |= {meant[one] for one in meant.keys() - here.keys()}
    if came or went:
        for here, meant in _side_by_side(now(), unpack(packed)):
            stayed = here.keys() & meant.keys()
            came -= {here[one] for one in stayed}
            went -= {meant[one] for one in stayed}
    return Change(len(came), len(went))


def _side_by_side(
    now: Iterable[Families], meant: Iterator[tuple[int, int]]
) -> Iterator[tuple[Families, Families]]:
    """Each part of an audience with what was meant of the same guardians."""
    following = next(meant, None)
    for here in now:
        last, theirs = max(here), {}
        while following is not None and following[0] <= last:
            theirs[following[0]] = following[1]
            following = next(meant, None)
        yield here, theirs
    rest = chain((following,), meant) if following is not None else iter(())
    while theirs := dict(islice(rest, _AT_ONCE)):
        yield {}, theirs


def is_another(changed: Change, families: int, percent: int) -> bool:
    """Whether an approval for so many families no longer speaks for the audience."""
    most = max(ALWAYS_ALLOWED, families * percent // 100)
    return changed.came > most or changed.went > most


def pack(families: Families) -> bytes:
    """Guardians with their families, as differences: some three bytes for each guardian."""
    pairs = sorted(families.items())
    columns = ((one for one, _ in pairs), (two for _, two in pairs))
    return zlib.compress(_little(array("q", chain(*map(_differences, columns)))).tobytes())


def unpack(packed: bytes) -> Iterator[tuple[int, int]]:
    """Each guardian with their family, in the order of the guardians' IDs."""
    numbers = array("q")
    numbers.frombytes(zlib.decompress(packed))
    both, half = memoryview(_little(numbers)), len(numbers) // 2
    return zip(accumulate(both[:half]), accumulate(both[half:]), strict=True)


def _little(numbers: array[int]) -> array[int]:
    """The same the other way round, where a machine writes the high byte first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _differences(numbers: Iterable[int]) -> Iterator[int]:
    return (later - earlier for earlier, later in pairwise(chain((0,), numbers)))
