"""A made-up board, as rows and as a model in plain Python that says who hears what by what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from domain.audience import OF_BROADCAST, Part
from storage import opt_outs, people, schools
from storage.database import Transaction
from storage.tables import (
    Board,
    Family,
    Group,
    GroupPart,
    Guardian,
    GuardianContact,
    Membership,
)
from tests.delivery.city import City

_handles = count(1)
# Enough that many share one, and few enough that many have several.
_POINTS = (("email", "email"), ("webchat", "webchat"), ("line", "line"), ("line", "line"))


@dataclass
class Person:
    family: int
    every_way: bool
    # By contact point: rank, and whether it is off.
    ways: dict[int, tuple[int, bool]] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)


@dataclass
class Earlier:
    """What became of an earlier broadcast: who was in it, whom it reached, who confirmed."""

    audience: set[int]
    reached: set[int]
    confirmed: set[int]


@dataclass
class World:
    where: City
    schools: dict[int, set[int]] = field(default_factory=dict)
    groups: set[int] = field(default_factory=set)
    beneath: dict[int, set[int]] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    channels: dict[int, str] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    earlier: dict[int, Earlier] = field(default_factory=dict)

    # The model.

    def wide(self, groups: Iterable[int]) -> set[int]:
        found: set[int] = set()
        queue = list(groups)
        while queue:
            group = queue.pop()
            if group not in found:
                found.add(group)
                queue += self.beneath.get(group, ())
        return found

    def audience(self, parts: Iterable[Part]) -> set[int]:
        named = [part for part in parts if not part.excluded]
        out = [part for part in parts if part.excluded]
        groups_out = self._groups(out)
        groups = self._groups(named) - groups_out
        members = {n for n, one in self.people.items() if one.groups & groups}
        called = {n for n in self._called(named) if self._is_not_only_in(n, groups_out)}
        return (members | called) - self._called(out)

    def _is_not_only_in(self, number: int, groups: set[int]) -> bool:
        mine = self.people[number].groups
        return not mine or bool(mine - groups)

    def _groups(self, parts: Iterable[Part]) -> set[int]:
        found: set[int] = set()
        for part in parts:
            if part.kind == "city":
                found |= self.groups
            elif part.kind == "school":
                found |= self.wide(self.schools.get(part.id, ()))
            elif part.kind == "group":
                found |= self.wide({part.id} & self.groups)
        return found

    def _called(self, parts: Iterable[Part]) -> set[int]:
        found: set[int] = set()
        for part in parts:
            if part.kind in OF_BROADCAST and part.id in self.earlier:
                found |= self._of(self.earlier[part.id], part.kind)
        return found

    def _of(self, earlier: Earlier, kind: str) -> set[int]:
        if kind == "reached":
            return earlier.reached
        answered = earlier.reached if kind == "unreached" else earlier.confirmed
        families = {self.people[n].family for n in answered}
        left = {n for n in earlier.audience if self.people[n].family not in families}
        return {n for n in left if self.people[n].groups & self.schools[self.where.school_id]}

    def families(self, people: Iterable[int]) -> int:
        return len({self.people[n].family for n in people})

    def usable(self, number: int, *, emergency: bool) -> list[int]:
        """A guardian's contact points that may be used, the one liked best first."""
        ways = self.people[number].ways
        return [
            point
            for point in sorted(ways, key=lambda point: (ways[point][0], point))
            if point not in self.blocked
            and (emergency or not (ways[point][1] or point in self.left))
        ]

    def used(self, number: int, *, emergency: bool) -> list[int]:
        usable = self.usable(number, emergency=emergency)
        return usable if emergency or self.people[number].every_way else usable[:1]


