"""Marks and suspensions: what they take, what lifts them, and what is sent all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select

from delivery.freeze import freeze
from domain.addresses import MailAddress
from domain.deliveries import ChunkRule
from storage import arrivals, bulk, forgetting, lane_states, suppressions
from storage.database import Database, Transaction
from storage.lane_states import Key
from storage.suppressions import note_accepted, note_refused
from storage.tables import Chunk, ContactPoint, Delivery, Suppression
from tests.databases import Clock
from tests.delivery import city as scene
from tests.delivery.city import City, counting, line

RULES = {"email": ChunkRule(100, 8, keyed=False), "line": ChunkRule(500, 2, keyed=True)}
LANE = Key("email", "email", "docomo", "")
PACE = {"rate": 8.0, "connections": 3, "measured": None, "baseline": 0.01, "share": 0.4}


def mail(number: int, domain: str = "docomo.ne.jp") -> MailAddress:
    return MailAddress(f"g{number}@{domain}", f"g{number}@{domain}", f"g{number}", domain)


@dataclass
class World:
    """A school of three families: with mail only, with mail and LINE, and at a private domain."""

    database: Database
    clock: Clock
    city: City

    def send(self, *, emergency: bool = False) -> int:
        with self.database.writing() as tx:
            broadcast_id = scene.approved(tx, self.city, emergency=emergency)
        with self.database.writing() as tx:
            freeze(tx, broadcast_id, RULES)
        return broadcast_id

    def says(self, reasons: Mapping[str, str], *, accepted: tuple[str, ...] = ()) -> None:
        """A broadcast, and what the carriers answer to mail for these addresses."""
        broadcast_id = self.send(emergency=True)
        with self.database.writing() as tx:
            ids = self.deliveries(tx, broadcast_id)
            chunk = tx.session.scalars(
                select(Chunk).where(Chunk.broadcast_id == broadcast_id, Chunk.channel == "email")
            ).first()
            assert chunk is not None
            note_refused(tx, chunk, {ids[each]: reason for each, reason in reasons.items()})
            note_accepted(tx, [ids[each] for each in accepted])

    def deliveries(self, tx: Transaction, broadcast_id: int) -> dict[str, int]:
        query = select(ContactPoint, Delivery.id).join(
            Delivery, Delivery.contact_point_id == ContactPoint.id
        )
        rows = tx.session.execute(query.where(Delivery.broadcast_id == broadcast_id)).tuples()
        return {self.name(tx, point): one for point, one in rows}

    def reached(self, *, emergency: bool = False) -> set[str]:
        broadcast_id = self.send(emergency=emergency)
        with self.database.reading() as tx:
            return set(self.deliveries(tx, broadcast_id))

    def name(self, tx: Transaction, point: ContactPoint) -> str:
        address = tx.vault.open_text(point.address_cipher, "contact_points.address")
        return address.partition("@")[0] if point.channel == "email" else "line"

    def marks(self) -> dict[str, tuple[str, int, bool]]:
        query = select(ContactPoint, Suppression).join(
            Suppression, Suppression.contact_point_id == ContactPoint.id
        )
        with self.database.reading() as tx:
            found = {}
            for point, row in tx.session.execute(query).tuples():
                is_suspended = row.suspended_at is not None
                assert (point.state == "suspended") == is_suspended
                found[self.name(tx, point)] = (row.reason, row.days, is_suspended)
            return found

    def contact(self, name: str) -> int:
        with self.database.reading() as tx:
            points = tx.session.scalars(select(ContactPoint))
            return next(point.id for point in points if self.name(tx, point) == name)

    def suspend(self, *names: str) -> None:
        for _ in range(2):
            self.says(dict.fromkeys(names, "unknown_user"))
            self.clock.forward(days=1)


def build(database: Database, clock: Clock) -> World:
    with database.writing() as tx:
        city = scene.found(tx)
        families = ((mail(1),), (mail(2), line(2)), (mail(3, "example.jp"),))
        bulk.add_families(
            tx,
            city.board_id,
            [bulk.NewFamily(city.class_id, n, (ways,)) for n, ways in enumerate(families, 1)],
        )
    return World(database, clock, city)


@pytest.fixture
def world(database: Database, clock: Clock) -> World:
    return build(database, clock)


@pytest.fixture
def quick(sqlite_database: Database, clock: Clock) -> World:
    return build(sqlite_database, clock)


def test_unknown_on_two_days_suspends_and_an_emergency_still_tries_the_last_way(
    world: World,
) -> None:
    world.says({"g1": "unknown_user", "g2": "unknown_user", "g3": "filtered"})
    world.clock.forward(hours=2)
    world.says({"g1": "unknown_user", "g2": "unknown_user", "g3": "filtered"})
    assert world.marks()["g1"] == ("unknown_user", 1, False)
    world.clock.forward(days=1)
    world.says({"g1": "unknown_user", "g2": "unknown_user", "g3": "filtered"})
    assert world.marks() == {
        "g1": ("unknown_user", 2, True),
        "g2": ("unknown_user", 2, True),
        "g3": ("filtered", 2, False),
    }
    assert world.reached() == {"line", "g3"}
    assert world.reached(emergency=True) == {"g1", "line", "g3"}, "g2 has LINE"
    world.says({}, accepted=("g1",))
    assert set(world.marks()) == {"g2", "g3"}
    assert world.reached() == {"g1", "line", "g3"}


def test_something_accepted_in_between_begins_anew(quick: World) -> None:
    quick.says({"g1": "unknown_user"})
    quick.clock.forward(days=1)
    quick.says({}, accepted=("g1", "g2"))
    quick.clock.forward(days=1)
    quick.says({"g1": "unknown_user"})
    assert quick.marks() == {"g1": ("unknown_user", 1, False)}


def test_what_is_about_us_or_the_message_marks_nobody(quick: World) -> None:
    quick.says({"g1": "spam", "g2": "policy", "g3": "too_large"})
    assert quick.marks() == {}


def test_while_nobody_is_marked_acceptances_cost_one_look(quick: World) -> None:
    with quick.database.writing() as tx:
        with counting(quick.database) as said:
            note_accepted(tx, range(1, 500))
        assert len(said) == 1
        note_accepted(tx, [])


def test_a_destination_that_stops_takes_back_what_it_said_lately(world: World) -> None:
    world.says({"g1": "unknown_user"})
    world.clock.forward(days=1)
    world.says({"g1": "unknown_user", "g2": "unknown_user", "g3": "mailbox_full"})
    assert world.marks()["g1"] == ("unknown_user", 2, True)
    with world.database.writing() as tx:
        assert lane_states.stop(tx, LANE, PACE) is not None
        assert lane_states.stop(tx, LANE, PACE) is None
        assert suppressions.take_back(tx, "gmail") == 0
        assert suppressions.take_back(tx, "docomo") == 2
    left = {"g1": ("unknown_user", 1, False), "g3": ("mailbox_full", 1, False)}
    assert world.marks() == left
    assert "g1" in world.reached()
    # What was asked before it stopped is written down after it did.
    world.says({"g1": "unknown_user", "g2": "unknown_user"})
    assert world.marks() == left
    with world.database.writing() as tx:
        (row,) = lane_states.resume(tx, "docomo")
        assert row.baseline == 0.1
        assert lane_states.resume(tx, "docomo") == []
    world.says({"g1": "unknown_user", "g2": "unknown_user"})
    assert world.marks()["g1"] == ("unknown_user", 2, True)


def test_a_site_that_somebody_gets_stopped_keeps_no_other_from_being_suspended(
    quick: World,
) -> None:
    with quick.database.writing() as tx:
        lane_states.stop(tx, LANE._replace(site="mx.attacker.example"), PACE)
    quick.says({"g3": "unknown_user"})
    with quick.database.writing() as tx:
        assert suppressions.take_back(tx, "mx.attacker.example") == 0
    quick.clock.forward(days=1)
    quick.says({"g3": "unknown_user"})
    assert quick.marks() == {"g3": ("unknown_user", 2, True)}


def test_what_an_hour_ago_was_said_stands(quick: World) -> None:
    quick.suspend("g1")
    with quick.database.writing() as tx:
        assert suppressions.take_back(tx, "docomo") == 0
    assert quick.marks()["g1"][2]


def test_behind_a_relay_everybody_is_taken_back_and_at_an_exchanger_its_own() -> None:
    point = ContactPoint(domain="docomo.ne.jp")
    private = ContactPoint(domain="example.jp")
    at = suppressions._is_excused
    assert [at(point, [site]) for site in ("docomo", "relay", "(mx1|mx2).example.jp", "au")] == [
        True,
        True,
        False,
        False,
    ]
    assert at(private, ["gmail"]), "its mail may be received by Google"
    assert at(private, ["(mx1|mx2).example.jp"])
    assert at(private, ["example.jp"])
    for site in ("mx.attacker.example", "mx.anotherexample.jp", "example.jp.attacker.example"):
        assert not at(private, [site]), "anybody can have a site stopped that is theirs"
        assert suppressions.is_at(private, site), "it is tried once more all the same"
    assert not at(private, [])


def test_a_link_that_was_opened_lifts_it_unless_it_is_older(quick: World) -> None:
    before = quick.clock.now - timedelta(hours=1)
    quick.suspend("g1", "g2")
    with quick.database.writing() as tx:
        assert arrivals.note(tx, quick.contact("g1"), before)
        assert arrivals.note(tx, quick.contact("g2"), quick.clock.now)
    assert set(quick.marks()) == {"g1"}


def test_who_leaves_is_marked_no_more(quick: World) -> None:
    quick.suspend("g1")
    contact_id = quick.contact("g1")
    with quick.database.writing() as tx:
        forgetting.note_left(tx, contact_id)
    with quick.database.reading() as tx:
        assert tx.session.get_one(ContactPoint, contact_id).state == "left"
        assert tx.session.get(Suppression, contact_id) is None


def test_schools_are_told_once_a_day_and_an_hour_late(world: World) -> None:
    hour, day = timedelta(hours=1), timedelta(hours=20)
    world.says({"g1": "unknown_user", "g3": "unknown_user"})
    world.clock.forward(days=1)
    world.says({"g1": "unknown_user"})
    board = world.city.board_id

    def due(tx: Transaction) -> list[int]:
        return list(suppressions.to_tell(tx, tx.now - hour, tx.now - day))

    with world.database.writing() as tx:
        assert due(tx) == []
    world.clock.forward(hours=1)
    with world.database.writing() as tx:
        assert due(tx) == [board]
        assert suppressions.take_untold(tx, board, tx.now - hour) == {world.city.school_id: 1}
        assert suppressions.take_untold(tx, board, tx.now - hour) == {}
        assert due(tx) == []
    world.says({"g3": "unknown_user"})
    world.clock.forward(hours=2)
    with world.database.writing() as tx:
        assert due(tx) == []
    world.clock.forward(hours=19)
    with world.database.writing() as tx:
        assert due(tx) == [board]


def test_a_school_sees_them_by_class_and_number(world: World) -> None:
    world.suspend("g2")
    world.says({"g1": "filtered"})
    with world.database.reading() as tx:
        found = suppressions.at_school(tx, world.city.school_id)
        assert suppressions.at_school(tx, world.city.school_id + 1) == []
    assert [(each.place, each.number, each.domain, each.mark.reason) for each in found] == [
        ("1年1組", 1, "docomo.ne.jp", "filtered"),
        ("1年1組", 2, "docomo.ne.jp", "unknown_user"),
    ]
