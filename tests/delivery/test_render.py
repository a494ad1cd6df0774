"""Rendering: what all recipients share, and each one's own parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.sql.elements import KeyedColumnElement

from delivery.freeze import freeze
from delivery.progress import progress
from delivery.render import Addresses, Renderer
from domain import paths, tokens
from domain.cards import CardRef, CardVerb, mark_of, read_card
from domain.deliveries import ChunkRule, State, message_id
from storage import ledger, people
from storage.database import Database
from storage.freezing import Frozen
from storage.ledger import Lease, Want
from storage.tables import Attachment, Broadcast
from tests.databases import SECRET
from tests.delivery import city

URL = "https://renraku.example.jp/"

ADDRESSES = Addresses(URL, "example.jp", "in.example.jp")


def leased(database: Database, channel: str = "email") -> Lease:
    with database.writing() as tx:
        return ledger.lease(tx, "worker", [Want(channel, 1)], timedelta(seconds=30))[0]


def test_each_recipient_gets_links_of_their_own(database: Database) -> None:
    broadcast_id = city.frozen(database, 3)
    rendered = Renderer(database, ADDRESSES).render(leased(database)).chunk
    (row, *_), (recipient, *_) = city.deliveries(database, broadcast_id), rendered.recipients
    school_id = city.broadcast(database, broadcast_id).school_id or 0
    assert recipient.delivery_id == row.id
    assert recipient.address.startswith("guardian")
    assert recipient.message_id == message_id(SECRET, broadcast_id, row.id, "example.jp")
    page, leave = recipient.page_url, recipient.leave_url
    assert page.startswith("https://renraku.example.jp/m/")
    assert tokens.unseal(SECRET, "page", page.rpartition("/")[2]) == (row.id,)
    assert leave.startswith("https://renraku.example.jp/u/")
    assert tokens.unseal(SECRET, "leave", leave.rpartition("/")[2]) == (
        row.contact_point_id,
        school_id,
    )
    assert recipient.leave_mail == f"leave-{leave.rpartition('/')[2]}@in.example.jp"


def test_nobody_is_told_to_leave_by_mail_where_none_is_taken_in(database: Database) -> None:
    city.frozen(database, 1)
    rendered = Renderer(database, Addresses(URL)).render(leased(database)).chunk
    assert [recipient.leave_mail for recipient in rendered.recipients] == [""]


def test_the_rendering_is_the_schools(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    bulk = Renderer(database, Addresses(URL)).render(leased(database)).chunk.bulk
    row = city.broadcast(database, broadcast_id)
    assert (bulk.sender_name, bulk.board) == ("第一小学校", "市教育委員会")
    assert bulk.list_id == f"school-{row.school_id}.renraku.example.jp"
    assert (bulk.subject, bulk.text, bulk.language) == (row.subject, row.body, "ja")
    assert bulk.ordinary
    assert bulk.date == row.frozen_at


def test_pictures_come_along_in_order(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    with database.writing() as tx:
        for position, name in ((1, "b"), (0, "a")):
            board_id = tx.session.get_one(Broadcast, broadcast_id).board_id
            tx.session.add(
                Attachment(
                    board_id=board_id,
                    broadcast_id=broadcast_id,
                    position=position,
                    sha256=name * 64,
                    media_type="image/jpeg",
                    width=4,
                    height=3,
                    data=name.encode(),
                    preview=b"small",
                    created_at=tx.now,
                )
            )
    bulk = Renderer(database, Addresses(URL)).render(leased(database)).chunk.bulk
    assert [picture.data for picture in bulk.pictures] == [b"a", b"b"]
    with database.reading() as tx:
        number = tx.session.scalars(select(Attachment.id).order_by(Attachment.position)).first()
    first = bulk.pictures[0]
    assert (read_picture(first.url), read_picture(first.preview_url)) == ((number, 0), (number, 1))


def read_picture(url: str) -> tuple[int, ...] | None:
    assert url.startswith("https://renraku.example.jp/pictures/")
    return tokens.unseal(SECRET, paths.PICTURE, url.rpartition("/")[2])


def test_a_broadcast_has_a_page_and_a_button_of_its_own(database: Database) -> None:
    broadcast_id = city.frozen(database, 1)
    bulk = Renderer(database, Addresses(URL)).render(leased(database)).chunk.bulk
    row = city.broadcast(database, broadcast_id)
    assert bulk.page_url == f"https://renraku.example.jp{paths.broadcast(SECRET, broadcast_id)}"
    ref = CardRef(broadcast_id, row.version, mark_of(row.content_hash))
    assert read_card(SECRET, bulk.open_token) == (ref, CardVerb.OPEN)
    assert not bulk.headline_only


def test_what_stands_around_the_text(database: Database) -> None:
    """An emergency's mark, what it corrects, how to confirm it, and where to ask if it is real."""
    broadcast_id = city.frozen(database, 1)
    with database.writing() as tx:
        row = tx.session.get_one(Broadcast, broadcast_id)
        origin = Broadcast(**{c.key: getattr(row, c.key) for c in columns()}, frozen_at=tx.now)
        tx.session.add(origin)
        tx.flush()
        follows = {"relation": "correction", "origin": origin.id}
        row.options = {"emergency": True, "confirm": True, **follows}
        row.verify_code = "K7Q3-M9XP"
    bulk = Renderer(database, Addresses(URL)).render(leased(database)).chunk.bulk
    assert bulk.subject == "【緊急】運動会は延期です"
    assert bulk.lead == (
        "【訂正】11月24日（火）10:00にお送りした「運動会は延期です」を訂正します。"
    )
    row = city.broadcast(database, broadcast_id)
    ref = CardRef(broadcast_id, row.version, mark_of(row.content_hash))
    assert read_card(SECRET, bulk.confirm_token) == (ref, CardVerb.CONFIRM)
    assert f"「確認しました {broadcast_id}-{row.version}」" in bulk.how_to_confirm
    real = "https://renraku.example.jp/verify/K7Q3-M9XP"
    assert bulk.signature == f"第一小学校\nこの連絡が本物か確かめる: {real}"


