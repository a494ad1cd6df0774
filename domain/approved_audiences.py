"""Whom an approval was given for: noted when it is asked for, compared when the message leaves.

A number says nothing of who is meant: a group may be emptied or filled with other people between
the approval and the sending, and the count be the same.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise

# In a small audience these few are more than the board's percentage, and mean nothing: a family
# moved away and another one registered.
ALWAYS_ALLOWED = 2
# So many guardians are compared at once.
_AT_ONCE = 10_000


def _numbers() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class Families:
    """Guardians in the order of their IDs, and the family of each.

    A city of a million takes 16 MB so, and 200 as a mapping.
    """

    guardians: array[int] = field(default_factory=_numbers)
    families: array[int] = field(default_factory=_numbers)

    @classmethod
    def of(cls, families: Mapping[int, int]) -> Families:
        pairs = sorted(families.items())
        return cls(array("q", (one for one, _ in pairs)), array("q", (two for _, two in pairs)))


@dataclass(frozen=True, slots=True)
class Change:
    """How many families came to an audience, and went from it, since it was submitted."""

    came: int
    went: int


def change(meant: Families, now: Families) -> Change:
    """What happened to an audience since it was meant.

    A family is the same as long as one of its guardians is: the second parent who registers
    is no new family, and families joined or parted meanwhile have neither come nor gone.
    """
    return Change(came=_new_families(now, meant), went=_new_families(meant, now))


def _new_families(these: Families, others: Families) -> int:
    """How many families there are here of which none of the guardians is among the others."""
    guardians = set(_missing(these.guardians, others.guardians))
    if not guardians:
        return 0
    pairs = zip(these.guardians, these.families, strict=True)
    found = {family for guardian, family in pairs if guardian in guardians}
    pairs = zip(these.guardians, these.families, strict=True)
    found -= {family for guardian, family in pairs if family in found and guardian not in guardians}
    return len(found)


def _missing(these: array[int], others: array[int]) -> Iterator[int]:
    """What is not among the others; both are in order, so a part of each at a time."""
    for start in range(0, len(these), _AT_ONCE):
        part = these[start : start + _AT_ONCE]
        yield from set(part).difference(
            others[bisect_left(others, part[0]) : bisect_right(others, part[-1])]
        )


def is_another(changed: Change, families: int, percent: int) -> bool:
    """Whether an approval for so many families no longer speaks for the audience."""
    most = max(ALWAYS_ALLOWED, families * percent // 100)
    return changed.came > most or changed.went > most


def pack(families: Families) -> bytes:
    """Guardians with their families, as differences: some three bytes for each guardian."""
    columns = _differences(families.guardians), _differences(families.families)
    return zlib.compress(_little(array("q", chain(*columns))).tobytes())


def unpack(packed: bytes) -> Families:
    numbers = array("q")
    numbers.frombytes(zlib.decompress(packed))
    numbers, half = _little(numbers), len(numbers) // 2
    columns = numbers[:half], numbers[half:]
    return Families(*(array("q", accumulate(column)) for column in columns))


def _little(numbers: array[int]) -> array[int]:
    """The same the other way round, where a machine writes the high byte first."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _differences(numbers: Iterable[int]) -> Iterator[int]:
    return (later - earlier for earlier, later in pairwise(chain((0,), numbers)))
