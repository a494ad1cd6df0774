"""An installation in the middle of its work, as the release before this one left it (0003).

The rows go through the tables as they lie in the database, never through today's classes: what
that release did not know, it cannot have written. What it sealed stands in tests/house/sealed.py.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from storage.database import Database
from tests.databases import VAULT
from tests.house import sealed
from tests.house.rows import Release

SCHEMA = "0003"
THEN = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
LATER = THEN + timedelta(days=1)
KEY = UUID("0b9a4a1e-0c3d-4a5b-9f65-0d6b3f0c1a2b")
HOST, DEAD = "0123456789abcdef", "dead"
# Contact points.
MAIL, CHAT, LINE, NEWCOMER, TEACHER, ASKER, HALFWAY, TYPED, ACCEPTED, ASKED, LEFT = range(1, 12)
# Broadcasts.
SENDING, PENDING, WITHDRAWN, REPLACEMENT, SCHEDULED, EMERGENCY = range(1, 7)
ADDRESSES = {
    MAIL: "guardian@example.jp",
    TYPED: sealed.TYPED_ADDRESS,
    ACCEPTED: "taro.@docomo.ne.jp",
    ASKED: "a..b@docomo.ne.jp",
    LEFT: "hanako@docomo.ne.jp",
}


def fill(database: Database, journal: Path) -> None:
    """Rows in every table. IDs are given out by the database, from 1 in the order of writing.

    The journal of the worker that was killed is to lie at that path.
    """
    release = Release(database, THEN)
    _fill_schools(release)
    _fill_people(release)
    _fill_families(release)
    _fill_staff(release)
    _fill_codes(release)
    _fill_broadcasts(release)
    _fill_what_follows(release)
    _fill_ledger(release, journal)
    _fill_conversations(release)
    _fill_dialogues(release)
    _fill_records(release)


def _fill_schools(release: Release) -> None:
    settings = {"undo_seconds": 10, "min_families": 1}
    release.write("boards", code="city", name="市教育委員会", zone="Asia/Tokyo", settings=settings)
    release.write(
        "schools",
        {"code": "k01", "name": "第一小学校", "kind": "primary", "handle": "46J3"},
        admission="open",
        phone="0480-11-1111",
    )
    release.write(
        "school_ids",
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
        {"name": "サッカー部", "kind": "club", "joinable": True},
        {"name": "PTA", "kind": "other", "joinable": True},
        {"name": "バス1号", "kind": "route", "school_id": None, "parent_id": None},
        school_id=1,
        parent_id=1,
        position=0,
        joinable=False,
    )
    release.write("group_parts", group_id=6, part_id=2)


def _fill_people(release: Release) -> None:
    release.write(
        "contact_points",
        _address("email", ADDRESSES[MAIL], domain="example.jp")
        | {"address_index": sealed.MAIL_INDEX, "address_cipher": sealed.MAIL_CIPHER},
        _address("webchat", "guardian", state="blocked", language="en", seen_at=THEN),
        _address("line", "U1", menu="guardian", state_at=THEN, heard_at=THEN),
        *(_address("webchat", name) for name in ("newcomer", "teacher", "asker", "halfway")),
        _address("email", ADDRESSES[TYPED], domain="example.jp"),
        *(
            _address("email", ADDRESSES[one], domain="docomo.ne.jp")
            for one in (ACCEPTED, ASKED, LEFT)
        ),
        domain="",
        state="active",
        language="ja",
        menu="",
    )
    release.write("opt_outs", contact_point_id=CHAT, school_id=1, at=THEN)
    release.write("attempts", scope="contact:4", at=THEN)


def _address(channel: str, address: str, **more: object) -> dict[str, object]:
    return {
        "channel": channel,
        "account": channel,
        "address_index": VAULT.index("contact", channel, channel, address),
        "address_cipher": VAULT.seal_text(address, "contact_points.address"),
        **more,
    }


def _fill_families(release: Release) -> None:
    """Guardian 1 and 2 are one family, each of the others is one."""
    release.write("families", *[{}] * 5)
    release.write(
        "guardians",
        {"family_id": 1, "language": "ja", "every_way": True},
        {"family_id": 1, "language": "en"},
        *({"family_id": family} for family in (2, 3, 4, 5)),
        language="ja",
        every_way=False,
    )
    release.write("children", *({"number": number} for number in (7, 8)), class_id=2)
    release.write(
        "guardian_children",
        {"guardian_id": 1, "vouched": True},
        {"guardian_id": 2},
        child_id=1,
        vouched=False,
    )
    release.write("memberships", *({"guardian_id": one} for one in range(1, 7)), group_id=2)
    release.write("memberships", guardian_id=1, group_id=4)
    release.write(
        "guardian_contacts",
        {"guardian_id": 1, "contact_point_id": MAIL},
        {"guardian_id": 1, "contact_point_id": CHAT, "rank": 1, "off": True},
        *(
            {"guardian_id": guardian, "contact_point_id": contact}
            for guardian, contact in ((2, LINE), (3, ACCEPTED), (4, ASKED), (5, LEFT), (6, HALFWAY))
        ),
        rank=0,
        off=False,
    )


def _fill_staff(release: Release) -> None:
    names = ({"name_cipher": VAULT.seal_text(name, "staff.name")} for name in ("山田", "佐藤"))
    release.write("staff", *names, language="ja")
    release.write("staff_contacts", contact_point_id=TEACHER, staff_id=1)
    release.write(
        "staff_roles",
        {"staff_id": 1, "role": "manager"},
        {"staff_id": 2, "role": "operator"},
        school_id=1,
        starts_at=THEN,
    )
    release.write(
        "admissions",
        school_id=1,
        contact_point_id=ASKER,
        request_cipher=VAULT.seal_json(
            {"children": [{"class": 3, "number": 5}], "clubs": [5]}, "admissions.request"
        ),
        state="waiting",
        asked_at=THEN,
        tries=0,
    )


def _fill_codes(release: Release) -> None:
    """Whatever is typed back: invitations, numbers sent by mail, codes of guardians, children."""
    release.write("invitations", code_index=b"code", staff_id=2, expires_at=LATER)
    release.write("account_links", contact_point_id=LINE, invitation_id=1, expires_at=LATER)
    release.write(
        "contact_proofs",
        asker_id=HALFWAY,
        address_cipher=VAULT.seal_text(ADDRESSES[TYPED], "contact_proofs.address"),
        pin_index=VAULT.index("pin", str(HALFWAY), "123456"),
        tries=1,
        expires_at=LATER,
    )
    release.write(
        "contact_codes",
        guardian_id=1,
        retires_id=CHAT,
        code_index=sealed.CONTACT_CODE_INDEX,
        expires_at=LATER,
    )
    release.write(
        "child_codes",
        school_id=1,
        child_id=2,
        code_index=VAULT.index("child_code", "46J3222233334444"),
        code_cipher=VAULT.seal_text("46J3222233334444", "child_codes.code"),
        expires_at=LATER,
    )


def _fill_broadcasts(release: Release) -> None:
    release.write(
        "broadcasts",
        {"state": "sending", "version": 3, "decided_by": 1, "frozen_at": THEN}
        | {"approved_families": 4, "verify_code": "K7Q3-M9XP"}
        | {"content_hash": sealed.SENDING_HASH, "options": {"confirm": True}},
        {"state": "pending", "submitted_by": 2, "send_at": LATER, "approved_families": 5}
        | {"approved_audience": sealed.APPROVED_AUDIENCE, "content_hash": sealed.PENDING_HASH},
        {"state": "withdrawn", "withdrawn_by": 1, "withdrawn_at": THEN}
        | {"frozen_at": THEN, "finished_at": THEN, "reason": "日付の誤り"},
        {"state": "sent", "origin_id": WITHDRAWN, "relation": "replacement", "body": "中止です"}
        | {"options": {"relation": "replacement", "origin": WITHDRAWN, "confirm": True}}
        | {"frozen_at": THEN, "finished_at": THEN},
        {"state": "approved", "decided_by": 1, "due_at": THEN + timedelta(minutes=1)}
        | {"approved_families": 5, "approved_audience": sealed.APPROVED_AUDIENCE}
        | {"audience": [{"kind": "group", "id": 2}]},
        {"state": "sent", "purpose": "earthquake", "options": {"emergency": True}}
        | {"frozen_at": THEN, "finished_at": THEN, "keeper_id": 2},
        school_id=1,
        version=1,
        purpose="event",
        subject="運動会",
        body="延期です",
        audience=[{"kind": "school", "id": 1}],
        options={},
        author_ids=[2],
        reason="",
        content_hash="0" * 64,
        relation="",
    )
    release.write(
        "attachments",
        {"width": 40, "height": 30, "data": b"data", "preview": b"preview"},
        broadcast_id=SENDING,
        position=0,
        sha256="0" * 64,
        media_type="image/jpeg",
    )
    named = {"purpose": "event", "subject": "[行事]", "body": "[日]です"}
    release.write("templates", {"name": "行事", "school_id": 1}, {"name": "市の行事"}, **named)


def _fill_what_follows(release: Release) -> None:
    release.write(
        "confirmations", broadcast_id=REPLACEMENT, guardian_id=1, contact_point_id=MAIL, at=THEN
    )
    release.write(
        "emergency_reports",
        broadcast_id=EMERGENCY,
        sent_by=2,
        reason="地震",
        remarks="",
        opened_at=THEN,
        reminded_at=THEN,
    )
    release.write("audience_ways", broadcast_id=EMERGENCY, guardian_id=1, contact_point_id=CHAT)


def _fill_ledger(release: Release, journal: Path) -> None:
    """A chunk that was asked and not answered, one with a key, and one of a worker just killed."""
    release.write(
        "audience_members",
        {"guardian_id": 1, "family_id": 1, "contact_point_id": MAIL},
        {"guardian_id": 2, "family_id": 1, "contact_point_id": LINE},
        {"guardian_id": 3, "family_id": 2, "contact_point_id": ACCEPTED},
        {"guardian_id": 4, "family_id": 3, "contact_point_id": ASKED},
        {"guardian_id": 5, "family_id": 4, "contact_point_id": LEFT},
        broadcast_id=SENDING,
    )
    release.write(
        "chunks",
        {"channel": "email", "account": "email", "lane": "other", "size": 1},
        {"channel": "line", "account": "line", "lane": "line", "keyed": True, "size": 1},
        {"channel": "email", "account": "email", "lane": "docomo", "size": 3, "state": "leased"}
        | {"epoch": 2, "worker": DEAD, "leased_until": THEN + timedelta(hours=1)},
        broadcast_id=SENDING,
        variant="ja",
        priority=5,
        state="ready",
        epoch=4,
        keyed=False,
        key=KEY,
        not_before=THEN,
        deadline=LATER,
    )
    release.write(
        "deliveries",
        {"contact_point_id": MAIL, "chunk_id": 1, "state": "unknown", "reason": "no_answer"}
        | {"attempts": 1, "doubtful": 1},
        {"contact_point_id": LINE, "chunk_id": 2, "attempts": 1},
        *({"contact_point_id": one, "chunk_id": 3} for one in (ACCEPTED, ASKED, LEFT)),
        *(
            {"broadcast_id": one, "contact_point_id": MAIL, "state": "accepted", "settled_at": THEN}
            for one in (WITHDRAWN, REPLACEMENT)
        ),
        broadcast_id=SENDING,
        state="waiting",
        reason="",
        reference="",
        attempts=0,
        doubtful=0,
    )
    release.write("journals", worker=DEAD, host=HOST, path=str(journal), opened_at=THEN)
    release.write("quotas", channel="line", account="line", allowed=200, used=7, asked_at=THEN)


def _fill_conversations(release: Release) -> None:
    for sender, came_in in (
        ("newcomer", {"kind": "text", "text": "登録する"}),
        ("teacher", {"kind": "button", "token": sealed.APPROVE}),
        ("teacher", {"kind": "button", "token": sealed.ADMIT}),
        ("halfway", {"kind": "text", "text": "123456"}),
    ):
        release.write("inbox", _came_in(sender, **came_in), channel="webchat", account="webchat")
    release.write(
        "replies",
        contact_point_id=LINE,
        inbox_id=1,
        state="new",
        tries=2,
        payload_cipher=VAULT.seal_json(sealed.SPOKEN, "replies.payload"),
        token_cipher=VAULT.seal_text("leave", "replies.token"),
        not_before=THEN,
    )


def _came_in(sender: str, **came_in: str) -> dict[str, object]:
    fields = ("text", "token", "picture", "media", "answer_token", "raw")
    payload = dict.fromkeys(fields, "") | {"sender": sender} | came_in
    return {
        "event_id": f"{sender} {came_in}",
        "sender_index": VAULT.index("sender", "webchat", "webchat", sender),
        "payload_cipher": VAULT.seal_json(payload, "inbox.payload"),
        "state": "new",
        "tries": 1,
        "at": THEN,
        "received_at": THEN,
    }


def _fill_dialogues(release: Release) -> None:
    for contact, awaited, log in (
        (NEWCOMER, "confirm", sealed.TO_SUMMARY),
        (HALFWAY, "pin", sealed.TO_NUMBER),
    ):
        answered = {"given": {}, "memory": {}, "log": log}
        release.write(
            "dialogues",
            {"contact_point_id": contact, "awaited": awaited},
            log_cipher=VAULT.seal_json(answered, "dialogues.log"),
            flow="register",
            version=2,
            sequence=8,
            active=True,
            expires_at=LATER,
        )


def _fill_records(release: Release) -> None:
    details = {"count": 7, "accepted": 3}
    release.write(
        "troubles",
        {"kind": "channel_failing", "subject": "email:email", "details": details},
        opened_at=THEN,
        seen_at=THEN,
        told_at=THEN,
    )
    for chain, sequence, actor, verb, subject, details, mac in sealed.AUDITED:
        release.write(
            "audit_entries",
            {"chain": chain, "sequence": sequence, "actor": actor, "verb": verb}
            | {"subject": subject, "details": details, "mac": mac},
            at=THEN,
        )
    for chain, mac in sealed.HEADS.items():
        release.write("audit_chains", chain=chain, length=3, mac=mac)