def build(tx: Transaction, random: Random) -> World:
    board = Board(code=f"b{next(_handles)}", name="市", settings={}, created_at=tx.now)
    tx.session.add(board)
    tx.flush()
    world = World(City(board.id, 0, 0))
    for _ in range(2):
        code = f"{next(_handles):04x}"
        school = schools.add_school(tx, board.id, code, "学校", "primary", code)
        root = schools.root_of(tx, school.id)
        world.schools[school.id] = {root.id}
        world.groups.add(root.id)
    first = min(world.schools)
    world.where = City(board.id, first, min(world.schools[first]))
    _add_groups(tx, world, random)
    _add_points(tx, world, random)
    for _ in range(random.randint(1, 8)):
        _add_person(tx, world, random)
    return world


def _add_groups(tx: Transaction, world: World, random: Random) -> None:
    rows = []
    for number in range(random.randint(1, 7)):
        school_id = random.choice([*world.schools, None])
        row = Group(
            board_id=world.where.board_id, school_id=school_id, name=f"組{number}", kind="other"
        )
        tx.session.add(row)
        tx.flush()
        rows.append(row)
        world.groups.add(row.id)
        if school_id is not None:
            world.schools[school_id].add(row.id)
    for row in rows:
        row.parent_id = random.choice([*sorted(world.groups), None])
        if row.parent_id is not None:
            world.beneath.setdefault(row.parent_id, set()).add(row.id)
    _add_parts(tx, world, random)


def _add_parts(tx: Transaction, world: World, random: Random) -> None:
    for _ in range(random.randint(0, 4)):
        whole, part = random.choice(sorted(world.groups)), random.choice(sorted(world.groups))
        key = {"group_id": whole, "part_id": part}
        if tx.session.get(GroupPart, (whole, part)) is None:
            tx.session.add(GroupPart(board_id=world.where.board_id, **key))
            tx.flush()
        world.beneath.setdefault(whole, set()).add(part)


def _add_points(tx: Transaction, world: World, random: Random) -> None:
    for number in range(random.randint(1, 8)):
        channel, account = _POINTS[number % len(_POINTS)]
        address = f"{world.where.board_id}-{number}@example.jp"
        point = people.contact_point(tx, world.where.board_id, channel, account, address)
        world.channels[point.id] = channel
        if random.random() < 0.15:
            point.state = "blocked"
            world.blocked.add(point.id)
        if random.random() < 0.2:
            opt_outs.opt_out(tx, point, world.where.school_id)
            world.left.add(point.id)


def _add_person(tx: Transaction, world: World, random: Random) -> None:
    board_id = world.where.board_id
    family = random.choice([*{one.family for one in world.people.values()}, 0])
    if not family:
        made = Family(board_id=board_id)
        tx.session.add(made)
        tx.flush()
        family = made.id
    person = Person(family, random.random() < 0.3)
    row = Guardian(
        board_id=board_id, family_id=family, every_way=person.every_way, created_at=tx.now
    )
    tx.session.add(row)
    tx.flush()
    world.people[row.id] = person
    for group in random.sample(sorted(world.groups), random.randint(0, 3)):
        tx.session.add(Membership(group_id=group, guardian_id=row.id, board_id=board_id))
        person.groups.add(group)
    points = sorted(world.channels)
    for point in random.sample(points, random.randint(0, min(4, len(points)))):
        rank, off = random.randint(0, 2), random.random() < 0.2
        key = {"guardian_id": row.id, "contact_point_id": point}
        tx.session.add(GuardianContact(**key, board_id=board_id, rank=rank, off=off))
        person.ways[point] = (rank, off)
    tx.flush()


def parts(world: World, random: Random) -> list[Part]:
    """Some parts of an audience, named and left out."""
    each = [
        Part("city"),
        *(Part("school", number) for number in world.schools),
        *(Part("group", number) for number in sorted(world.groups)),
        *(Part("reached", number) for number in world.earlier),
        *(Part("unreached", number) for number in world.earlier),
        *(Part("unconfirmed", number) for number in world.earlier),
    ]
    named = random.sample(each, random.randint(1, 3))
    out = random.sample(each, random.choice([0, 0, 1, 2]))
    return [*named, *(Part(part.kind, part.id, excluded=True) for part in out)]
