"""Families from a file: the school vouches for the addresses that it writes there.

Bringing the same rows again changes nothing: an address is one contact point, a class and number
are one child, and the guardians of a child are one family. Who has left is not brought back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from actions import audit, family_rows
from actions.family_rows import FamilyRow, Fault, Placed
from actions.registration import CHILDREN_AT_A_SCHOOL, CHILDREN_IN_ALL
from storage import bulk, families, people
from storage.database import Transaction
from storage.families import MOST_GUARDIANS
from storage.tables import (
    Child,
    ContactPoint,
    Family,
    Guardian,
    GuardianChild,
    GuardianContact,
    Membership,
)

__all__ = ["FamiliesImported", "FamilyRow", "Fault", "import_families"]

_LEFT = "left"

# A guardian who is known, by their number, or a new one, by the index of their address.
_Who = int | bytes
# A child: its class, and its number if that is known.
_Kid = tuple[int, int | None]


@dataclass(slots=True)
class FamiliesImported:
    """How much was new, and what was not taken."""

    classes: int = 0
    groups: int = 0
    children: int = 0
    families: int = 0
    guardians: int = 0
    contact_points: int = 0
    memberships: int = 0
    unchanged: int = 0
    faults: list[Fault] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: value for name, value in asdict(self).items() if name != "faults"}


def import_families(
    tx: Transaction, board_id: int, rows: Sequence[FamilyRow], *, create: bool, digest: str
) -> FamiliesImported:
    """Take all rows that can be taken; classes and groups that are missing only if `create`.

    `digest` is one of the whole file. One entry on each school's chain says how much it was.
    """
    placing = family_rows.place_rows(tx, board_id, rows, create=create)
    done = FamiliesImported(classes=placing.classes, groups=placing.groups)
    taking = _Taking(tx, board_id, placing.placed, done)
    taking.take()
    done.faults += placing.faults
    done.faults.sort(key=lambda fault: fault.line)
    for school_id, counted in sorted(taking.by_school.items()):
        chain = audit.chain_of(board_id, school_id)
        details = {**counted, "file": audit.digest(tx, digest)}
        audit.record(tx, chain, audit.SYSTEM, "import_families", f"school:{school_id}", details)
    return done


class _Taking:
    """Takes rows one by one in memory, and then writes all that they changed."""

    def __init__(
        self, tx: Transaction, board_id: int, placed: Sequence[Placed], done: FamiliesImported
    ) -> None:
        self._tx = tx
        self._board_id = board_id
        self._done = done
        self._placed = placed
        self.by_school: dict[int, Counter[str]] = {}
        self._indexes = {
            each.row.line: bulk.index_of(tx, each.row.address)
            for each in placed
            if each.row.address is not None
        }
        self._addresses = {
            self._indexes[each.row.line]: each.row.address
            for each in placed
            if each.row.address is not None
        }
        # As everybody does who registers: first contact points are locked, then children.
        self._points = bulk.lock_points(tx, self._addresses.keys())
        self._child_ids = bulk.lock_children(tx, {each.class_id for each in placed})
        self._read()

    def _read(self) -> None:
        """What is known of everybody whom the rows name."""
        tx = self._tx
        wanted = {each.kid for each in self._placed} & self._child_ids.keys()
        ids = {self._child_ids[kid]: kid for kid in wanted if kid[1] is not None}
        self._guardians: dict[_Kid, set[_Who]] = {
            ids[child_id]: set(found) for child_id, found in bulk.guardians_of(tx, ids).items()
        }
        known = {one for found in self._guardians.values() for one in found}
        known |= {one for point in self._points.values() for one in point.guardian_ids}
        people_known = [one for one in known if isinstance(one, int)]
        self._family_of = bulk.families_of(tx, people_known)
        self._kids: dict[_Who, set[_Kid]] = {
            one: {(child.class_id, child.number) for child in children}
            for one, children in bulk.children_of(tx, people_known).items()
        }
        self._groups: dict[_Who, set[int]] = {
            one: set(found) for one, found in bulk.groups_of(tx, people_known).items()
        }
        self._school_of = bulk.schools_of_classes(
            tx, {class_id for kids in self._kids.values() for class_id, _ in kids}
        ) | {each.class_id: each.school_id for each in self._placed}
        self._new_kids: dict[_Kid, None] = {}
        self._new_unnumbered: list[tuple[_Who, int]] = []
        self._new_links: list[tuple[_Who, _Kid]] = []
        self._new_members: list[tuple[_Who, int]] = []
        self._new_people: dict[_Who, None] = {}
        self._got_number: list[tuple[int, int]] = []

    def take(self) -> None:
        """Numbers before unknown ones, and rows without an address when all guardians are known."""
        for each in sorted(self._placed, key=_rank):
            size = self._size()
            fault = self._taken(each)
            if fault is not None:
                self._done.faults.append(Fault(each.row.line, *fault))
            if fault is None or self._size() > size:
                self._count(each, changed=self._size() > size)
        self._write()

    def _size(self) -> int:
        """Grows with everything new."""
        return sum(
            len(some)
            for some in (
                self._new_kids,
                self._new_unnumbered,
                self._new_links,
                self._new_members,
                self._new_people,
                self._got_number,
            )
        )

    def _count(self, each: Placed, *, changed: bool) -> None:
        counted = self.by_school.setdefault(each.school_id, Counter(rows=0, changed=0))
        counted["rows"] += 1
        counted["changed"] += changed
        self._done.unchanged += not changed

    # One row.

    def _taken(self, each: Placed) -> tuple[str, Mapping[str, Any]] | None:
        """Note what a row says; or why it cannot be."""
        if each.row.address is None:
            return self._taken_child(each)
        index = self._indexes[each.row.line]
        point = self._points.get(index)
        if point is not None and point.state == _LEFT:
            return "left", {}
        who = self._who(index, each.kid)
        if fault := self._too_many(who, each):
            return fault
        if who not in self._family_of:
            self._new_people.setdefault(who)
        self._link(who, each)
        for group_id in (each.class_id, *each.group_ids):
            self._join(who, group_id)
        return None

    def _taken_child(self, each: Placed) -> tuple[str, Mapping[str, Any]] | None:
        """A child alone; its groups are joined by whoever its guardians are."""
        self._know(each.kid)
        guardians = self._guardians.get(each.kid, set())
        if each.group_ids and not guardians:
            return "nobody_for_groups", {}
        for who in guardians:
            for group_id in each.group_ids:
                self._join(who, group_id)
        return None

    def _who(self, index: bytes, kid: _Kid) -> _Who:
        """Whose address it is: at a shared mailbox, rather the one whose child it is."""
        known = self._points[index].guardian_ids if index in self._points else ()
        theirs = [one for one in known if one in self._guardians.get(kid, ())]
        mine: tuple[_Who, ...] = (*theirs, *known, index)
        return mine[0]

    def _too_many(self, who: _Who, each: Placed) -> tuple[str, Mapping[str, Any]] | None:
        """One address for a whole class is a mistake, and would make one family of them."""
        kids = self._kids.get(who, set())
        if each.kid not in kids and not self._is_known_without_number(kids, each.kid):
            here = sum(self._school_of[class_id] == each.school_id for class_id, _ in kids)
            if here >= CHILDREN_AT_A_SCHOOL or len(kids) >= CHILDREN_IN_ALL:
                return "too_many_children", {"most": CHILDREN_AT_A_SCHOOL}
        guardians = self._guardians.get(each.kid, set())
        if who not in guardians and len(guardians) >= MOST_GUARDIANS:
            return "too_many_guardians", {"most": MOST_GUARDIANS}
        return None

    @staticmethod
    def _is_known_without_number(kids: Iterable[_Kid], kid: _Kid) -> bool:
        class_id, number = kid
        return (class_id, None) in kids or (number is None and any(k[0] == class_id for k in kids))

    def _link(self, who: _Who, each: Placed) -> None:
        kids = self._kids.setdefault(who, set())
        class_id, number = each.kid
        if each.kid in kids or (number is None and any(one == class_id for one, _ in kids)):
            return
        if number is None:
            self._new_unnumbered.append((who, class_id))
        else:
            self._know(each.kid)
            self._guardians.setdefault(each.kid, set()).add(who)
            self._new_links.append((who, each.kid))
            if (class_id, None) in kids and isinstance(who, int):
                kids.discard((class_id, None))
                self._got_number.append((who, class_id))
        kids.add(each.kid)

    def _know(self, kid: _Kid) -> None:
        if kid[1] is not None and kid not in self._child_ids:
            self._new_kids.setdefault(kid)

    def _join(self, who: _Who, group_id: int) -> None:
        joined = self._groups.setdefault(who, set())
        if group_id not in joined:
            joined.add(group_id)
            self._new_members.append((who, group_id))

    # All rows.

    def _write(self) -> None:
        self._write_children()
        ids = self._write_people()
        own = {"board_id": self._board_id}
        links = [
            {"guardian_id": ids[who], "child_id": self._child_ids[kid], **own}
            for who, kid in self._new_links
        ]
        bulk.insert_rows(self._tx, GuardianChild, [*links, *self._unnumbered(ids)])
        members = [
            {"guardian_id": ids[who], "group_id": group_id, **own}
            for who, group_id in self._new_members
        ]
        bulk.insert_rows(self._tx, Membership, members)
        self._done.memberships = len(members)
        for guardian_id, class_id in self._got_number:
            people.unlink_unnumbered(self._tx, guardian_id, class_id)
        self._join_families()

    def _write_children(self) -> None:
        rows = [
            {"board_id": self._board_id, "class_id": class_id, "number": number}
            for class_id, number in self._new_kids
        ]
        bulk.insert_rows(self._tx, Child, rows)
        if rows:
            classes = {class_id for class_id, _ in self._new_kids}
            self._child_ids |= bulk.lock_children(self._tx, classes)
        self._done.children = len(rows) + len(self._new_unnumbered)

    def _unnumbered(self, ids: Mapping[_Who, int]) -> list[dict[str, int]]:
        """The children without number; returns the rows that say whose they are."""
        children = bulk.new_ids(self._tx, Child, len(self._new_unnumbered))
        pairs = list(zip(children, self._new_unnumbered, strict=True))
        own = {"board_id": self._board_id}
        rows = [{"id": one, "class_id": class_id, **own} for one, (_, class_id) in pairs]
        bulk.insert_rows(self._tx, Child, rows)
        return [{"guardian_id": ids[who], "child_id": one, **own} for one, (who, _) in pairs]

    def _write_people(self) -> dict[_Who, int]:
        """New guardians with their contact points; returns the number of everybody."""
        tx, new = self._tx, list(self._new_people)
        own = {"board_id": self._board_id}
        ids: dict[_Who, int] = {one: one for one in self._family_of}
        ids |= dict(zip(new, bulk.new_ids(tx, Guardian, len(new)), strict=True))
        family_of = self._write_families(new)
        rows = [
            {
                "id": ids[who],
                "family_id": family_of[who],
                "language": "ja",
                "created_at": tx.now,
                **own,
            }
            for who in new
        ]
        bulk.insert_rows(tx, Guardian, rows)
        points = self._write_points([who for who in new if isinstance(who, bytes)])
        contacts = [
            {"guardian_id": ids[who], "contact_point_id": points[who], "rank": 0, **own}
            for who in new
            if isinstance(who, bytes)
        ]
        bulk.insert_rows(tx, GuardianContact, contacts)
        self._done.guardians = len(new)
        return ids

    def _write_points(self, indexes: Sequence[bytes]) -> dict[bytes, int]:
        known = {index: self._points[index].id for index in indexes if index in self._points}
        new = [index for index in indexes if index not in known]
        ids = dict(zip(new, bulk.new_ids(self._tx, ContactPoint, len(new)), strict=True))
        rows = []
        for index, point_id in ids.items():
            address = self._addresses[index]
            assert address is not None, "indexes are made of addresses"
            values = bulk.contact_values(self._tx, address)
            rows.append({"id": point_id, "board_id": self._board_id, **values})
        bulk.insert_rows(self._tx, ContactPoint, rows)
        self._done.contact_points = len(rows)
        return known | ids

    # Families.

    def _write_families(self, new: Sequence[_Who]) -> dict[_Who, int]:
        """The family of each new guardian: that of the others with a child of theirs."""
        together = _Together()
        for kid, guardians in self._guardians.items():
            if kid[1] is not None:
                together.join([self._family_key(who) for who in guardians])
        found: dict[object, int] = {
            together.of(("family", one)): one for one in sorted(set(self._family_of.values()))[::-1]
        }
        needed = list(dict.fromkeys(together.of(who) for who in new))
        needed = [key for key in needed if key not in found]
        made = bulk.new_ids(self._tx, Family, len(needed))
        bulk.insert_rows(
            self._tx, Family, [{"id": one, "board_id": self._board_id} for one in made]
        )
        found |= dict(zip(needed, made, strict=True))
        self._done.families = len(needed)
        return {who: found[together.of(who)] for who in new}

    def _family_key(self, who: _Who) -> object:
        return ("family", self._family_of[who]) if isinstance(who, int) else who

    def _join_families(self) -> None:
        """Families that were two until a row named a child of both; few, so one by one."""
        touched = {kid for _, kid in self._new_links}
        for kid in sorted(touched, key=self._child_ids.__getitem__):
            known = {self._family_of[who] for who in self._guardians[kid] if isinstance(who, int)}
            if len(known) > 1:
                child = self._tx.session.get(Child, self._child_ids[kid])
                assert child is not None, "it was locked"
                families.join(self._tx, child)


class _Together:
    """Who belongs together, because they share something or both do with a third."""

    def __init__(self) -> None:
        self._above: dict[object, object] = {}

    def of(self, one: object) -> object:
        """The same for all who belong together."""
        while (above := self._above.get(one, one)) != one:
            self._above[one] = self._above.get(above, above)
            one = above
        return one

    def join(self, several: Sequence[object]) -> None:
        for other in several[1:]:
            self._above[self.of(other)] = self.of(several[0])


def _rank(each: Placed) -> tuple[int, int]:
    if each.row.address is None:
        return 2, each.row.line
    return int(each.row.number is None), each.row.line
