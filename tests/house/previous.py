"""An installation in the middle of its work, as the release before this one left it (0002).

The rows go through the tables as they lie in the database, never through today's classes: what
that release did not know, it cannot have written. Its seals, and what it wrote under them, are
copied from it word for word.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData, select

from storage.database import Database
from tests.databases import VAULT

SCHEMA = "0002"
THEN = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
LATER = THEN + timedelta(days=1)
KEY = UUID("0b9a4a1e-0c3d-4a5b-9f65-0d6b3f0c1a2b")
MAIL, CHAT, LINE, NEWCOMER, TEACHER = 1, 2, 3, 4, 5
SENDING, PENDING = 1, 2

_SPOKEN = {
    "words": ["登録しました。"],
    "buttons": [
        {"words": "はい", "token": "t1", "typed": None, "lasting": False, "path": ""},
    ],
    "picture_ids": [],
    "subject": None,
    "numbered": True,
}
_CAME_IN = {
    "sender": "newcomer",
    "kind": "text",
    "text": "登録する",
    "token": "",
    "picture": "",
    "media": "",
    "answer_token": "",
    "raw": "",
}
# Registering, up to the summary.
_ANSWERED = {
    "given": {},
    "memory": {},
    "log": [
        ["id", "46J3-ADMK-NKGX"],
        ["find", {"id": 1, "name": "第一小学校"}],
        ["sure", "yes"],
        [
            "groups",
            {
                "classes": [{"id": 2, "name": "3年1組"}, {"id": 3, "name": "3年2組"}],
                "clubs": [{"id": 4, "name": "サッカー部"}, {"id": 5, "name": "PTA"}],
            },
        ],
        ["class.0", 2],
        ["number.0", 12],
        ["more.0", "no"],
        ["club.0", [4]],
        ["club.1", ["done"]],
    ],
}
# Chain, sequence, actor, verb, subject and details of each entry, and its mac.
_AUDITED: tuple[tuple[str, int, str, str, str, dict[str, int], str], ...] = (
    (
        *("board:1", 1, "system", "open_board", "board:1", {}),
        "e2664db3dfd5a32b19f45f93f0711416939210c72ebfd564b8bf1c7af3e1d527",
    ),
    (
        *("board:1", 2, "system", "open_school", "school:1", {}),
        "3f0823c8991fa12fcb98efe69f004e69fd474a3cbdd6f3e709881b780b23f600",
    ),
    (
        *("school:1", 1, "system", "open_school", "school:1", {}),
        "502c90d04aaec27218d3e887d8a9e9f7f4cd69cb7703c3464a5e91cbf0ae226c",
    ),
    (
        *("school:1", 2, "staff:1", "approve", "broadcast:1", {"families": 2, "version": 3}),
        "d7c6c5c79bf83ce44185d6e3e440364f7a3709ca9e0d79620dfb21f4565f974d",
    ),
)
_HEADS = {
    "board:1": "f8999d2eb77ced486705c77d59c5f4ad1fd4b31c0d5e46d38be54bd14d64d0b9",
    "school:1": "46fce9ee1be573cb839e0447ff8ef2dab97767d0e744771c58c6fb74fc42e97b",
}

Rows = dict[str, list[dict[str, Any]]]


def rows(database: Database) -> Rows:
    """All that is in a database, by its tables."""
    with database.engine.connect() as connection:
        tables = MetaData()
        tables.reflect(connection)
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    select(table).order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in tables.sorted_tables
            if table.name != "alembic_version"
        }


def fill(database: Database) -> None:
    """Rows in every table. IDs are given out by the database, from 1 in the order of writing."""
    release = _Release(database)
    _fill_schools(release)
    _fill_people(release)
    _fill_broadcasts(release)
    _fill_ledger(release)
    _fill_conversations(release)
    _fill_audit(release)


class _Release:
    """Writes into the tables as they are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables = MetaData()
        self._tables.reflect(database.engine)

    def write(self, table: str, *rows: Mapping[str, object], **shared: object) -> None:
        with self._database.engine.begin() as connection:
            for row in rows or ({},):
                kept = {name: self._kept(value) for name, value in {**shared, **row}.items()}
                connection.execute(self._tables.tables[table].insert(), kept)

    def _kept(self, value: object) -> object:
        """SQLite has neither zones nor keys of this kind."""
        if isinstance(value, datetime) and self._database.is_sqlite:
            return value.replace(tzinfo=None)
        if isinstance(value, UUID) and self._database.is_sqlite:
            return value.hex
        return value


