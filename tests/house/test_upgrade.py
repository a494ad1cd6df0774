"""Upgrading from the previous release keeps every row, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, select
from sqlalchemy.exc import IntegrityError

from actions import audit, staff, troubles
from bot.turns import TurnLoop
from channels.base import Recipient
from delivery import journal, schedule
from delivery.demand import Demand
from delivery.recovery import Recovery
from delivery.render import Addresses, Renderer
from domain import approved_audiences
from domain.board_settings import BoardSettings
from domain.cards import CardRef, CardVerb, mark_of, read_card
from domain.deliveries import ChunkRule
from domain.outcomes import Accepted
from domain.speech import render
from storage import (
    boards,
    child_codes,
    contact_codes,
    emergencies,
    ledger,
    migrate,
    people,
    recording,
    replies,
)
from storage import troubles as stored_troubles
from storage.closing import Remains
from storage.database import Database, Transaction
from storage.ledger import Again, Lease, Want
from storage.recording import Told
from storage.tables import (
    Admission,
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
from tests.databases import SECRET, VAULT
from tests.delivery.city import EVERYTHING
from tests.house import previous, sealed
from tests.house.previous import (
    ACCEPTED,
    ADDRESSES,
    ASKED,
    ASKER,
    CHAT,
    HALFWAY,
    HOST,
    LATER,
    LEFT,
    LINE,
    MAIL,
    NEWCOMER,
    PENDING,
    SCHEDULED,
    SENDING,
    TEACHER,
    THEN,
    TYPED,
)
from tests.house.rows import Upgraded
from web.application import create_web
from web.services import Services

NOW = THEN + timedelta(minutes=5)
# As today's worker cuts and asks: mail lane by lane.
RULES = {"email": ChunkRule(100, 1, keyed=False, laned=True), "line": EVERYTHING["line"]}


@pytest.fixture
def database(upgraded: Upgraded) -> Database:
    return upgraded.database


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


def test_what_is_new_has_its_default(upgraded: Upgraded) -> None:
    new = {
        (table, name, row[name])
        for table, rows in upgraded.before.items()
        for row in upgraded.after[table]
        for name in row.keys() - rows[0].keys()
    }
    assert new == {
        ("chunks", "turn", 0),
        ("chunks", "patient", False),
        ("contact_points", "mail_form", ""),
        ("contact_points", "tested_at", None),
        ("contact_points", "arrived_at", None),
    }


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
        every_way = select(Guardian.id).where(Guardian.every_way)
        assert tx.session.scalars(every_way).all() == [1]
        old = people.find_contact_point(tx, "email", "email", '"Taro."@docomo.ne.jp')
        assert (old and old.id) == ACCEPTED
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
    assert (school.admission, school.phone) == ("open", "0480-11-1111")


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
    assert settings == BoardSettings(undo_seconds=10, min_families=1)


def test_what_came_in_before_is_answered(database: Database) -> None:
    """In the middle of registering, of proving a mail address; and buttons pressed by staff."""
    TurnLoop(database).run_once()
    with database.reading() as tx:
        said = {one: _said(tx, one) for one in (NEWCOMER, TEACHER, ASKER, HALFWAY)}
        assert "登録しました" in said[NEWCOMER]
        assert _groups_of(tx, NEWCOMER) == ["3年1組", "サッカー部"]
        pending = tx.session.get_one(Broadcast, PENDING)
        assert (pending.state, pending.decided_by, pending.due_at) == ("approved", 1, LATER), said
        assert tx.session.get_one(Admission, 1).state == "admitted", said
        assert _groups_of(tx, ASKER) == ["3年2組", "PTA"]
        assert [one.id for one in people.guardians_of(tx, TYPED)] == [6], said
        assert tx.session.get_one(ContactPoint, TYPED).tested_at == NOW
        assert "確認のメールを送りました" in said[HALFWAY]
        assert audit.verify(tx) == []


def _said(tx: Transaction, contact_id: int) -> str:
    found = tx.session.scalars(select(Reply).where(Reply.contact_point_id == contact_id))
    return "\n".join(render(replies.open_speech(tx, each), "ja").text for each in found)


def test_an_answer_on_its_way_is_still_said(database: Database) -> None:
    with database.writing() as tx:
        (claimed,) = replies.claim(tx, "line", timedelta(seconds=30))
    said = render(claimed.speeches[0], "ja")
    assert (claimed.address, claimed.token, claimed.tries) == ("U1", "leave", 3)
    assert said.text == "登録しました。\n\n1 はい"
    assert [(button.token, button.lasting, button.url) for button in said.buttons] == [
        ("t1", False, "")
    ]


def test_a_killed_workers_journal_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dead.journal"
    path.write_bytes(sealed.JOURNAL)
    assert journal.read(path) == {
        (3, 2): Remains(((3, Accepted("250 2.0.0 queued")),), (4,)),
        (3, 1): Remains((), (5,)),
    }


def test_a_broadcast_on_its_way_is_sent_to_its_end(upgraded: Upgraded) -> None:
    database = upgraded.database
    again = Again(RULES)
    assert Recovery(database, upgraded.journals, HOST, lambda: again).run() == 1
    leases = _lease_all(database)
    renderer = Renderer(database, Addresses("https://example.jp", "mail.example.jp"))
    sent = {held.chunk_id: renderer.render(held).chunk for held in leases}
    assert {held.chunk_id: (held.epoch, held.keyed, held.key) for held in leases} == {
        1: (5, False, previous.KEY),
        2: (5, True, previous.KEY),
        3: (3, False, previous.KEY),
    }
    assert {
        one: [recipient.address for recipient in chunk.recipients] for one, chunk in sent.items()
    } == {1: [ADDRESSES[MAIL]], 2: ["U1"], 3: [ADDRESSES[ASKED], ADDRESSES[LEFT]]}
    assert _names(sent[1].recipients[0]) == (sealed.MESSAGE_ID, sealed.PAGE, sealed.LEAVE)
    assert sent[1].bulk.confirm_token == sealed.CONFIRM
    told = [
        Told(held, [(each.delivery_id, Accepted("ok")) for each in sent[held.chunk_id].recipients])
        for held in leases
    ]
    with database.writing() as tx:
        assert recording.record_all(tx, told, again) == set()
        ledger.release_all(tx, dict.fromkeys(leases))
    assert schedule.tick_finish(database) == 1
    with database.reading() as tx:
        assert tx.session.get_one(Broadcast, SENDING).state == "sent"
        rows = tx.session.scalars(select(Delivery).where(Delivery.broadcast_id == SENDING))
        doubtful = {row.contact_point_id: (row.state, row.doubtful) for row in rows}
    assert doubtful == {
        contact: ("accepted", int(contact in (MAIL, ASKED)))
        for contact in (MAIL, LINE, ACCEPTED, ASKED, LEFT)
    }


def _lease_all(database: Database) -> list[Lease]:
    """What is left of the broadcast on its way, as a worker asks for it."""
    wants = [*Demand(RULES).wants([]), Want("line", 9)]
    with database.writing() as tx:
        leases = ledger.lease(tx, "next", wants, timedelta(seconds=30))
    return [held for held in leases if held.broadcast_id == SENDING]


def _names(recipient: Recipient) -> tuple[str, str, str]:
    """How mail of this delivery is called, and where its links lead."""
    site = "https://example.jp"
    page, leave = recipient.page_url, recipient.leave_url
    return recipient.message_id, page.removeprefix(site), leave.removeprefix(site)


def test_a_scheduled_broadcast_starts_at_its_time(database: Database) -> None:
    meant = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5}
    assert dict(approved_audiences.unpack(sealed.APPROVED_AUDIENCE)) == meant
    assert schedule.tick_due(database, EVERYTHING) == 1
    with database.reading() as tx:
        assert tx.session.get_one(Broadcast, SCHEDULED).state == "sending"
        rows = select(Delivery.contact_point_id).where(Delivery.broadcast_id == SCHEDULED)
        heard = set(tx.session.scalars(rows))
    assert heard >= {MAIL, LINE, ACCEPTED, ASKED, LEFT}
    assert CHAT not in heard


def test_links_and_buttons_of_before_still_open(database: Database) -> None:
    services = Services(database, {}, "http://localhost", board_id=1, secret=SECRET)
    client = create_web(services).test_client()
    shown = {
        path: client.get(path)
        for path in (sealed.PAGE, sealed.WITHDRAWN_PAGE, sealed.BROADCAST_PAGE, sealed.LEAVE)
    }
    assert {page.status_code for page in shown.values()} == {200}
    assert "延期です" in shown[sealed.PAGE].text
    assert "取り消されました" in shown[sealed.WITHDRAWN_PAGE].text
    assert "延期です" not in shown[sealed.WITHDRAWN_PAGE].text
    assert "中止です" in shown[sealed.BROADCAST_PAGE].text
    assert "第一小学校" in shown[sealed.LEAVE].text
    assert client.get(sealed.PICTURE).data == b"preview"
    assert client.get("/verify/K7Q3-M9XP").status_code == 200
    confirmed = CardRef(SENDING, 3, mark_of(sealed.SENDING_HASH)), CardVerb.CONFIRM
    assert read_card(SECRET, sealed.CONFIRM) == confirmed


def test_codes_of_before_still_open(database: Database) -> None:
    with database.reading() as tx:
        opened = contact_codes.open_code(tx, 1, sealed.CONTACT_CODE)
        child = child_codes.opened_by(tx, 1, "46J3222233334444")
    assert opened is not None
    assert child is not None
    assert (opened.retires_id, child.child_id) == (CHAT, 2)


def test_what_was_wrong_is_not_forgotten(database: Database) -> None:
    with database.writing() as tx:
        troubles.watch(tx, 1, [])
        (trouble,) = stored_troubles.open_ones(tx)
        assert (trouble.sign.subject, trouble.told_at) == ("email:email", THEN)
        assert [board.id for board in emergencies.boards_with_open_cases(tx)] == [1]


def test_rows_must_still_refer_to_something(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as tx:
        tx.session.add(GuardianContact(guardian_id=9, contact_point_id=MAIL, board_id=1))


def test_the_audit_chains_are_whole(database: Database) -> None:
    with database.reading() as tx:
        assert audit.verify(tx) == []


def test_a_sqlite_that_protects_its_schema_comes_to_the_same(
    tmp_path: Path, sqlite_database: Database
) -> None:
    """Some systems' SQLite is defensive: the tables are copied there, which takes longer."""
    with closing(Database(f"sqlite:///{tmp_path}/defensive.db", VAULT, SECRET)) as defensive:
        event.listen(defensive.engine, "before_cursor_execute", _defend, retval=True)
        migrate.upgrade(defensive)
        copied = _shape(defensive)
    assert copied == _shape(sqlite_database)
    assert not any(table["references"] for table in copied)


def _shape(database: Database) -> list[dict[str, Any]]:
    """The tables that lost their references."""
    found = inspect(database.engine)
    return [
        {
            "columns": [(each["name"], str(each["type"])) for each in found.get_columns(table)],
            "key": found.get_pk_constraint(table),
            "indexes": found.get_indexes(table),
            "unique": found.get_unique_constraints(table),
            "references": found.get_foreign_keys(table),
        }
        for table in ("deliveries", "audience_members", "audience_ways")
    ]


def _defend(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    return statement.replace("writable_schema = ON", "writable_schema = OFF"), parameters
