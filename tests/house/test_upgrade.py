"""Upgrading from the previous release keeps every row, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from psycopg import sql
from sqlalchemy import select, text

from domain.board_settings import BoardSettings
from domain.speech import render
from storage import boards, inbox, ledger, migrate, people, replies
from storage.database import Database
from storage.tables import Broadcast, Chunk, ContactPoint, Delivery, Inbox, Reply
from tests import needs
from tests.databases import SECRET, VAULT

PREVIOUS = "0001"
THEN = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
NOW = THEN + timedelta(minutes=5)

# As the previous release wrote them.
SPOKEN = {
    "words": ["登録しました。"],
    "buttons": [{"words": "はい", "token": "t1", "typed": None}],
    "picture_ids": [],
    "subject": None,
    "numbered": True,
}
CAME_IN = {
    "sender": "guardian@example.jp",
    "kind": "text",
    "text": "こんにちは",
    "token": "",
    "picture": "",
}


def opened(url: str) -> Database:
    return Database(url, VAULT, SECRET, lambda: NOW)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Database]:
    database = opened(f"sqlite:///{tmp_path}/previous.db")
    yield database
    database.close()


@pytest.fixture
def on_postgresql() -> Iterator[Database]:
    name = sql.Identifier(f"renrakumo_upgrade_{os.getpid()}")
    with needs.connect_postgresql() as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C'").format(name))
        url = needs.postgresql_server().set(database=f"renrakumo_upgrade_{os.getpid()}")
        database = opened(url.render_as_string(hide_password=False))
        yield database
        database.close()
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def previous(request: pytest.FixtureRequest) -> Database:
    """A database as the previous release left it."""
    made: Database = request.getfixturevalue(f"on_{request.param}")
    config = migrate.alembic_config()
    with made.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, PREVIOUS)
    assert migrate.current(made) == PREVIOUS
    fill(made)
    return made


def fill(database: Database) -> None:
    """What an installation holds in the middle of a broadcast, in plain SQL."""
    then, later = _stored(database, THEN), _stored(database, THEN + timedelta(days=1))
    with database.engine.begin() as connection:
        for table, values in _rows(then, later):
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def _stored(database: Database, moment: datetime) -> object:
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}" if database.is_sqlite else moment


def _rows(then: object, later: object) -> list[tuple[str, Mapping[str, object]]]:
    ours = {"id": 1, "board_id": 1}
    of_contact = {"board_id": 1, "address_cipher": _sealed("guardian@example.jp")}
    board = {"code": "city", "name": "市教育委員会", "zone": "Asia/Tokyo"}
    mail = {"channel": "email", "account": "email"}
    broadcast = {"purpose": "event", "subject": "運動会", "body": "延期です", "reason": ""}
    lists = {"audience": '[{"kind": "city"}]', "options": "{}", "author_ids": "[]"}
    tries = {"attempts": 1, "doubtful": 1, "reason": "no_answer", "reference": ""}
    return [
        ("boards", {**board, "id": 1, "settings": '{"undo_seconds": 10}', "created_at": then}),
        (
            "contact_points",
            {**of_contact, **mail, "id": 1, "address_index": b"1", "domain": "example.jp"}
            | {"state": "active", "language": "ja", "created_at": then},
        ),
        (
            "contact_points",
            {**of_contact, "id": 2, "channel": "webchat", "account": "webchat", "domain": ""}
            | {"address_index": b"2", "state": "blocked", "language": "en", "created_at": then},
        ),
        (
            "inbox",
            {**ours, **mail, "event_id": "<a@b>", "sender_index": b"1", "state": "new", "tries": 1}
            | {"payload_cipher": VAULT.seal_json(CAME_IN, "inbox.payload")}
            | {"at": then, "received_at": then},
        ),
        (
            "replies",
            {**ours, "contact_point_id": 1, "inbox_id": 1, "state": "new", "tries": 2}
            | {"payload_cipher": VAULT.seal_json(SPOKEN, "replies.payload")}
            | {"not_before": then, "created_at": then},
        ),
        (
            "broadcasts",
            {**ours, **broadcast, **lists, "state": "sending", "version": 3}
            | {"content_hash": "0" * 64, "frozen_at": then, "created_at": then}
            | {"updated_at": then},
        ),
        (
            "chunks",
            {**ours, **mail, "broadcast_id": 1, "lane": "other", "variant": "ja", "priority": 5}
            | {"state": "ready", "size": 1, "epoch": 4, "not_before": then, "deadline": later},
        ),
        (
            "deliveries",
            {**ours, **tries, "broadcast_id": 1, "contact_point_id": 1, "chunk_id": 1}
            | {"state": "unknown"},
        ),
    ]


def _sealed(address: str) -> bytes:
    return VAULT.seal_text(address, "contact_points.address")


@pytest.fixture
def upgraded(previous: Database) -> Database:
    migrate.upgrade(previous)
    assert migrate.is_current(previous)
    return previous


def test_people_are_who_they_were(upgraded: Database) -> None:
    with upgraded.reading() as tx:
        mail, chat = tx.session.scalars(select(ContactPoint).order_by(ContactPoint.id))
        assert people.open_address(tx, mail) == "guardian@example.jp"
        assert [(c.state, c.language, c.created_at) for c in (mail, chat)] == [
            ("active", "ja", THEN),
            ("blocked", "en", THEN),
        ]
        assert {(c.state_at, c.heard_at, c.menu) for c in (mail, chat)} == {(None, None, "")}


def test_what_was_chosen_holds_and_what_is_new_has_its_default(upgraded: Database) -> None:
    with upgraded.reading() as tx:
        settings = BoardSettings.from_json(boards.board(tx, 1).settings)
    assert settings == BoardSettings(undo_seconds=10)


def test_what_came_in_is_still_read(upgraded: Database) -> None:
    with upgraded.reading() as tx:
        item = inbox.open_item(tx, tx.session.get_one(Inbox, 1))
    assert (item.sender, item.text, item.kind, item.tries) == (
        "guardian@example.jp",
        "こんにちは",
        "text",
        1,
    )


def test_an_answer_on_its_way_is_still_said(upgraded: Database) -> None:
    with upgraded.reading() as tx:
        reply = tx.session.get_one(Reply, 1)
        said = render(replies.open_speech(tx, reply), "ja")
    assert (reply.state, reply.tries, reply.not_before) == ("new", 2, THEN)
    assert said.text == "登録しました。\n\n1 はい"
    assert [(button.token, button.lasting, button.url) for button in said.buttons] == [
        ("t1", False, "")
    ]


def test_a_broadcast_on_its_way_goes_on(upgraded: Database) -> None:
    with upgraded.writing() as tx:
        assert tx.session.get_one(Broadcast, 1).frozen_at == THEN
        (held,) = ledger.lease(tx, "next", {"email": 9}, timedelta(seconds=30))
        (member,) = ledger.members(tx, held.chunk_id)
        delivery = tx.session.get_one(Delivery, member.delivery_id)
        chunk = tx.session.get_one(Chunk, held.chunk_id)
    assert (held.epoch, held.keyed, chunk.deadline) == (5, False, THEN + timedelta(days=1))
    assert (delivery.state, delivery.attempts, delivery.doubtful) == ("unknown", 1, 1)
