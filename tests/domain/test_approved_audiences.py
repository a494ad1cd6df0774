"""Whom an approval was given for, and when it no longer speaks for who would get the message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.approved_audiences import Change, change, is_another, pack, unpack

_IDS = st.integers(1, 2**62)
SIX = {guardian: guardian + 100 for guardian in range(1, 7)}


@given(st.dictionaries(_IDS, _IDS))
def test_what_was_noted_is_read_again(families: dict[int, int]) -> None:
    assert dict(unpack(pack(families))) == families


def test_a_whole_city_is_kept_in_little_room() -> None:
    """Guardians as they register by and by, every third of them the second of a family."""
    city = {7 * n + n % 5: 5 * n - (5 if n % 3 == 0 else 0) for n in range(1, 20_001)}
    assert len(pack(city)) < 40_000


def parts(families: dict[int, int], size: int) -> list[dict[int, int]]:
    pairs = sorted(families.items())
    return [dict(pairs[start : start + size]) for start in range(0, len(pairs), size)]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (SIX, Change(0, 0)),
        ({}, Change(0, 6)),
        ({guardian + 10: family + 10 for guardian, family in SIX.items()}, Change(6, 6)),
        # A second parent is no new family, and the first one's leaving takes none away.
        ({**SIX, 11: 101}, Change(0, 0)),
        ({one: family for one, family in SIX.items() if one > 1} | {11: 101}, Change(1, 1)),
        # Families brought together or parted meanwhile.
        (dict.fromkeys(SIX, 101), Change(0, 0)),
        ({guardian: guardian + 500 for guardian in SIX}, Change(0, 0)),
    ],
)
def test_families_come_and_go(now: dict[int, int], expected: Change) -> None:
    assert change(pack(SIX), lambda: parts(now, 4)) == expected


@pytest.mark.parametrize(
    ("changed", "families", "is_it"),
    [
        (Change(2, 2), 6, False),
        (Change(3, 0), 6, True),
        (Change(0, 3), 6, True),
        (Change(10, 10), 100, False),
        (Change(11, 0), 100, True),
        (Change(0, 11), 109, True),
    ],
)
def test_a_few_come_and_go_everywhere(changed: Change, families: int, is_it: bool) -> None:
    assert is_another(changed, families, percent=10) is is_it


_CITY = st.dictionaries(st.integers(1, 60), st.integers(1, 20))


@given(_CITY, _CITY, st.integers(1, 9))
def test_a_family_stays_with_one_of_its_guardians(
    meant: dict[int, int], now: dict[int, int], size: int
) -> None:
    stayed = meant.keys() & now.keys()
    came = {*now.values()} - {now[one] for one in stayed}
    went = {*meant.values()} - {meant[one] for one in stayed}
    assert change(pack(meant), lambda: parts(now, size)) == Change(len(came), len(went))