def _fill_schools(release: _Release) -> None:
    ours = {"board_id": 1, "created_at": THEN}
    release.write(
        "boards",
        code="city",
        name="市教育委員会",
        zone="Asia/Tokyo",
        settings={"undo_seconds": 10},
        created_at=THEN,
    )
    release.write("schools", ours, code="k01", name="第一小学校", kind="primary", handle="46J3")
    release.write(
        "school_ids",
        ours,
        school_id=1,
        id_index=VAULT.index("school_id", "46J3ADMKNKGX"),
        id_cipher=VAULT.seal_text("46J3-ADMK-NKGX", "school_ids.id"),
        expires_at=LATER,
    )
    release.write(
        "groups",
        {"name": "第一小学校", "kind": "school", "parent_id": None},
        {"name": "3年1組", "kind": "class"},
        {"name": "3年2組", "kind": "class"},
        {"name": "サッカー部", "kind": "club"},
        {"name": "PTA", "kind": "other"},
        board_id=1,
        school_id=1,
        parent_id=1,
        position=0,
    )


def _fill_people(release: _Release) -> None:
    ours = {"board_id": 1, "created_at": THEN}
    release.write(
        "contact_points",
        _address("email", "guardian@example.jp", domain="example.jp"),
        _address("webchat", "guardian", state="blocked", language="en", seen_at=THEN),
        _address("line", "U1", menu="guardian", state_at=THEN, heard_at=THEN),
        _address("webchat", "newcomer"),
        _address("webchat", "teacher"),
        **{**ours, "domain": "", "state": "active", "language": "ja", "menu": ""},
    )
    release.write("families", board_id=1)
    release.write("guardians", {"language": "ja"}, {"language": "en"}, family_id=1, **ours)
    release.write("children", board_id=1, class_id=2, number=7)
    both = ({"guardian_id": 1}, {"guardian_id": 2})
    release.write("guardian_children", *both, child_id=1, board_id=1)
    release.write("memberships", *both, group_id=2, board_id=1)
    release.write("memberships", guardian_id=1, group_id=4, board_id=1)
    release.write(
        "guardian_contacts",
        {"guardian_id": 1, "contact_point_id": MAIL, "rank": 0},
        {"guardian_id": 1, "contact_point_id": CHAT, "rank": 1},
        {"guardian_id": 2, "contact_point_id": LINE, "rank": 0},
        board_id=1,
    )
    release.write("opt_outs", contact_point_id=CHAT, school_id=1, board_id=1, at=THEN)
    release.write("attempts", board_id=1, scope="contact:4", at=THEN)
    _fill_staff(release, ours)


def _fill_staff(release: _Release, ours: Mapping[str, object]) -> None:
    release.write("staff", ours, name_cipher=VAULT.seal_text("山田", "staff.name"), language="ja")
    release.write("staff_contacts", contact_point_id=TEACHER, staff_id=1, board_id=1)
    release.write(
        "staff_roles", board_id=1, staff_id=1, school_id=1, role="manager", starts_at=THEN
    )
    release.write("invitations", ours, code_index=b"code", staff_id=1, expires_at=LATER)
    release.write(
        "account_links", board_id=1, contact_point_id=LINE, invitation_id=1, expires_at=LATER
    )
    release.write(
        "contact_proofs",
        board_id=1,
        asker_id=CHAT,
        address_cipher=VAULT.seal_text("guardian@example.jp", "contact_points.address"),
        pin_index=b"pin",
        tries=1,
        expires_at=LATER,
    )


