"""Whom an approval was given for: noted when it is asked for, compared when the message leaves.

A number says nothing of who is meant: a group may be emptied or filled with other people between
the approval and the sending, and the count be the same.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

# In a small audience these few are more than the board's percentage, and mean nothing: a family
# moved away and another one registered.
ALWAYS_ALLOWED = 2


@dataclass(frozen=True, slots=True)
class Change:
    """How many families came to an audience, and went from it, since it was submitted."""

    came: int
    went: int


def change(meant: Mapping[int, int], now: Mapping[int, int]) -> Change:
    """What happened to an audience; both are the families of its guardians, by their IDs.

    A family is the same as long as one of its guardians is: the second parent who registers
    is no new family, and families joined or parted meanwhile have neither come nor gone.
    """
    stayed = meant.keys() & now.keys()
    came = {*now.values()} - {now[one] for one in stayed}
    went = {*meant.values()} - {meant[one] for one in stayed}
    return Change(len(came), len(went))


def is_another(changed: Change, families: int, percent: int) -> bool:
    """Whether an approval for so many families no longer speaks for the audience."""
    most = max(ALWAYS_ALLOWED, families * percent // 100)
    return changed.came > most or changed.went > most


def pack(families: Mapping[int, int]) -> bytes:
    """Guardians with their families, as differences: some three bytes for each guardian."""
    pairs = sorted(families.items())
    numbers = [*_differences(one for one, _ in pairs), *_differences(two for _, two in pairs)]
    return zlib.compress(struct.pack(f"<{len(numbers)}q", *numbers))


def unpack(packed: bytes) -> dict[int, int]:
    plain = zlib.decompress(packed)
    numbers = struct.unpack(f"<{len(plain) // 8}q", plain)
    half = len(numbers) // 2
    return dict(zip(accumulate(numbers[:half]), accumulate(numbers[half:]), strict=True))


def _differences(numbers: Iterable[int]) -> Sequence[int]:
    return [later - earlier for earlier, later in pairwise((0, *numbers))]
