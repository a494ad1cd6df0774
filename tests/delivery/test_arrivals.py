"""Test mails to mailboxes that have shown nothing for long, by day, each by one worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import select, update

from actions import boards
from delivery.arrivals import ArrivalRounds, tick_arrivals
from delivery.replies import Replies
from domain.addresses import normalise_mail
from storage import bulk
from storage.database import Database
from storage.tables import ContactPoint, Reply
from tests.actions import city as scene
from tests.actions.city import City
from tests.databases import Clock
from tests.delivery.city import FakeChannel

MAILBOXES = 25
BATCH = 20


@pytest.fixture
def city(database: Database) -> City:
    """Families with mail, and a board that tests each of them every thirty days."""
    city = scene.build(database, families=0)
    with database.writing() as tx:
        boards.change_settings(tx, city.board, arrival_test_days=30)
        families = []
        for number in range(1, MAILBOXES + 1):
            address = normalise_mail(f"family{number}@docomo.ne.jp")
            assert address is not None
            families.append(bulk.NewFamily(city.class_a, number, ((address,),), ()))
        bulk.add_families(tx, city.board, families)
    return city


def letters(database: Database) -> list[int]:
    """Who is to get one; they leave at once."""
    with database.writing() as tx:
        found = list(tx.session.scalars(select(Reply.contact_point_id)))
        tx.session.execute(update(Reply).values(state="done"))
    return found


def test_each_silent_mailbox_is_tested_once_a_month(
    database: Database, city: City, clock: Clock
) -> None:
    assert tick_arrivals(database) == BATCH
    # While these wait nothing is added: somebody's number would wait behind it.
    assert tick_arrivals(database) == 0
    assert len(letters(database)) == BATCH
    assert tick_arrivals(database) == MAILBOXES - BATCH
    assert len(set(letters(database))) == MAILBOXES
    clock.forward(days=29)
    assert tick_arrivals(database) == 0
    clock.forward(days=2)
    assert tick_arrivals(database) == BATCH


def test_whose_mail_arrives_is_left_alone_and_so_is_who_cannot_show_it(
    database: Database, city: City, clock: Clock
) -> None:
    with database.writing() as tx:
        points = tx.session.scalars(select(ContactPoint).order_by(ContactPoint.id)).all()
        for point in points[4:]:
            point.arrived_at = clock() - timedelta(days=10)
        points[0].mail_form = "plain"
        points[1].mail_form = "jis"
        points[2].state = "suspended"
        expected = {points[1].id, points[3].id}
    assert tick_arrivals(database) == 2
    assert set(letters(database)) == expected
    clock.forward(days=21)
    assert tick_arrivals(database) == BATCH


def test_nobody_is_tested_at_night_or_unless_the_board_wants_it(
    database: Database, city: City, clock: Clock
) -> None:
    for hour in (11, 22):  # 20:00 and 7:00 in Tokyo
        clock.now = datetime(2026, 11, 25, hour, 0, tzinfo=UTC)
        assert tick_arrivals(database) == 0
    clock.now = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)
    with database.writing() as tx:
        boards.change_settings(tx, city.board, arrival_test_days=0)
    assert tick_arrivals(database) == 0
    with database.writing() as tx:
        boards.change_settings(tx, city.board, arrival_test_days=30)
    assert tick_arrivals(database) == BATCH


def test_of_several_workers_each_tests_other_mailboxes(database: Database, city: City) -> None:
    with ThreadPoolExecutor(3) as pool:
        sent = sum(pool.map(lambda _: tick_arrivals(database), range(3)))
    found = letters(database)
    assert sent == len(found) == len(set(found))
    assert sent in (BATCH, MAILBOXES)


def test_a_test_mail_is_written_as_the_familys_mail_is(database: Database, city: City) -> None:
    """And it is rendered with the link that proves it, in the reader's language."""
    with database.writing() as tx:
        points = tx.session.scalars(select(ContactPoint).order_by(ContactPoint.id)).all()
        points[0].mail_form, points[1].language = "jis", "en"
    channel = FakeChannel()
    assert tick_arrivals(database) == BATCH
    Replies(database, {"email": channel}, lambda: 0.0, "https://a.jp").run_once()
    by_address = {answer.address: answer for answer in channel.answers}
    old, english = by_address["family1@docomo.ne.jp"], by_address["family2@docomo.ne.jp"]
    assert (old.mail_form, english.mail_form) == ("jis", "")
    assert "https://a.jp/arrived/" in old.messages[0].text
    assert old.messages[0].subject == "【連絡網】メールが届くかの確認"
    assert "Say that this mail arrived" in english.messages[0].text


def test_the_thread_tests_only_where_mail_is_on(database: Database, city: City) -> None:
    stopped = Event()
    stopped.set()
    ArrivalRounds(database, ["line"]).run(stopped)
    assert letters(database) == []
    ArrivalRounds(database, ["line", "email"]).run(stopped)
    assert len(letters(database)) == BATCH
