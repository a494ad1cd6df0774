"""The audience is not exchanged between its approval and its sending."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from actions import broadcasts, groups, registration
from actions.previews import ref_of
from delivery.freeze import Outgrown, freeze
from domain.audience import Part
from domain.cards import CardRef
from domain.deliveries import ChunkRule
from domain.groups import GroupKind
from storage import broadcasts as stored
from storage.database import Database
from storage.tables import AudienceMember
from tests.actions import city as scene
from tests.actions.city import Cast, City, code, told
from tests.databases import Clock

RULES = {"webchat": ChunkRule(size=500, slots=1, keyed=False)}


@dataclass
class Committee:
    """A broadcast to the six families of a group, approved; six more wait in the other class."""

    database: Database
    city: City
    cast: Cast
    group: int
    ref: CardRef

    def put_in(self, class_id: int, *numbers: int) -> None:
        with self.database.writing() as tx:
            children = [(class_id, number) for number in numbers]
            groups.put_in(tx, self.cast.teacher, self.group, children)

    def take_out(self, *numbers: int) -> None:
        with self.database.writing() as tx:
            children = [(self.city.class_a, number) for number in numbers]
            groups.take_out(tx, self.cast.teacher, self.group, children)

    def approve(self) -> object:
        with self.database.writing() as tx:
            ref = ref_of(stored.broadcast(tx, self.ref.broadcast_id))
            return broadcasts.approve(tx, self.cast.principal, ref)

    def freeze(self, clock: Clock) -> object:
        clock.forward(minutes=1)
        with self.database.writing() as tx:
            return freeze(tx, self.ref.broadcast_id, RULES)

    def noted(self) -> bool:
        """Whether it is still written down whom an approval is asked for."""
        with self.database.reading() as tx:
            return stored.broadcast(tx, self.ref.broadcast_id).approved_audience is not None


@pytest.fixture
def committee(database: Database) -> Committee:
    city, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        for number in range(11, 17):
            point = scene.contact(tx, city, f"b{number}")
            registration.register(tx, point, city.school, city.class_b, number)
        new = groups.NewGroup("委員", GroupKind.COMMITTEE)
        group = groups.add(tx, cast.teacher, city.school, new)
        assert isinstance(group, int)
        groups.put_in(tx, cast.teacher, group, [(city.class_a, n) for n in range(1, 7)])
        wanted = scene.content(city, audience=(Part("group", group),))
        saved = broadcasts.save_draft(tx, cast.teacher, city.school, wanted, ())
        assert isinstance(saved, broadcasts.Saved)
        assert isinstance(broadcasts.submit(tx, cast.teacher, saved.ref), broadcasts.Submitted)
    made = Committee(database, city, cast, group, saved.ref)
    assert isinstance(made.approve(), broadcasts.Approved)
    return made


def test_exchanged_people_are_asked_about_again(committee: Committee, clock: Clock) -> None:
    """As many as before, but others; what is approved anew goes to them."""
    committee.take_out(*range(1, 7))
    committee.put_in(committee.city.class_b, *range(11, 17))
    assert committee.freeze(clock) == Outgrown(6, 6)
    with committee.database.reading() as tx:
        row = stored.broadcast(tx, committee.ref.broadcast_id)
        assert (row.state, row.approved_families) == ("pending", 6)
        assert tx.session.scalars(select(AudienceMember)).all() == []
        outgrown = scene.entries_about(tx, f"broadcast:{row.id}")[-1]
    assert outgrown.details.items() >= {"families": 6, "came": 6, "went": 6}.items()
    card = told(committee.database, committee.city.contacts["principal"])[-1]
    assert "（新しく入った家庭：6、外れた家庭：6）" in card
    with committee.database.writing() as tx:
        earlier = broadcasts.approve(tx, committee.cast.principal, committee.ref)
        assert code(earlier) == "stale_card"
    assert isinstance(committee.approve(), broadcasts.Approved)
    assert committee.noted()
    frozen = committee.freeze(clock)
    assert (frozen.families, frozen.recipients) == (6, 6)  # type: ignore[attr-defined]
    assert not committee.noted()


def test_a_group_emptied_to_one_family_is_not_written_to(
    committee: Committee, clock: Clock
) -> None:
    """Nor is it after a new approval, which is refused until there are enough."""
    committee.take_out(2, 3, 4, 5, 6)
    assert committee.freeze(clock) == Outgrown(1, 6)
    assert code(committee.approve()) == "audience_too_small"
    with committee.database.writing() as tx:
        ref = ref_of(stored.broadcast(tx, committee.ref.broadcast_id))
        broadcasts.reject(tx, committee.cast.principal, ref, "")
    assert not committee.noted()


def test_a_few_who_come_and_go_change_nothing_but_the_least_stays(
    committee: Committee, clock: Clock
) -> None:
    committee.put_in(committee.city.class_b, 11, 12)
    committee.take_out(1, 2)
    assert committee.freeze(clock).families == 6  # type: ignore[attr-defined]


def test_two_who_go_are_too_many_where_too_few_are_left(committee: Committee, clock: Clock) -> None:
    committee.take_out(1, 2)
    assert committee.freeze(clock) == Outgrown(4, 6)


def test_families_joined_meanwhile_leave_too_few(committee: Committee, clock: Clock) -> None:
    """Nobody came or went, but a stranger named the numbers of three children."""
    with committee.database.writing() as tx:
        point = scene.contact(tx, committee.city, "stranger")
        for number in (1, 2, 3):
            registration.register(tx, point, committee.city.school, committee.city.class_a, number)
    assert committee.freeze(clock) == Outgrown(4, 6)
