"""Whatever is done to a chain is found, and named for what it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.audit import NO_LINK, Entry, Finding, Head, check, link_of, seal_entry, seal_head

KEY = b"audit key of the tests, 32 bytes"
CHAIN = "school:1"
START = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def chain(length: int, first_actor: int = 0) -> tuple[Head, list[Entry]]:
    entries: list[Entry] = []
    link = NO_LINK
    for number in range(1, length + 1):
        at = START + timedelta(minutes=number)
        who = f"staff:{first_actor + number}"
        entry = Entry(CHAIN, number, 1, at, who, "approve", f"broadcast:{number}", {"n": number})
        entry = replace(entry, mac=seal_entry(KEY, entry, link))
        link = link_of(entry.mac)
        entries.append(entry)
    return Head(CHAIN, length, seal_head(KEY, CHAIN, length, link)), entries


def faults(head: Head | None, entries: list[Entry]) -> list[tuple[str, int]]:
    ordered = sorted(entries, key=lambda entry: entry.sequence)
    return [(found.fault, found.sequence) for found in check(KEY, CHAIN, head, ordered)]


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_whole_chain_has_nothing_wrong(length: int) -> None:
    assert faults(*chain(length)) == []


CHANGES = [
    {"actor": "staff:99"},
    {"verb": "reject"},
    {"subject": "broadcast:99"},
    {"at": START},
    {"board_id": 2},
    {"details": {"n": 99}},
    {"details": {}},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("where", [1, 4, 7])
def test_a_changed_entry_is_named(where: int, change: dict[str, object]) -> None:
    head, entries = chain(7)
    entries[where - 1] = replace(entries[where - 1], **change)  # type: ignore[arg-type]
    assert faults(head, entries) == [("changed", where)]


@pytest.mark.parametrize("half", [slice(0, 32), slice(32, 64)])
@pytest.mark.parametrize("where", [1, 4])
def test_a_changed_seal_is_named(where: int, half: slice) -> None:
    head, entries = chain(7)
    mac = list(entries[where - 1].mac)
    mac[half] = "0" * 32
    entries[where - 1] = replace(entries[where - 1], mac="".join(mac))
    assert faults(head, entries) == [("changed", where)]


@pytest.mark.parametrize("where", [1, 4, 7])
def test_a_removed_entry_is_named(where: int) -> None:
    head, entries = chain(7)
    del entries[where - 1]
    assert faults(head, entries) == [("removed", where)]


def test_a_removed_entry_is_named_though_the_others_close_ranks() -> None:
    head, entries = chain(5)
    del entries[1]
    closed = [replace(entry, sequence=n) for n, entry in enumerate(entries, 1)]
    found = check(KEY, CHAIN, head, closed)
    assert Finding(CHAIN, "removed", 2) in found
    assert Finding(CHAIN, "reordered", 2, 3) in found


def test_two_entries_that_changed_places_are_named() -> None:
    head, entries = chain(7)
    entries[1], entries[4] = (
        replace(entries[4], sequence=2),
        replace(entries[1], sequence=5),
    )
    ordered = sorted(entries, key=lambda entry: entry.sequence)
    assert check(KEY, CHAIN, head, ordered) == [
        Finding(CHAIN, "reordered", 2, 5),
        Finding(CHAIN, "reordered", 5, 2),
    ]


def test_an_entry_added_at_the_end_is_named() -> None:
    head, entries = chain(3)
    entries.append(replace(entries[2], sequence=4))
    assert faults(head, entries) == [("added", 4)]


def test_an_entry_slipped_in_is_named() -> None:
    head, entries = chain(4)
    false = replace(entries[1], actor="staff:99")
    moved = [replace(entry, sequence=entry.sequence + 1) for entry in entries[1:]]
    found = faults(head, [entries[0], false, *moved])
    assert found == [("added", 2), ("reordered", 3), ("reordered", 4), ("reordered", 5)]


def test_a_copy_of_a_genuine_entry_is_an_added_one() -> None:
    head, entries = chain(3)
    entries += [replace(entries[0], sequence=4), replace(entries[0], sequence=0)]
    assert faults(head, entries) == [("added", 0), ("added", 4)]


def test_an_entry_of_another_chain_is_an_added_one() -> None:
    head, entries = chain(3)
    strange = replace(entries[1], chain="school:2")
    other = replace(strange, mac=seal_entry(KEY, strange, link_of(entries[0].mac)))
    entries.append(replace(other, chain=CHAIN, sequence=4))
    assert faults(head, entries) == [("added", 4)]


def test_an_end_cut_off_together_with_its_head_is_missed_in_the_head() -> None:
    head, entries = chain(7)
    shorter = Head(CHAIN, 5, head.mac)
    assert faults(shorter, entries[:5]) == [("changed", 0)]


def test_a_missing_head_is_named() -> None:
    _, entries = chain(3)
    assert faults(None, entries) == [("removed", 0)]


def test_another_history_spliced_in_is_found() -> None:
    """Both halves are genuine: as after a database was put back and then went on."""
    head, entries = chain(6)
    _, others = chain(6, first_actor=50)
    assert faults(head, entries[:3] + others[3:])


@given(st.data())
def test_any_tampering_is_found(data: st.DataObject) -> None:
    head, entries = chain(8)
    before = list(entries)
    for _ in range(data.draw(st.integers(1, 4))):
        _tamper(data, entries)
    unique = {entry.sequence: entry for entry in entries}
    entries = [unique[sequence] for sequence in sorted(unique)]
    assert bool(faults(head, entries)) == (entries != before)


def _tamper(data: st.DataObject, entries: list[Entry]) -> None:
    if not entries:
        return
    at = data.draw(st.integers(0, len(entries) - 1))
    match data.draw(st.sampled_from(["change", "remove", "move", "add", "seal"])):
        case "change":
            entries[at] = replace(entries[at], actor=data.draw(st.sampled_from(["a", "b"])))
        case "remove":
            del entries[at]
        case "move":
            entries[at] = replace(entries[at], sequence=data.draw(st.integers(0, 12)))
        case "add":
            entries.append(replace(entries[at], sequence=data.draw(st.integers(0, 12))))
        case _:
            entries[at] = replace(entries[at], mac=data.draw(st.sampled_from(["", "0" * 64])))