def columns() -> list[KeyedColumnElement[Any]]:
    """What a broadcast must have, but for its number."""
    table = Broadcast.__table__
    return [c for c in table.columns if not (c.nullable or c.primary_key or c.default)]


@pytest.mark.parametrize(("channel", "headline_only"), [("line", True), ("email", False)])
def test_only_chats_show_the_headline_only(
    database: Database, channel: str, headline_only: bool
) -> None:
    with database.writing() as tx:
        where = city.found(tx)
        person = people.add_guardian(tx, where.board_id, "en")
        people.join(tx, person, where.class_id)
        contact = people.contact_point(tx, where.board_id, channel, channel, "a@example.jp")
        people.link_contact(tx, person, contact.id)
        broadcast_id = city.approved(tx, where)
        tx.session.get_one(Broadcast, broadcast_id).options = {"privacy": "headline"}
        rules = {channel: ChunkRule(size=500, slots=1, keyed=True)}
        assert isinstance(freeze(tx, broadcast_id, rules), Frozen)
    bulk = Renderer(database, Addresses(URL)).render(leased(database, channel)).chunk.bulk
    assert (bulk.language, bulk.headline_only) == ("en", headline_only)


def test_a_chunk_keeps_its_key_and_no_other_has_it(database: Database) -> None:
    city.frozen(database, 8)
    renderer = Renderer(database, Addresses(URL))
    first, second = leased(database), leased(database)
    keys = [renderer.render(lease).chunk.key for lease in (first, second, first)]
    assert keys[0] == keys[2] != keys[1]


def test_progress_counts_by_state(database: Database) -> None:
    broadcast_id = city.frozen(database, 3)
    with database.reading() as tx:
        found = progress(tx, broadcast_id)
    assert (found.state, found.total, found.settled) == ("sending", 3, 0)
    assert found.counts[State.WAITING] == 3