def _address(channel: str, address: str, **more: object) -> dict[str, object]:
    return {
        "channel": channel,
        "account": channel,
        "address_index": VAULT.index("contact", channel, channel, address),
        "address_cipher": VAULT.seal_text(address, "contact_points.address"),
        **more,
    }


def _fill_broadcasts(release: _Release) -> None:
    content = {"purpose": "event", "subject": "運動会", "body": "延期です", "reason": ""}
    lists = {"audience": [{"kind": "school", "id": 1}], "options": {}, "author_ids": [1]}
    times = {"created_at": THEN, "updated_at": THEN}
    release.write(
        "broadcasts",
        {"state": "sending", "version": 3, "decided_by": 1, "frozen_at": THEN}
        | {"approved_families": 2},
        {"state": "pending", "version": 1, "submitted_by": 1, "send_at": LATER},
        **{"board_id": 1, "school_id": 1, "content_hash": "0" * 64, **content, **lists, **times},
    )
    release.write(
        "attachments",
        {"width": 40, "height": 30, "data": b"data", "preview": b"preview"},
        board_id=1,
        broadcast_id=SENDING,
        position=0,
        sha256="0" * 64,
        media_type="image/jpeg",
        created_at=THEN,
    )


def _fill_ledger(release: _Release) -> None:
    ours = {"board_id": 1, "broadcast_id": SENDING}
    release.write(
        "audience_members",
        {"guardian_id": 1, "contact_point_id": MAIL},
        {"guardian_id": 2, "contact_point_id": LINE},
        **{**ours, "family_id": 1},
    )
    release.write(
        "chunks",
        {"channel": "email", "account": "email", "lane": "other", "keyed": False},
        {"channel": "line", "account": "line", "lane": "line", "keyed": True},
        **{**ours, "variant": "ja", "priority": 5, "state": "ready", "size": 1, "epoch": 4},
        key=KEY,
        not_before=THEN,
        deadline=LATER,
    )
    release.write(
        "deliveries",
        {"contact_point_id": MAIL, "chunk_id": 1, "state": "unknown", "reason": "no_answer"},
        {"contact_point_id": LINE, "chunk_id": 2, "state": "waiting", "reason": ""},
        **{**ours, "attempts": 1, "doubtful": 1, "reference": ""},
    )
    release.write("journals", worker="w", host="h", path="/var/journal", opened_at=THEN)
    release.write("quotas", channel="line", account="line", allowed=200, used=7, asked_at=THEN)


def _fill_conversations(release: _Release) -> None:
    release.write(
        "inbox",
        board_id=1,
        channel="webchat",
        account="webchat",
        event_id="a",
        sender_index=VAULT.index("inbox", "webchat", "webchat", "newcomer"),
        payload_cipher=VAULT.seal_json(_CAME_IN, "inbox.payload"),
        state="new",
        tries=1,
        at=THEN,
        received_at=THEN,
    )
    release.write(
        "replies",
        board_id=1,
        contact_point_id=LINE,
        inbox_id=1,
        state="new",
        tries=2,
        payload_cipher=VAULT.seal_json(_SPOKEN, "replies.payload"),
        token_cipher=VAULT.seal_text("leave", "replies.token"),
        not_before=THEN,
        created_at=THEN,
    )
    release.write(
        "dialogues",
        board_id=1,
        contact_point_id=NEWCOMER,
        flow="register",
        version=1,
        log_cipher=VAULT.seal_json(_ANSWERED, "dialogues.log"),
        awaited="confirm",
        sequence=8,
        active=True,
        expires_at=LATER,
        updated_at=THEN,
    )


def _fill_audit(release: _Release) -> None:
    for chain, sequence, actor, verb, subject, details, mac in _AUDITED:
        release.write(
            "audit_entries",
            {"chain": chain, "sequence": sequence, "actor": actor, "verb": verb}
            | {"subject": subject, "details": details, "mac": mac},
            board_id=1,
            at=THEN,
        )
    for chain, mac in _HEADS.items():
        release.write("audit_chains", chain=chain, board_id=1, length=2, mac=mac)
