"""Upgrading from the previous release keeps every row, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

import pytest
from alembic import command
from psycopg import sql
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from actions import audit, staff
from bot.turns import TurnLoop
from domain.board_settings import BoardSettings
from domain.speech import render
from storage import boards, ledger, migrate, people, replies
from storage.database import Database, Transaction
from storage.ledger import Want
from storage.tables import (
    Broadcast,
    ContactPoint,
    Delivery,
    Group,
    Guardian,
    GuardianContact,
    Membership,
    Reply,
    School,
)
from tests import needs
from tests.databases import SECRET, VAULT
from tests.house import previous
from tests.house.previous import CHAT, LATER, LINE, MAIL, NEWCOMER, SENDING, TEACHER, THEN, Rows

NOW = THEN + timedelta(minutes=5)


@dataclass(frozen=True)
class Upgraded:
    """A database at the newest schema, and what was in it before."""

    database: Database
    before: Rows
    after: Rows


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('upgrade')}/previous.db"


@pytest.fixture(scope="module")
def on_postgresql() -> Iterator[str]:
    name = f"renrakumo_upgrade_{os.getpid()}"
    with needs.connect_postgresql() as server:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE 'C'")
        server.execute(made.format(sql.Identifier(name)))
        url = needs.postgresql_server().set(database=name)
        yield url.render_as_string(hide_password=False)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))],
)
def upgraded(request: pytest.FixtureRequest) -> Iterator[Upgraded]:
    url: str = request.getfixturevalue(f"on_{request.param}")
    with closing(Database(url, VAULT, SECRET, lambda: NOW)) as database:
        _install_previous(database)
        before = previous.rows(database)
        migrate.upgrade(database)
        assert migrate.is_current(database)
        yield Upgraded(database, before, previous.rows(database))


@pytest.fixture
def database(upgraded: Upgraded) -> Database:
    return upgraded.database


def _install_previous(database: Database) -> None:
    config = migrate.alembic_config()
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, previous.SCHEMA)
    assert migrate.current(database) == previous.SCHEMA
    previous.fill(database)


def test_every_row_is_kept(upgraded: Upgraded) -> None:
    assert [table for table, rows in upgraded.before.items() if not rows] == []
    kept = {
        table: [
            {name: new[name] for name in old}
            for old, new in zip(rows, upgraded.after[table], strict=True)
        ]
        for table, rows in upgraded.before.items()
    }
    assert kept == upgraded.before


def test_what_is_new_is_empty(upgraded: Upgraded) -> None:
    new = upgraded.after.keys() - upgraded.before.keys()
    assert {table: upgraded.after[table] for table in new} == {table: [] for table in new}


def test_people_are_who_they_were(database: Database) -> None:
    with database.reading() as tx:
        mail, chat = (tx.session.get_one(ContactPoint, one) for one in (MAIL, CHAT))
        assert people.open_address(tx, mail) == "guardian@example.jp"
        assert [(c.state, c.language, c.created_at) for c in (mail, chat)] == [
            ("active", "ja", THEN),
            ("blocked", "en", THEN),
        ]
        line = people.contact_point(tx, 1, "line", "line", "U1")
        assert (line.id, line.heard_at, line.menu) == (LINE, THEN, "guardian")
        assert [guardian.id for guardian in people.guardians_of(tx, MAIL)] == [1]
        assert not any(guardian.every_way for guardian in tx.session.scalars(select(Guardian)))
        teacher = staff.actor_of(tx, TEACHER)
        assert teacher is not None
        assert teacher.staff_id == 1


def test_guardians_hear_what_they_heard_and_may_join_what_they_might(database: Database) -> None:
    with database.reading() as tx:
        joined = {contact: _groups_of(tx, contact) for contact in (MAIL, LINE)}
        joinable = tx.session.scalars(select(Group.name).where(Group.joinable)).all()
        school = tx.session.get_one(School, 1)
    assert joined == {MAIL: ["3年1組", "サッカー部"], LINE: ["3年1組"]}
    assert sorted(joinable) == ["PTA", "サッカー部"]
    assert (school.admission, school.phone) == ("open", "")


def _groups_of(tx: Transaction, contact_id: int) -> Sequence[str]:
    query = (
        select(Group.name)
        .join(Membership, Membership.group_id == Group.id)
        .join(GuardianContact, GuardianContact.guardian_id == Membership.guardian_id)
        .where(GuardianContact.contact_point_id == contact_id)
    )
    return tx.session.scalars(query.order_by(Group.id)).all()


def test_what_was_chosen_holds_and_what_is_new_has_its_default(database: Database) -> None:
    with database.reading() as tx:
        settings = BoardSettings.from_json(boards.board(tx, 1).settings)
    assert settings == BoardSettings(undo_seconds=10)


def test_a_dialogue_half_done_goes_on_with_the_answer_that_came_in(database: Database) -> None:
    TurnLoop(database).run_once()
    with database.reading() as tx:
        joined = _groups_of(tx, NEWCOMER)
        found = select(Reply).where(Reply.contact_point_id == NEWCOMER)
        said = render(replies.open_speech(tx, tx.session.scalars(found).one()), "ja").text
        assert audit.verify(tx) == []
    assert joined == ["3年1組", "サッカー部"], said
    assert "登録しました" in said


def test_an_answer_on_its_way_is_still_said(database: Database) -> None:
    with database.writing() as tx:
        (claimed,) = replies.claim(tx, "line", timedelta(seconds=30))
    said = render(claimed.speeches[0], "ja")
    assert (claimed.address, claimed.token, claimed.tries) == ("U1", "leave", 3)
    assert said.text == "登録しました。\n\n1 はい"
    assert [(button.token, button.lasting, button.url) for button in said.buttons] == [
        ("t1", False, "")
    ]


@pytest.mark.parametrize(
    ("channel", "contact", "state", "keyed"),
    [("email", MAIL, "unknown", False), ("line", LINE, "waiting", True)],
)
def test_a_broadcast_on_its_way_goes_on(
    database: Database, channel: str, contact: int, state: str, keyed: bool
) -> None:
    with database.writing() as tx:
        assert tx.session.get_one(Broadcast, SENDING).frozen_at == THEN
        (held,) = ledger.lease(tx, "next", [Want(channel, 9)], timedelta(seconds=30))
        (member,) = ledger.members(tx, held.chunk_id)
        delivery = tx.session.get_one(Delivery, member.delivery_id)
    assert (held.epoch, held.keyed, held.key) == (5, keyed, previous.KEY)
    assert (member.contact_point_id, delivery.state) == (contact, state)
    assert (delivery.attempts, delivery.doubtful) == (1, 1)


def test_a_broadcast_that_waits_for_its_approval_still_does(database: Database) -> None:
    with database.reading() as tx:
        pending = tx.session.get_one(Broadcast, previous.PENDING)
    assert (pending.state, pending.submitted_by, pending.send_at) == ("pending", 1, LATER)
    assert (pending.keeper_id, pending.origin_id, pending.relation) == (None, None, "")


def test_rows_must_still_refer_to_something(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as tx:
        tx.session.add(GuardianContact(guardian_id=9, contact_point_id=MAIL, board_id=1))


def test_the_audit_chains_are_whole(database: Database) -> None:
    with database.reading() as tx:
        assert audit.verify(tx) == []
