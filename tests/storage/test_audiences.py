"""Random boards: who is in an audience, by what they are reached, and who ends without it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from delivery.freeze import freeze
from domain.audience import Part, parts_to_json
from domain.deliveries import ChunkRule
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from storage import audiences, ledger, people, quotas, recording, schools
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.ledger import Again, Want
from storage.recording import Told
from storage.tables import AudienceMember, AudienceWay, Confirmation, Delivery, GroupPart
from tests.databases import Clock
from tests.delivery import city
from tests.storage import audience_world
from tests.storage.audience_world import Earlier, World

RULES = {
    "email": ChunkRule(size=2, slots=1, keyed=False),
    "webchat": ChunkRule(size=3, slots=1, keyed=False),
    "line": ChunkRule(size=2, slots=1, keyed=True),
}
QUOTA = TryLater("quota", timedelta(minutes=30))
ANSWERS: Sequence[Outcome] = (Accepted("250"), Refused("gone"), Refused("blocked"), QUOTA)
many = settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# One number each, because a world of many small choices takes minutes to shrink.
any_random = st.integers(0, 2**32).map(Random)


def frozen(
    tx: Transaction, world: World, parts: Sequence[Part], *, emergency: bool
) -> tuple[int, Frozen]:
    broadcast_id = city.approved(tx, world.where, parts=parts, emergency=emergency)
    result = freeze(tx, broadcast_id, RULES)
    assert isinstance(result, Frozen)
    return broadcast_id, result


def ways(tx: Transaction, broadcast_id: int) -> dict[int, list[int]]:
    """Each guardian's contact points in a frozen audience, the first one first."""
    member, way = AudienceMember, AudienceWay
    first = select(member.guardian_id, member.contact_point_id)
    further = select(way.guardian_id, way.contact_point_id)
    found: dict[int, list[int]] = {}
    for number, point in tx.session.execute(first.where(member.broadcast_id == broadcast_id)):
        found[number] = [] if point is None else [point]
    for number, point in tx.session.execute(further.where(way.broadcast_id == broadcast_id)):
        found[number].append(point)
    return found


def delivered(tx: Transaction, broadcast_id: int) -> dict[int, str]:
    query = select(Delivery.contact_point_id, Delivery.state)
    rows = tx.session.execute(query.where(Delivery.broadcast_id == broadcast_id))
    return dict(rows.tuples().all())


@many
@given(any_random)
def test_who_hears_it_and_by_what_is_as_the_model_says(database: Database, random: Random) -> None:
    with database.writing() as tx:
        quotas.note(tx, "line", "line", None, 0)
        world = audience_world.build(tx, random)
        _send_an_earlier_one(tx, world, random)
        parts, emergency = audience_world.parts(world, random), random.random() < 0.3
        expected = {
            number: world.used(number, emergency=emergency) for number in world.audience(parts)
        }
        families = world.families(expected)
        board_id = world.where.board_id
        assert audiences.count_families(tx, board_id, parts_to_json(parts)) == families
        broadcast_id, result = frozen(tx, world, parts, emergency=emergency)
        assert {n: (its[:1], set(its)) for n, its in ways(tx, broadcast_id).items()} == {
            n: (its[:1], set(its)) for n, its in expected.items()
        }
        points = {point for its in expected.values() for point in its}
        assert set(delivered(tx, broadcast_id)) == points
        assert (result.recipients, result.guardians) == (len(points), len(expected))
        _check_counts(tx, world)


def _send_an_earlier_one(tx: Transaction, world: World, random: Random) -> None:
    """A broadcast with some ways of each state, and some who confirmed."""
    parts, emergency = audience_world.parts(world, random), random.random() < 0.5
    broadcast_id, _ = frozen(tx, world, parts, emergency=emergency)
    took = set()
    for row in tx.session.scalars(select(Delivery).where(Delivery.broadcast_id == broadcast_id)):
        row.state = random.choice(["accepted", "unknown", "placed", "refused", "waiting"])
        if row.state not in {"refused", "waiting"}:
            took.add(row.contact_point_id)
    its_people = ways(tx, broadcast_id)
    confirmed = {number for number in its_people if random.random() < 0.3}
    for number in confirmed:
        keys = {"broadcast_id": broadcast_id, "guardian_id": number}
        tx.session.add(
            Confirmation(**keys, board_id=world.where.board_id, contact_point_id=0, at=tx.now)
        )
    tx.flush()
    reached = {number for number, its in its_people.items() if took & set(its)}
    world.earlier[broadcast_id] = Earlier(set(its_people), reached, confirmed)


