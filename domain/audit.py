"""Audit chains: seals that show every later change, and the search that names it.

Each entry carries 64 hexadecimal characters of HMAC-SHA256: the first half seals the entry
with its place in the chain, the second half seals the first together with the entry before
it.  Two halves, because one seal over everything would say of an altered entry only that
the chain is broken from there on; so each entry answers for itself, and its place in the
chain answers for its neighbours.  The head seals the length, so that the end is not cut off.

What a chain cannot show is a database put back, whole, to an earlier day with its heads.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from domain.canonical import canonical_json

HALF = 32
NO_LINK = "0" * HALF
# What the next entry is sealed to when the chain did not end as its head says: so that work
# can go on, but no later entry covers up what was done before it.
BROKEN_LINK = "f" * HALF
_PURPOSE = b"renrakumo audit 1"
# The verb whose subjects, on a board's chain, are the schools that must have chains.
OPEN_SCHOOL = "open_school"

Fault = Literal["changed", "removed", "reordered", "added"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing somebody did or tried; IDs and salted digests, never personal data."""

    chain: str
    sequence: int
    board_id: int
    at: datetime
    actor: str
    verb: str
    subject: str
    details: Mapping[str, Any]
    mac: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends."""

    chain: str
    length: int
    mac: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one entry; sequence 0 is the chain's head.

    `belongs_at` is the true place of an entry that was reordered.  "removed" at an entry
    that is there means: the chain's end before it had been tampered with when it was written.
    """

    chain: str
    fault: Fault
    sequence: int
    belongs_at: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def audit_key(secret: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE, hashlib.sha256)


def link_of(mac: str) -> str:
    return mac[HALF:]


def seal_entry(key: bytes, entry: Entry, previous_link: str) -> str:
    """The mac of an entry that comes after the one whose link is given."""
    own = _own(key, _digest(entry), entry.sequence)
    return own + _link(key, own, previous_link)


def seal_head(key: bytes, chain: str, length: int, last_link: str) -> str:
    """The mac of a chain's head; its first half still proves the length if the end is gone."""
    length_seal = _mac(key, "length", chain, str(length))
    return length_seal + _mac(key, "head", length_seal, last_link)


def check(key: bytes, chain: str, head: Head | None, entries: Sequence[Entry]) -> list[Finding]:
    """Everything wrong with one chain, in its order; entries are given by sequence."""
    return sorted(
        _Check(key, chain, head, entries).findings(),
        key=lambda found: (found.sequence, found.fault),
    )


class _Check:
    """One look through a chain: where each entry belongs, and so what became of it."""

    def __init__(self, key: bytes, chain: str, head: Head | None, entries: Sequence[Entry]) -> None:
        self.key = key
        self.entries = entries
        self.chain = chain
        self.head = head
        self.in_place = {entry.sequence for entry in entries if self._is_in_place(entry)}
        self.length = self._length()
        self.gaps = {n: None for n in range(1, self.length + 1) if n not in self.in_place}
        self.moved = self._moved()

    def findings(self) -> Iterator[Finding]:
        found = [self._judged(e) for e in self.entries if e.sequence not in self.in_place]
        yield from found
        covered = self.in_place | {f.belongs_at for f in found if f.fault == "reordered"}
        covered |= {f.sequence for f in found if f.fault == "changed"}
        for sequence in range(1, self.length + 1):
            if sequence not in covered:
                yield Finding(self.chain, "removed", sequence)
        yield from self._broken_links()
        yield from self._head_findings()

    def _is_in_place(self, entry: Entry) -> bool:
        own = _own(self.key, _digest(entry), entry.sequence)
        return hmac.compare_digest(own, entry.mac[:HALF])

    def _length(self) -> int:
        if self.head and self._proves_length(self.head):
            return self.head.length
        return max(self.in_place, default=0)

    def _proves_length(self, head: Head) -> bool:
        sealed = _mac(self.key, "length", head.chain, str(head.length))
        return hmac.compare_digest(sealed, head.mac[:HALF])

    def _moved(self) -> dict[int, int]:
        """For entries that stand elsewhere than they were sealed: where each belongs."""
        moved: dict[int, int] = {}
        shift = 0
        for entry in self.entries:
            if entry.sequence in self.in_place:
                continue
            place = self._true_place(entry, shift)
            if place is not None:
                moved[entry.sequence] = place
                shift = place - entry.sequence
                del self.gaps[place]
        return moved

    def _true_place(self, entry: Entry, shift: int) -> int | None:
        digest, own = _digest(entry), entry.mac[:HALF]
        # An entry slipped in or taken out moves all later ones alike: so try that first.
        near = (entry.sequence + step for step in (shift, -1, 1))
        for place in (*(n for n in near if n in self.gaps), *self.gaps):
            if hmac.compare_digest(_own(self.key, digest, place), own):
                return place
        return None

    def _judged(self, entry: Entry) -> Finding:
        place = self.moved.get(entry.sequence)
        if place is not None:
            return Finding(self.chain, "reordered", entry.sequence, place)
        # A place to which another entry was traced cannot be this one's.
        fault: Fault = "changed" if entry.sequence in self.gaps else "added"
        return Finding(self.chain, fault, entry.sequence)

    def _broken_links(self) -> Iterator[Finding]:
        """Entries that are genuine and in place but come from another history."""
        possible = {NO_LINK}
        last = 0
        for entry in self.entries:
            if entry.sequence not in self.in_place:
                continue
            own, stored = entry.mac[:HALF], link_of(entry.mac)
            expected = {_link(self.key, own, link) for link in possible}
            if stored == _link(self.key, own, BROKEN_LINK):
                yield Finding(self.chain, "removed", entry.sequence)
            elif entry.sequence == last + 1 and stored not in expected:
                yield Finding(self.chain, "changed", entry.sequence)
            # Where the link itself was altered, the entry after it was sealed to the true one.
            possible = {stored, *expected} if entry.sequence == last + 1 else {stored}
            last = entry.sequence

    def _head_findings(self) -> Iterator[Finding]:
        if self.head is None:
            yield Finding(self.chain, "removed", 0)
        elif not self._proves_length(self.head) or self._contradicts_end(self.head):
            yield Finding(self.chain, "changed", 0)

    def _contradicts_end(self, head: Head) -> bool:
        """Whether the head was sealed to another last entry than the one that stands there."""
        last = self.entries[-1] if self.entries else None
        if last is None or last.sequence != head.length or head.length not in self.in_place:
            return head.length == 0 and head.mac != seal_head(self.key, head.chain, 0, NO_LINK)
        return head.mac != seal_head(self.key, head.chain, head.length, link_of(last.mac))


def _digest(entry: Entry) -> str:
    value = [
        entry.chain,
        entry.board_id,
        entry.at.astimezone(UTC).isoformat(),
        entry.actor,
        entry.verb,
        entry.subject,
        dict(entry.details),
    ]
    return hashlib.sha256(canonical_json(value)).hexdigest()


def _own(key: bytes, digest: str, sequence: int) -> str:
    return _mac(key, "entry", digest, str(sequence))


def _link(key: bytes, own: str, previous_link: str) -> str:
    return _mac(key, "link", own, previous_link)


def _mac(key: bytes, *parts: str) -> str:
    return hmac.digest(key, canonical_json(parts), hashlib.sha256).hex()[:HALF]
