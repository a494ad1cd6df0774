"""Whoever is refused on their first way gets the same broadcast by their next one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from delivery.freeze import freeze
from domain.addresses import MailAddress, normalise_mail
from domain.deliveries import ChunkRule
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from domain.suppression import UNKNOWN_USER
from storage import closing, ledger, opt_outs, people, recording
from storage.closing import Remains
from storage.database import Database, Transaction
from storage.freezing import Frozen
from storage.ledger import Again, Lease, Want
from storage.recording import Told
from storage.tables import AudienceMember, Broadcast, Chunk, ContactPoint, Delivery, Guardian
from tests.databases import Clock
from tests.delivery import city
from tests.delivery.city import address, chunks, deliveries, line, telegram

MINUTE = timedelta(minutes=1)
AGAIN = Again(city.EVERYTHING)
BLOCKED = Refused("blocked")
QUOTA = TryLater("quota", timedelta(minutes=30))


def lease(database: Database, channel: str) -> list[Lease]:
    with database.writing() as tx:
        return ledger.lease(tx, "a", [Want(channel, 9)], MINUTE)


def say(
    database: Database, channel: str, outcome: Outcome, only: Sequence[int] | None = None
) -> None:
    """Give this answer for every delivery that is due by a channel, or for these."""
    for held in lease(database, channel):
        with database.writing() as tx:
            members = [member.delivery_id for member in ledger.members(tx, held.chunk_id)]
            told = [(number, outcome) for number in members if only is None or number in only]
            assert not recording.record_all(tx, [Told(held, told)], AGAIN)
            ledger.release(tx, held)


Row = tuple[str, str, str]


def rows(database: Database, broadcast_id: int) -> list[Row]:
    """Channel, state and reason of each delivery, in the order they were made."""
    query = (
        select(ContactPoint.channel, Delivery.state, Delivery.reason)
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(Delivery.broadcast_id == broadcast_id)
        .order_by(Delivery.id)
    )
    with database.reading() as tx:
        return list(tx.session.execute(query).tuples())


def ways(database: Database, broadcast_id: int) -> list[str | None]:
    """By which channel each guardian in the audience is reached."""
    query = (
        select(ContactPoint.channel)
        .select_from(AudienceMember)
        .outerjoin(ContactPoint, ContactPoint.id == AudienceMember.contact_point_id)
        .where(AudienceMember.broadcast_id == broadcast_id)
        .order_by(AudienceMember.guardian_id)
    )
    with database.reading() as tx:
        return list(tx.session.scalars(query))


def test_a_refused_guardian_gets_it_by_the_next_way(database: Database, clock: Clock) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)), (line(2),))
    clock.forward(seconds=3)
    say(database, "line", BLOCKED)
    assert rows(database, broadcast_id) == [
        ("line", "refused", "blocked"),
        ("line", "refused", "blocked"),
        ("email", "waiting", ""),
    ]
    assert ways(database, broadcast_id) == ["email", "line"]
    first, second = chunks(database, broadcast_id)
    assert (first.state, first.keyed, second.keyed) == ("done", True, False)
    assert (second.lane, second.variant, second.size) == ("gmail", "ja", 1)
    assert (second.not_before, second.deadline) == (clock.now, first.deadline)
    say(database, "email", Accepted("250"))
    with database.writing() as tx:
        assert closing.exhausted(tx) == [broadcast_id]


def test_the_next_way_is_the_one_liked_best(database: Database) -> None:
    ways_of_one = (address(1), line(1), telegram(1))
    broadcast_id = city.sending(database, ways_of_one, telegram=True)
    say(database, "email", Refused("no_mailbox"))
    say(database, "line", Refused("bad_address"))
    say(database, "telegram", Refused("gone"))
    assert [(channel, state) for channel, state, _ in rows(database, broadcast_id)] == [
        ("email", "refused"),
        ("line", "refused"),
        ("telegram", "refused"),
    ]
    assert ways(database, broadcast_id) == ["telegram"]


def test_a_way_the_board_does_not_use_is_none(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), telegram(1)), telegram=False)
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["line"]


def test_neither_is_one_whose_channel_is_off(database: Database) -> None:
    rules = {"line": city.EVERYTHING["line"]}
    broadcast_id = city.sending(database, (line(1), address(1)), rules=rules)
    (held,) = lease(database, "line")
    with database.writing() as tx:
        (member,) = ledger.members(tx, held.chunk_id)
        recording.record_all(tx, [Told(held, [(member.delivery_id, BLOCKED)])], Again(rules))
    assert ways(database, broadcast_id) == ["line"]


@pytest.mark.parametrize("emergency", [False, True])
def test_who_left_by_mail_is_moved_there_in_an_emergency_only(
    database: Database, emergency: bool
) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)))
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, broadcast_id)
        row.options = {"emergency": True} if emergency else {}
        mail = tx.session.scalars(select(ContactPoint).where(ContactPoint.channel == "email")).one()
        opt_outs.opt_out(tx, mail, row.school_id or 0)
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["email" if emergency else "line"]


def test_a_blocked_way_is_none(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)))
    with database.writing() as tx:
        mail = tx.session.scalars(select(ContactPoint).where(ContactPoint.channel == "email")).one()
        mail.state = "blocked"
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["line"]


def test_after_the_broadcast_was_stopped_nobody_moves(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)))
    (held,) = lease(database, "line")
    with database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_id).state = "withdrawn"
        (member,) = ledger.members(tx, held.chunk_id)
        recording.record_all(tx, [Told(held, [(member.delivery_id, BLOCKED)])], AGAIN)
    assert len(chunks(database, broadcast_id)) == 1


def test_a_journal_moves_people_as_well(database: Database) -> None:
    broadcast_id = city.sending(database, (line(1), address(1)))
    (held,) = lease(database, "line")
    with database.writing() as tx:
        (member,) = ledger.members(tx, held.chunk_id)
        closing.inherit(tx, held, Remains([(member.delivery_id, BLOCKED)], []), AGAIN)
    assert ways(database, broadcast_id) == ["email"]


# Blocked.


@pytest.mark.parametrize(
    ("seconds", "state"), [(None, "blocked"), (-1, "blocked"), (0, "active"), (1, "active")]
)
def test_blocked_marks_the_contact_point_unless_it_is_known_better(
    database: Database, clock: Clock, seconds: int | None, state: str
) -> None:
    broadcast_id = city.sending(database, (line(1),))
    with database.writing() as tx:
        contact = tx.session.scalars(select(ContactPoint)).one()
        contact.state_at = _moment(clock.now, seconds)
    say(database, "line", BLOCKED)
    with database.reading() as tx:
        contact = tx.session.scalars(select(ContactPoint)).one()
    assert contact.state == state
    assert contact.state_at == (clock.now if state == "blocked" else _moment(clock.now, seconds))
    assert rows(database, broadcast_id) == [("line", "refused", "blocked")]


def _moment(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def test_other_refusals_mark_nothing(database: Database) -> None:
    city.sending(database, (line(1),))
    say(database, "line", Refused("bad_request"))
    with database.reading() as tx:
        assert tx.session.scalars(select(ContactPoint.state)).all() == ["active"]


# Shared contact points.


def _share(tx: Transaction, *languages: str, mail: Sequence[MailAddress | None]) -> int:
    """An approved broadcast to guardians who read so, with one LINE account and these mails."""
    where = city.found(tx)
    chat = people.contact_point(tx, where.board_id, "line", "line", line(1).address)
    for language, its_mail in zip(languages, mail, strict=True):
        guardian = people.add_guardian(tx, where.board_id, language)
        people.join(tx, guardian, where.class_id)
        if its_mail is not None:
            box = people.contact_point(tx, where.board_id, "email", "email", its_mail.raw)
            people.link_contact(tx, guardian, box.id)
        people.link_contact(tx, guardian, chat.id)
    return city.approved(tx, where)


def shared(database: Database, *languages: str, mail: Sequence[MailAddress | None]) -> int:
    with database.writing() as tx:
        broadcast_id = _share(tx, *languages, mail=mail)
    with database.writing() as tx:
        assert isinstance(freeze(tx, broadcast_id, city.EVERYTHING), Frozen)
    return broadcast_id


def test_everybody_at_a_shared_account_moves(database: Database) -> None:
    broadcast_id = shared(database, "ja", "en", "en", mail=[address(1), address(2), None])
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["email", "email", "line"]
    made = {(chunk.channel, chunk.variant) for chunk in chunks(database, broadcast_id)}
    assert made == {("line", "ja"), ("email", "ja"), ("email", "en")}


@pytest.mark.parametrize(("languages", "variant"), [(["en", "ja"], "ja"), (["en", "en"], "en")])
def test_two_who_share_the_next_way_get_it_once(
    database: Database, languages: list[str], variant: str
) -> None:
    broadcast_id = shared(database, *languages, mail=[address(1), address(1)])
    say(database, "line", BLOCKED)
    assert [channel for channel, _, _ in rows(database, broadcast_id)] == ["line", "email"]
    assert [chunk.variant for chunk in chunks(database, broadcast_id)] == [variant, variant]


def test_two_workers_at_once_move_two_to_one_mailbox(database: Database) -> None:
    rules = {**city.EVERYTHING, "line": ChunkRule(size=1, slots=2, keyed=True)}
    broadcast_id = city.sending(database, (line(1), address(1)), (line(2),), rules=rules)
    with database.writing() as tx:
        mail = tx.session.scalars(select(ContactPoint).where(ContactPoint.channel == "email")).one()
        for guardian in tx.session.scalars(select(Guardian)).all():
            people.link_contact(tx, guardian, mail.id)
    together = Barrier(2)

    def refuse(held: Lease) -> None:
        with database.reading() as tx:
            (member,) = ledger.members(tx, held.chunk_id)
        together.wait()
        with database.writing() as tx:
            assert not recording.record_all(
                tx, [Told(held, [(member.delivery_id, BLOCKED)])], AGAIN
            )

    threads = [Thread(target=refuse, args=(held,)) for held in lease(database, "line")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ways(database, broadcast_id) == ["email", "email"]
    assert [channel for channel, _, _ in rows(database, broadcast_id)] == ["line", "line", "email"]
    assert [c.size for c in chunks(database, broadcast_id)] == [1, 1, 1]


def test_a_delivery_that_is_there_is_enough(database: Database) -> None:
    broadcast_id = city.sending(database, (address(1),), (line(1),))
    with database.writing() as tx:
        mail, chat = deliveries(database, broadcast_id)
        if tx.session.get_one(ContactPoint, mail.contact_point_id).channel != "email":
            mail, chat = chat, mail
        (second,) = people.guardians_of(tx, chat.contact_point_id)
        people.link_contact(tx, second, mail.contact_point_id)
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["email", "email"]
    assert len(rows(database, broadcast_id)) == 2


def test_one_that_was_refused_there_is_not_asked_again(database: Database) -> None:
    broadcast_id = city.sending(database, (address(1),), (line(1),))
    with database.writing() as tx:
        chat = tx.session.scalars(select(ContactPoint).where(ContactPoint.channel == "line")).one()
        mail = tx.session.scalars(select(ContactPoint).where(ContactPoint.channel == "email")).one()
        (second,) = people.guardians_of(tx, chat.id)
        people.link_contact(tx, second, mail.id)
    say(database, "email", Refused("no_mailbox"))
    say(database, "line", BLOCKED)
    assert ways(database, broadcast_id) == ["email", "line"]


# The monthly quota.


def test_a_keyed_way_gets_keyed_chunks_that_end_with_their_keys(
    database: Database, clock: Clock
) -> None:
    people_of = [(address(number), line(number)) for number in range(5)]
    broadcast_id = city.sending(database, *people_of, keep_trying_hours=72)
    clock.forward(hours=1)
    rules = {**city.EVERYTHING, "line": ChunkRule(size=2, slots=1, keyed=True)}
    for held in lease(database, "email"):
        with database.writing() as tx:
            told = [(m.delivery_id, Refused("no")) for m in ledger.members(tx, held.chunk_id)]
            recording.record_all(tx, [Told(held, told)], Again(rules))
    made = [chunk for chunk in chunks(database, broadcast_id) if chunk.channel == "line"]
    assert sum(chunk.size for chunk in made) == 5
    assert all(chunk.keyed and chunk.size <= 2 for chunk in made)
    assert {chunk.deadline for chunk in made} == {clock.now + timedelta(hours=24)}


def test_privacy_goes_along(database: Database) -> None:
    broadcast_id = city.sending(database, (address(1), line(1)))
    with database.writing() as tx:
        tx.session.get_one(Broadcast, broadcast_id).options = {"privacy": "headline"}
    say(database, "email", Refused("no_mailbox"))
    assert [c.variant for c in chunks(database, broadcast_id)] == ["ja", "ja+headline"]


def test_five_hundred_move_at_once(database: Database) -> None:
    people_of = [(line(number), address(number)) for number in range(500)]
    broadcast_id = city.sending(database, *people_of)
    with city.counting(database) as statements:
        say(database, "line", QUOTA)
    # The mail is cut into a chunk for each hundred and lane.
    assert len(statements) < 50
    found = rows(database, broadcast_id)
    assert found.count(("line", "refused", "quota")) == 500
    assert found.count(("email", "waiting", "")) == 500
    with database.reading() as tx:
        sizes = tx.session.scalars(select(Chunk.size).where(Chunk.channel == "email")).all()
        assert tx.session.scalars(select(Delivery).where(Delivery.chunk_id.is_(None))).all() == []
    assert (sum(sizes), max(sizes)) == (500, 100)
    assert set(ways(database, broadcast_id)) == {"email"}


def test_a_block_that_is_told_late_changes_nothing_newer(database: Database, clock: Clock) -> None:
    city.sending(database, (line(1),))
    (held,) = lease(database, "line")
    clock.forward(seconds=30)
    with database.writing() as tx:
        (point,) = tx.session.scalars(select(ContactPoint))
        people.note_opened(point, tx.now)
    clock.forward(seconds=30)
    with database.writing() as tx:
        (member,) = ledger.members(tx, held.chunk_id)
        assert not recording.record_all(tx, [Told(held, [(member.delivery_id, BLOCKED)])], AGAIN)
    with database.reading() as tx:
        assert tx.session.scalars(select(ContactPoint.state)).one() == "active"


def mail(text: str) -> MailAddress:
    found = normalise_mail(text)
    assert found is not None
    return found


def test_who_is_unknown_is_not_asked_for_again_at_the_same_destination(
    sqlite_database: Database,
) -> None:
    dead = [mail(f"dead{number}@docomo.ne.jp") for number in range(3)]
    elsewhere = (mail("dead@softbank.ne.jp"), mail("dead@one.example"), mail("ok@two.example"))
    other = (mail("b@docomo.ne.jp"),)
    broadcast_id = city.sending(sqlite_database, (*dead, *elsewhere), other)
    for _ in range(3):
        say(sqlite_database, "email", Refused(UNKNOWN_USER))
    asked = [lane for lane, _ in lanes_asked(sqlite_database, broadcast_id)]
    assert sorted(asked) == ["docomo", "docomo", "other", "other", "softbank"]
    say(sqlite_database, "email", Accepted())
    assert ("other", "accepted") in lanes_asked(sqlite_database, broadcast_id)


def lanes_asked(database: Database, broadcast_id: int) -> list[tuple[str, str]]:
    query = (
        select(Chunk.lane, Delivery.state)
        .join(Delivery, Delivery.chunk_id == Chunk.id)
        .where(Delivery.broadcast_id == broadcast_id)
    )
    with database.reading() as tx:
        return list(tx.session.execute(query).tuples())


def test_a_full_mailbox_or_a_filter_is_no_reason_to_spare_a_destination(
    sqlite_database: Database,
) -> None:
    ways_of_one = (mail("one@docomo.ne.jp"), mail("two@docomo.ne.jp"))
    broadcast_id = city.sending(sqlite_database, ways_of_one)
    say(sqlite_database, "email", Refused("filtered"))
    assert [state for _, state, _ in rows(sqlite_database, broadcast_id)] == ["refused", "waiting"]
