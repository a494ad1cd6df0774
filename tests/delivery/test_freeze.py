"""Freezing settles once who gets a broadcast, and by what."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select, update

from delivery.freeze import Outgrown, freeze
from delivery.schedule import tick_due, tick_lapse
from domain.audience import CITY, Part
from domain.deliveries import ChunkRule
from storage import boards, freezing, opt_outs, people, schools
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.tables import AudienceMember, AuditEntry, Broadcast, ContactPoint, GuardianContact
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import MAIL, City

BOTH = {**MAIL, "webchat": ChunkRule(size=500, slots=1, keyed=False)}


def frozen(tx: Transaction, broadcast_id: int) -> Frozen:
    result = freeze(tx, broadcast_id, BOTH)
    assert isinstance(result, Frozen)
    return result


def guardian(tx: Transaction, where: City, *contacts: ContactPoint, language: str = "ja") -> int:
    """A guardian in the class; the contact points in the order they are liked."""
    row = people.add_guardian(tx, where.board_id, language)
    people.join(tx, row, where.class_id)
    for contact in reversed(contacts):
        people.link_contact(tx, row, contact.id)
    return row.id


def mailbox(tx: Transaction, where: City, name: str) -> ContactPoint:
    return people.contact_point(tx, where.board_id, "email", "email", f"{name}@example.jp")


def chat(tx: Transaction, where: City, name: str) -> ContactPoint:
    return people.contact_point(tx, where.board_id, "webchat", "webchat", name)


def used(tx: Transaction, broadcast_id: int, guardian_id: int) -> int | None:
    member = tx.session.get_one(AudienceMember, (broadcast_id, guardian_id))
    return member.contact_point_id


def test_every_delivery_is_in_a_chunk_of_its_kind(database: Database) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 430))
        result = frozen(tx, broadcast_id)
    assert (result.families, result.recipients, result.not_reached) == (430, 430, 0)
    sizes = Counter(row.chunk_id for row in city.deliveries(database, broadcast_id))
    chunks = city.chunks(database, broadcast_id)
    assert {chunk.id: chunk.size for chunk in chunks} == sizes
    assert max(sizes.values()) <= 100
    assert {chunk.lane for chunk in chunks} == {"docomo", "gmail", "au", "other"}


def test_the_chunks_hold_no_foreign_lane(database: Database) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 120))
        frozen(tx, broadcast_id)
    lanes = {chunk.id: chunk.lane for chunk in city.chunks(database, broadcast_id)}
    with database.reading() as tx:
        query = select(ContactPoint.id, ContactPoint.domain)
        domains = dict(tx.session.execute(query).tuples().all())
    for row in city.deliveries(database, broadcast_id):
        assert row.chunk_id is not None
        assert (lanes[row.chunk_id] == "docomo") == (
            domains[row.contact_point_id] == "docomo.ne.jp"
        )


def test_the_lanes_take_turns(database: Database) -> None:
    broadcast_id = city.frozen(database, 40, size=5)
    lanes = [chunk.lane for chunk in city.chunks(database, broadcast_id)]
    assert len(set(lanes[:4])) == 4


def test_the_first_usable_contact_point_is_used(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        blocked, second = mailbox(tx, where, "blocked"), chat(tx, where, "second")
        blocked.state = "blocked"
        someone = guardian(tx, where, blocked, second)
        broadcast_id = city.approved(tx, where)
        frozen(tx, broadcast_id)
        assert used(tx, broadcast_id, someone) == second.id


def test_who_left_is_not_reached_but_in_an_emergency(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        contact = mailbox(tx, where, "left")
        someone = guardian(tx, where, contact)
        opt_outs.opt_out(tx, contact, where.school_id)
        ordinary = city.approved(tx, where)
        assert frozen(tx, ordinary).not_reached == 1
        assert used(tx, ordinary, someone) is None
        urgent = city.approved(tx, where, emergency=True)
        assert frozen(tx, urgent).not_reached == 0
        assert used(tx, urgent, someone) == contact.id
    assert city.chunks(database, urgent)[0].priority == 1


def test_leaving_one_school_leaves_no_other(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        contact = mailbox(tx, where, "left")
        guardian(tx, where, contact)
        opt_outs.opt_out(tx, contact, opt_outs.EVERY_SCHOOL)
        assert frozen(tx, city.approved(tx, where)).not_reached == 0


def test_a_channel_that_is_off_reaches_nobody(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        guardian(tx, where, chat(tx, where, "one"))
        result = freeze(tx, city.approved(tx, where), MAIL)
    assert isinstance(result, Frozen)
    assert (result.not_reached, result.recipients) == (1, 0)


def test_telegram_is_used_only_where_the_board_turned_it_on(database: Database) -> None:
    rules = {**BOTH, "telegram": ChunkRule(size=100, slots=1, keyed=False)}
    with database.writing() as tx:
        where = city.found(tx)
        contact = people.contact_point(tx, where.board_id, "telegram", "telegram", "17")
        someone = guardian(tx, where, contact)
        off = city.approved(tx, where)
        assert isinstance(freeze(tx, off, rules), Frozen)
        boards.set_settings(tx, where.board_id, {"telegram": True})
        on = city.approved(tx, where)
        assert isinstance(freeze(tx, on, rules), Frozen)
        assert (used(tx, off, someone), used(tx, on, someone)) == (None, contact.id)


@pytest.mark.parametrize(("keyed", "hours"), [(True, 24), (False, 72)])
def test_a_keyed_chunk_is_tried_no_longer_than_its_key_is_known(
    database: Database, clock: Clock, keyed: bool, hours: int
) -> None:
    rules = {"line": ChunkRule(size=500, slots=1, keyed=keyed)}
    with database.writing() as tx:
        where = city.found(tx)
        boards.set_settings(tx, where.board_id, {"keep_trying_hours": 72})
        guardian(tx, where, people.contact_point(tx, where.board_id, "line", "line", "U1"))
        broadcast_id = city.approved(tx, where)
        assert isinstance(freeze(tx, broadcast_id, rules), Frozen)
    (chunk,) = city.chunks(database, broadcast_id)
    assert (chunk.keyed, chunk.deadline) == (keyed, clock() + timedelta(hours=hours))


def test_privacy_makes_renderings_of_their_own(database: Database) -> None:
    rules = {**BOTH, "line": ChunkRule(size=500, slots=1, keyed=True)}
    with database.writing() as tx:
        where = city.found(tx)
        guardian(tx, where, people.contact_point(tx, where.board_id, "line", "line", "U1"))
        english = people.contact_point(tx, where.board_id, "line", "line", "U2")
        guardian(tx, where, english, language="en")
        guardian(tx, where, mailbox(tx, where, "a"))
        broadcast_id = city.approved(tx, where)
        tx.session.get_one(Broadcast, broadcast_id).options = {"privacy": "headline"}
        assert isinstance(freeze(tx, broadcast_id, rules), Frozen)
    found = {(chunk.channel, chunk.variant) for chunk in city.chunks(database, broadcast_id)}
    assert found == {("line", "ja+headline"), ("line", "en+headline"), ("email", "ja")}


def test_two_guardians_at_one_mailbox_get_it_once(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        shared = mailbox(tx, where, "home")
        guardian(tx, where, shared, language="en")
        guardian(tx, where, shared)
        broadcast_id = city.approved(tx, where)
        result = frozen(tx, broadcast_id)
    assert (result.guardians, result.recipients) == (2, 1)
    assert [chunk.variant for chunk in city.chunks(database, broadcast_id)] == ["ja"]


def test_who_reads_english_gets_a_chunk_in_english(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        guardian(tx, where, mailbox(tx, where, "a"), language="en")
        guardian(tx, where, mailbox(tx, where, "b"))
        broadcast_id = city.approved(tx, where)
        frozen(tx, broadcast_id)
    assert {chunk.variant for chunk in city.chunks(database, broadcast_id)} == {"ja", "en"}


def test_a_group_is_widened_to_all_beneath_it(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        grade = schools.add_group(tx, schools.root_of(tx, where.school_id), "2年", "grade")
        inner = schools.add_group(tx, grade, "2年1組", "class")
        below = people.add_guardian(tx, where.board_id, "ja")
        people.join(tx, below, inner.id)
        guardian(tx, where)
        assert frozen(tx, city.approved(tx, where, parts=[Part("group", grade.id)])).guardians == 1
        assert frozen(tx, city.approved(tx, where)).guardians == 2
        assert frozen(tx, city.approved(tx, where, parts=[CITY])).guardians == 2


def test_who_is_in_two_groups_counts_once(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        club = schools.add_group(tx, schools.root_of(tx, where.school_id), "合唱部", "club")
        row = people.add_guardian(tx, where.board_id, "ja")
        people.join(tx, row, where.class_id)
        people.join(tx, row, club.id)
        parts = [Part("group", where.class_id), Part("group", club.id)]
        assert frozen(tx, city.approved(tx, where, parts=parts)).guardians == 1


@pytest.mark.parametrize(("families", "is_sent"), [(110, True), (111, False)])
def test_more_than_ten_percent_over_the_approved_is_asked_again(
    database: Database, families: int, is_sent: bool
) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, families), families=100)
    with database.writing() as tx:
        result = freeze(tx, broadcast_id, MAIL)
    row = city.broadcast(database, broadcast_id)
    if is_sent:
        assert (isinstance(result, Frozen), row.state) == (True, "sending")
        return
    assert result == Outgrown(families, 100)
    assert (row.state, row.due_at, row.approved_families) == ("pending", None, families)
    assert not city.deliveries(database, broadcast_id)
    with database.reading() as tx:
        assert not tx.session.scalars(select(AudienceMember)).all()
        assert "outgrow" in tx.session.scalars(select(AuditEntry.verb)).all()


def test_what_is_not_due_is_left_alone(database: Database, clock: Clock) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 5), due_in=timedelta(minutes=5))
    assert tick_due(database, MAIL) == 0
    clock.forward(minutes=5)
    assert tick_due(database, MAIL) == 1
    assert city.broadcast(database, broadcast_id).state == "sending"


def test_a_second_worker_finds_it_frozen(database: Database) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 5))
    assert tick_due(database, MAIL) == 1
    assert tick_due(database, MAIL) == 0
    with database.writing() as tx:
        assert freeze(tx, broadcast_id, MAIL) is None
    assert len(city.deliveries(database, broadcast_id)) == 5


def test_past_its_validity_nothing_is_sent(database: Database, clock: Clock) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 5), valid_for=timedelta(minutes=1))
    clock.forward(minutes=2)
    assert tick_due(database, MAIL) == 0
    assert tick_lapse(database) == 1
    assert city.broadcast(database, broadcast_id).state == "expired"
    assert not city.deliveries(database, broadcast_id)


def test_rank_decides_and_not_the_order_of_rows(database: Database) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        first, second = mailbox(tx, where, "first"), mailbox(tx, where, "second")
        someone = guardian(tx, where, first, second)
        tx.session.execute(
            update(GuardianContact)
            .where(GuardianContact.contact_point_id == second.id)
            .values(rank=-1)
        )
        broadcast_id = city.approved(tx, where)
        frozen(tx, broadcast_id)
        assert used(tx, broadcast_id, someone) == second.id


def test_emergencies_go_first_and_then_what_is_due_longest(
    database: Database, clock: Clock
) -> None:
    with database.writing() as tx:
        where = city.found(tx, 5)
        late, early = (
            city.approved(tx, where, due_in=timedelta(minutes=minutes)) for minutes in (2, 1)
        )
        urgent = city.approved(tx, where, due_in=timedelta(minutes=3), emergency=True)
        cancelled = city.approved(tx, where)
        tx.session.get_one(Broadcast, cancelled).state = "cancelled"
    clock.forward(minutes=4)
    with database.writing() as tx:
        assert freezing.due(tx) == [urgent, early, late]
        assert freeze(tx, cancelled, MAIL) is None


def test_of_two_workers_at_once_one_freezes(database: Database) -> None:
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, 20))
    together = Barrier(2)

    def work(_: int) -> bool:
        together.wait()
        with database.writing() as tx:
            return freeze(tx, broadcast_id, MAIL) is not None

    with ThreadPoolExecutor(2) as workers:
        assert sorted(workers.map(work, range(2))) == [False, True]
    assert len(city.deliveries(database, broadcast_id)) == 20