def _check_counts(tx: Transaction, world: World) -> None:
    counts = audiences.city_group_counts(tx, world.where.board_id)
    for school_id in world.schools:
        counts |= audiences.group_counts(tx, school_id)
    assert counts == {
        group: world.families(world.audience([Part("group", group)])) for group in world.groups
    }


@many
@given(any_random)
def test_a_short_quota_leaves_everybody_a_way(database: Database, random: Random) -> None:
    with database.writing() as tx:
        world = audience_world.build(tx, random)
        left, emergency = random.randint(0, 3), random.random() < 0.5
        quotas.note(tx, "line", "line", left, 0)
        parts = audience_world.parts(world, random)
        broadcast_id, _ = frozen(tx, world, parts, emergency=emergency)
        found = ways(tx, broadcast_id)
        needed: set[int] = set()
        for number, its in found.items():
            usable = world.usable(number, emergency=emergency)
            free = [point for point in usable if world.channels[point] != "line"]
            assert bool(its) == bool(usable)
            assert set(its) <= set(usable)
            if emergency or world.people[number].every_way:
                assert set(free) <= set(its)
            else:
                assert len(its) == bool(usable)
            if not free:
                needed |= set(its)
        used = {p for its in found.values() for p in its if world.channels[p] == "line"}
        assert len(used) <= max(left, len(needed))


@many
@given(any_random)
def test_whoever_has_a_way_left_is_reached_by_it(
    database: Database, clock: Clock, random: Random
) -> None:
    with database.writing() as tx:
        world = audience_world.build(tx, random)
        emergency = random.random() < 0.3
        quotas.note(tx, "line", "line", random.choice([None, 1]), 0)
        parts = audience_world.parts(world, random)
        broadcast_id, _ = frozen(tx, world, parts, emergency=emergency)
    while _answer_all(database, random):
        clock.forward(minutes=31)
    with database.reading() as tx:
        states = delivered(tx, broadcast_id)
        assert set(states.values()) <= {"accepted", "refused"}
        for number, its in ways(tx, broadcast_id).items():
            usable = world.usable(number, emergency=emergency)
            assert set(its) <= set(usable)
            if not any(states.get(point) == "accepted" for point in its):
                assert all(states.get(point) == "refused" for point in usable)


def _answer_all(database: Database, random: Random) -> bool:
    """Answer everything that is due, in any order; whether there was anything."""
    with database.writing() as tx:
        held = ledger.lease(tx, "a", [Want(name, 100) for name in RULES], timedelta(minutes=1))
    random.shuffle(held)
    for one in held:
        with database.writing() as tx:
            members = ledger.members(tx, one.chunk_id)
            told = [(member.delivery_id, random.choice(ANSWERS)) for member in members]
            assert not recording.record_all(tx, [Told(one, told)], Again(RULES))
            ledger.release(tx, one)
    return bool(held)


# What a school means.


def family(tx: Transaction, where: city.City, *groups: int) -> int:
    row = people.add_guardian(tx, where.board_id, "ja")
    for group in groups:
        people.join(tx, row, group)
    return row.id


def heard(tx: Transaction, where: city.City, *parts: Part) -> set[int]:
    query = audiences.guardian_ids(where.board_id, parts_to_json(parts))
    return set(tx.session.scalars(query))


def test_all_of_the_grade_except_a_class_reaches_who_has_a_child_in_another(
    database: Database,
) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        grade = schools.add_group(tx, schools.root_of(tx, where.school_id), "5年", "grade")
        one, two = (schools.add_group(tx, grade, name, "class").id for name in ("1組", "2組"))
        first, both = family(tx, where, one), family(tx, where, one, two)
        family(tx, where, two)
        assert heard(tx, where, Part("group", grade.id), Part("group", two, True)) == {first, both}
        assert heard(tx, where, Part("group", two, True)) == set()


def test_nothing_of_another_board_is_in_an_audience(database: Database) -> None:
    with database.writing() as tx:
        here = audience_world.build(tx, Random(1))
        there = city.found(tx)
        stranger = family(tx, there, there.class_id)
        group_id = min(here.groups)
        board_id = here.where.board_id
        tx.session.add(GroupPart(group_id=group_id, part_id=there.class_id, board_id=board_id))
        broadcast_id = city.approved(tx, there)
        assert isinstance(freeze(tx, broadcast_id, RULES), Frozen)
        theirs = (Part("group", there.class_id), Part("school", there.school_id))
        assert heard(tx, here.where, *theirs, Part("unreached", broadcast_id)) == set()
        assert stranger not in heard(tx, here.where, Part("city"), Part("group", group_id))
