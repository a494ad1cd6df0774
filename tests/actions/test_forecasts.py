"""What the author and the approver are told of the time that sending takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select

from actions import boards, broadcasts, forecasts, registration
from actions import quotas as needs
from actions.previews import preview_words
from delivery.freeze import freeze
from domain.cards import CardRef
from domain.deliveries import ORDINARY, URGENT, ChunkRule
from domain.forecasts import Place
from domain.mail_checks import Subject
from storage import journals, mail_checks, people, quotas
from storage.database import Database, Transaction
from storage.forecasts import lanes as storage_lanes
from storage.forecasts import recipients
from storage.freezing import Frozen
from storage.tables import Broadcast, Chunk, ContactPoint, Lane
from tests.actions import city as scene
from tests.actions.city import Cast, City
from tests.databases import prepared

DOMAINS = ("docomo.ne.jp", "docomo.ne.jp", "d.docomo.ne.jp", "gmail.com", "example.jp")


@dataclass
class World:
    """A draft for six families in web chat, five by mail and four at LINE, one of whom has mail as
    well; and another broadcast, whose chunks may wait before it.
    """

    database: Database
    city: City
    cast: Cast
    ref: CardRef
    other: CardRef


@pytest.fixture
def world(database: Database) -> World:
    return on(database)


@pytest.fixture
def sqlite_world(sqlite_database: Database) -> World:
    return on(sqlite_database)


def on(database: Database) -> World:
    parts = prepared(database, "a draft for mail and LINE", lambda: build(database))
    return World(database, *parts)


def build(database: Database) -> tuple[City, Cast, CardRef, CardRef]:
    made, cast = scene.build_with_cast(database)
    with database.writing() as tx:
        for number, domain in enumerate(DOMAINS):
            box = people.contact_point(tx, made.board, "email", "email", f"a{number}@{domain}")
            registration.register(tx, box.id, made.school, made.class_b, number + 1)
        for number in range(4):
            line = people.contact_point(tx, made.board, "line", "line", f"U{number}")
            registration.register(tx, line.id, made.school, made.class_b, number + 10)
        (person,) = people.guardians_of(tx, line.id)
        box = people.contact_point(tx, made.board, "email", "email", "b@docomo.ne.jp")
        people.link_contact(tx, person, box.id)
        people.link_contact(tx, person, line.id)
        for name in ("email", "line", "webchat"):
            quotas.note(tx, name, name, None, 0)
    ref = scene.draft(database, made, cast.teacher)
    return made, cast, ref, scene.draft(database, made, cast.teacher)


def known(tx: Transaction, site: str, egress: str = "", **values: object) -> None:
    row: dict[str, object] = {"rate": 8, "connections": 3, "measured": 8.0, "baseline": 0.0}
    row |= {"share": 0.0, "stopped_at": None, "changed_at": tx.now} | values
    tx.session.add(Lane(channel="email", account="email", site=site, egress=egress, **row))


def waits(tx: Transaction, world: World, lane: str, size: int, **values: object) -> None:
    """A chunk of the other broadcast, which is on its way."""
    row = tx.session.get_one(Broadcast, world.other.broadcast_id)
    row.state = "sending"
    chunk: dict[str, object] = {"priority": ORDINARY, "not_before": tx.now, "state": "ready"}
    chunk |= {"channel": "email", "account": "email", "lane": lane, "variant": "ja", "size": size}
    chunk |= {"deadline": tx.now + timedelta(days=1), "board_id": row.board_id} | values
    tx.session.add(Chunk(broadcast_id=row.id, **chunk))


def mine(tx: Transaction, world: World) -> Broadcast:
    return tx.session.get_one(Broadcast, world.ref.broadcast_id)


def seconds(world: World) -> dict[str, float]:
    with world.database.reading() as tx:
        row = mine(tx, world)
        found = forecasts.expected(tx, row, needs.uses(tx, row))
        return {each.channel: each.seconds for each in found}


def shown(world: World) -> str:
    with world.database.reading() as tx:
        return scene.in_japanese(preview_words(broadcasts.preview(tx, world.ref.broadcast_id)))


def test_what_takes_less_than_a_minute_is_said_in_a_word(world: World) -> None:
    words = "送信にかかる時間の見込み：1分以内"
    assert words in shown(world).splitlines()
    with world.database.writing() as tx:
        broadcasts.submit(tx, world.cast.teacher, world.ref)
    assert words in scene.told(world.database, world.city.contacts["principal"])[-1]
    assert seconds(world) == {"email": 3 / 8, "line": 0.5, "webchat": 0}


def test_every_channel_its_time_and_the_slowest_lane_by_name(world: World) -> None:
    with world.database.writing() as tx:
        later = tx.now + timedelta(hours=1)
        waits(tx, world, "docomo", 2000, state="leased")
        waits(tx, world, "docomo", 400)
        waits(tx, world, "gmail", 1100)
        # None of these is before it.
        waits(tx, world, "docomo", 5000, not_before=later)
        waits(tx, world, "docomo", 5000, state="done")
        known(tx, "docomo")
        known(tx, "gmail", rate=None, connections=5, measured=10.0)
    text = shown(world)
    assert "見込み：メール 約4分（ドコモあて。ほかは2分以内）、LINE 1分以内" in text
    assert "目安" not in text


def test_an_emergency_waits_for_none_but_other_emergencies(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        waits(tx, sqlite_world, "docomo", 9000)
        waits(tx, sqlite_world, "docomo", 76, priority=URGENT)
        row = mine(tx, sqlite_world)
        row.options = row.options | {"emergency": True}
    # Everybody by every way: the fourth mailbox at docomo too.
    assert seconds(sqlite_world)["email"] == 80 / 8


def test_what_is_sent_later_does_not_wait_for_what_is_gone_by_then(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        waits(tx, sqlite_world, "docomo", 237)
        mine(tx, sqlite_world).send_at = tx.now + timedelta(seconds=20)
    assert seconds(sqlite_world)["email"] == 240 / 8 - 20
    with sqlite_world.database.writing() as tx:
        mine(tx, sqlite_world).send_at = tx.now + timedelta(hours=1)
    assert seconds(sqlite_world)["email"] == 3 / 8


def test_a_stopped_lane_and_a_guess_are_said_plainly(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        known(tx, "docomo", stopped_at=tx.now)
        waits(tx, sqlite_world, "gmail", 3000)
    text = shown(sqlite_world)
    assert "見込み：メール 約3分（Gmailあて。ほかは1分以内）、LINE 1分以内" in text
    assert "ドコモあてのメールは、送信を一時止めています。" in text
    assert "まだ送信の実績がないため、メールの時間は目安です。" in text
    with sqlite_world.database.writing() as tx:
        for box in tx.session.scalars(select(ContactPoint).where(ContactPoint.domain != "")):
            box.domain = "docomo.ne.jp"
    assert "見込み：LINE 1分以内、メール いまは送信できません" in shown(sqlite_world)


def test_while_mail_is_held_back_no_time_is_told_for_it(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        mail_checks.put_in_force(tx, Subject("example.jp", {"SPF": "digest"}))
    assert "メール いまは送信できません" in shown(sqlite_world)


def test_behind_a_relay_nothing_is_said_of_lanes(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        known(tx, "docomo", changed_at=tx.now - timedelta(days=1), rate=0.5, measured=0.5)
        known(tx, "relay", rate=None, measured=10.0, connections=10)
        waits(tx, sqlite_world, "au", 1195)
    assert "見込み：メール 約2分、LINE 1分以内" in shown(sqlite_world)


def test_each_sending_worker_adds_its_own_pace_at_the_relay(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        known(tx, "relay", rate=None, measured=10.0, connections=10)
        waits(tx, sqlite_world, "au", 1195)
        for name in ("one", "two", "gone"):
            journals.opened(tx, name, "host", f"/{name}")
        journals.replayed(tx, "gone")
    assert seconds(sqlite_world)["email"] == 1200 / 10 / 2


def test_of_thousands_of_servers_those_last_seen_are_looked_at(world: World) -> None:
    with world.database.writing() as tx:
        for number in range(30):
            known(tx, f"mx.{number}.jp", changed_at=tx.now - timedelta(hours=number + 1))
        known(tx, "docomo", changed_at=tx.now - timedelta(days=60), rate=1.0, measured=1.0)
        known(tx, "mx.0.jp", "192.0.2.1", changed_at=tx.now - timedelta(days=60))
        found = storage_lanes(tx)
    assert len(found) == 21
    assert found["email", "docomo"][0].rate == 1.0
    (*_, last) = found
    assert last == ("email", "mx.0.jp")
    assert len(found[last]) == 2


def test_who_is_moved_to_mail_by_a_quota_counts_there(world: World) -> None:
    with world.database.writing() as tx:
        quotas.note(tx, "line", "line", 3, 0)
        boards.change_settings(tx, world.city.board, over_quota="mail")
    assert seconds(world)["email"] == 4 / 8
    with world.database.writing() as tx:
        boards.change_settings(tx, world.city.board, over_quota="send")
    assert seconds(world)["email"] == 3 / 8


@pytest.mark.parametrize("left", [None, 3])
def test_it_counts_what_freezing_then_cuts_into_chunks(world: World, left: int | None) -> None:
    rules = {name: ChunkRule(2, 1, keyed=False) for name in ("email", "line", "webchat")}
    with world.database.writing() as tx:
        quotas.note(tx, "line", "line", left, 0)
        row = mine(tx, world)
        row.state, row.due_at = "approved", tx.now
        tx.flush()
        counted = recipients(tx, row, needs.reach(tx, row), needs.uses(tx, row))
        assert isinstance(freeze(tx, row.id, rules), Frozen)
        cut: Counter[tuple[str, ...]] = Counter()
        for chunk in tx.session.scalars(select(Chunk).where(Chunk.broadcast_id == row.id)):
            cut[chunk.channel, chunk.account, chunk.lane] += chunk.size
    assert counted == cut
    assert counted[Place("line", "line", "line")] == (left or 4)


def test_nothing_is_said_where_all_of_it_lies_ready_in_web_chat(sqlite_world: World) -> None:
    with sqlite_world.database.writing() as tx:
        quotas.keep_only(tx, [("webchat", "webchat")])
    assert "見込み" not in shown(sqlite_world)
