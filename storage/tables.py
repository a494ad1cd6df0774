"""The schema, one class per table.

Every row hangs from a board (the tenant).  Addresses and what people wrote in conversations
are stored encrypted (`*_cipher`, see storage.vault) and found by a keyed hash (`*_index`).
Times are UTC.  Large numbers of rows (deliveries, audience members) are written in bulk.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite gives row IDs only to a column whose type is exactly INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times in the database are aware")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 (SQLAlchemy calls it so)
    ) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value.astimezone(UTC) if value else None
        return value.replace(tzinfo=UTC)


class Table(DeclarativeBase):
    """The base of all tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {
        datetime: UtcTime(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


def _id() -> Mapped[int]:
    return mapped_column(Id, primary_key=True, autoincrement=True)


def _board() -> Mapped[int]:
    return mapped_column(Id, ForeignKey("boards.id"), index=True)


class Board(Table):
    """A board of education: the tenant.  `settings` holds what the board may choose."""

    __tablename__ = "boards"
    id: Mapped[int] = _id()
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    zone: Mapped[str] = mapped_column(String(40), default="Asia/Tokyo")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]


class School(Table):
    __tablename__ = "schools"
    __table_args__ = (UniqueConstraint("board_id", "code"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    handle: Mapped[str] = mapped_column(String(4), unique=True)
    created_at: Mapped[datetime]


class SchoolId(Table):
    """A school ID 学校ID that opens registration until it expires or is revoked."""

    __tablename__ = "school_ids"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    school_id: Mapped[int] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    id_index: Mapped[bytes] = mapped_column(unique=True)
    id_cipher: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Group(Table):
    """A group of guardians in a school; kind is `school`, `grade`, `class`, `club` or `other`.

    Each school has exactly one group of kind `school`, the root: members sit in the leaves,
    and an audience is widened to all groups beneath the ones it names.
    """

    __tablename__ = "groups"
    __table_args__ = (UniqueConstraint("school_id", "name"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    school_id: Mapped[int] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(Id, ForeignKey("groups.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(default=0)


class Family(Table):
    """Guardians who share a child; one who named no child number is a family of one."""

    __tablename__ = "families"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()


class Guardian(Table):
    __tablename__ = "guardians"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    family_id: Mapped[int] = mapped_column(Id, ForeignKey("families.id"), index=True)
    language: Mapped[str] = mapped_column(String(8), default="ja")
    created_at: Mapped[datetime]


class Child(Table):
    """A child: school, class and, by choice, a number in the class.  Never a name."""

    __tablename__ = "children"
    __table_args__ = (UniqueConstraint("class_id", "number"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    class_id: Mapped[int] = mapped_column(Id, ForeignKey("groups.id"), index=True)
    number: Mapped[int | None]


class GuardianChild(Table):
    __tablename__ = "guardian_children"
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), primary_key=True)
    child_id: Mapped[int] = mapped_column(
        Id, ForeignKey("children.id"), primary_key=True, index=True
    )
    board_id: Mapped[int] = _board()


class Membership(Table):
    """A guardian hears what is sent to a group: by a child's class, or by joining a club."""

    __tablename__ = "memberships"
    group_id: Mapped[int] = mapped_column(Id, ForeignKey("groups.id"), primary_key=True)
    guardian_id: Mapped[int] = mapped_column(
        Id, ForeignKey("guardians.id"), primary_key=True, index=True
    )
    board_id: Mapped[int] = _board()


class ContactPoint(Table):
    """One address on one channel and account; `state` is active, blocked or suspended.

    `domain` stands in clear because mail is paced by destination.  Two guardians who share a
    mailbox share the contact point.  `language` is what a person not yet registered chose.
    """

    __tablename__ = "contact_points"
    __table_args__ = (UniqueConstraint("channel", "account", "address_index"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    address_index: Mapped[bytes]
    address_cipher: Mapped[bytes]
    domain: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(16), default="active")
    language: Mapped[str] = mapped_column(String(8), default="ja")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class GuardianContact(Table):
    """A guardian's contact points in the order they like them (`rank` 0 first)."""

    __tablename__ = "guardian_contacts"
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), primary_key=True)
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True, index=True
    )
    board_id: Mapped[int] = _board()
    rank: Mapped[int] = mapped_column(default=0)


class OptOut(Table):
    """One click on "leave": this contact point, this school, ordinary broadcasts.

    A city-wide broadcast is left by the row whose school is empty (`school_id` 0).
    """

    __tablename__ = "opt_outs"
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True
    )
    school_id: Mapped[int] = mapped_column(Id, primary_key=True, index=True)
    board_id: Mapped[int] = _board()
    at: Mapped[datetime]


class Staff(Table):
    __tablename__ = "staff"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    name_cipher: Mapped[bytes]
    language: Mapped[str] = mapped_column(String(8), default="ja")
    created_at: Mapped[datetime]


class StaffContact(Table):
    __tablename__ = "staff_contacts"
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True
    )
    staff_id: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"), index=True)
    board_id: Mapped[int] = _board()


class StaffRole(Table):
    """A role from `starts_at` until `ends_at`; board and centre roles have no school."""

    __tablename__ = "staff_roles"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    staff_id: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"), index=True)
    school_id: Mapped[int | None] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]


class Invitation(Table):
    """A one-time code that makes the contact point it is typed from a staff member's."""

    __tablename__ = "invitations"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    code_index: Mapped[bytes] = mapped_column(unique=True)
    staff_id: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ContactProof(Table):
    """A mail address a guardian typed, waiting for the one-time number sent to it."""

    __tablename__ = "contact_proofs"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    asker_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    address_cipher: Mapped[bytes]
    pin_index: Mapped[bytes]
    tries: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Attempt(Table):
    """A wrong try, counted per scope (`contact:12`, `handle:<index>`) to limit guessing."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_scope_at", "scope", "at"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    scope: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]


class Broadcast(Table):
    """One message to an audience.  `school_id` is empty for a city-wide one.

    `version` rises with every edit and kills the cards of earlier versions; `content_hash`
    is what an approval binds to; `author_ids` are all who wrote or edited since the start.
    """

    __tablename__ = "broadcasts"
    __table_args__ = (Index("ix_broadcasts_state_due_at", "state", "due_at"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    school_id: Mapped[int | None] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(default=1)
    purpose: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text())
    audience: Mapped[list[Any]]
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    content_hash: Mapped[str] = mapped_column(String(64))
    author_ids: Mapped[list[Any]] = mapped_column(default=list)
    submitted_by: Mapped[int | None] = mapped_column(Id, ForeignKey("staff.id"))
    decided_by: Mapped[int | None] = mapped_column(Id, ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text(), default="")
    send_at: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    approved_families: Mapped[int | None]
    frozen_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Attachment(Table):
    """An image of a broadcast, re-encoded; `broadcast_id` is empty while it is composed."""

    __tablename__ = "attachments"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    broadcast_id: Mapped[int | None] = mapped_column(Id, ForeignKey("broadcasts.id"), index=True)
    position: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(32))
    width: Mapped[int]
    height: Mapped[int]
    data: Mapped[bytes]
    preview: Mapped[bytes]
    created_at: Mapped[datetime]


class AudienceMember(Table):
    """The frozen audience: who this broadcast is for, and by which contact point."""

    __tablename__ = "audience_members"
    broadcast_id: Mapped[int] = mapped_column(Id, ForeignKey("broadcasts.id"), primary_key=True)
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), primary_key=True)
    family_id: Mapped[int] = mapped_column(Id)
    # Empty for a guardian without a usable contact point: counted as not reached.
    contact_point_id: Mapped[int | None] = mapped_column(Id)
    board_id: Mapped[int] = mapped_column(Id)


class Chunk(Table):
    """Up to a few hundred deliveries alike in channel, account, lane, variant and priority.

    What workers lease.  `epoch` rises with every lease, so that a worker that lost its lease
    can no longer record (fencing).  `state` is ready, leased or done.
    """

    __tablename__ = "chunks"
    __table_args__ = (Index("ix_chunks_state_priority_not_before", "state", "priority"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = mapped_column(Id)
    broadcast_id: Mapped[int] = mapped_column(Id, ForeignKey("broadcasts.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    lane: Mapped[str] = mapped_column(String(64))
    variant: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int] = mapped_column(default=5)
    state: Mapped[str] = mapped_column(String(8), default="ready")
    size: Mapped[int]
    epoch: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(64))
    leased_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    deadline: Mapped[datetime]


class Delivery(Table):
    """One contact point of one broadcast.

    `state` is waiting, placed, accepted, refused, unknown or expired (see
    domain.deliveries).  `doubtful` counts the times it was sent again although an earlier
    try may have been accepted: each is a possible double, and the report shows the sum.
    """

    __tablename__ = "deliveries"
    __table_args__ = (UniqueConstraint("broadcast_id", "contact_point_id"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = mapped_column(Id)
    broadcast_id: Mapped[int] = mapped_column(Id, ForeignKey("broadcasts.id"))
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    chunk_id: Mapped[int | None] = mapped_column(Id, index=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    doubtful: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(64), default="")
    reference: Mapped[str] = mapped_column(String(200), default="")
    settled_at: Mapped[datetime | None]


class Journal(Table):
    """Where a worker's journal file lies, so that whoever inherits its leases replays it."""

    __tablename__ = "journals"
    worker: Mapped[str] = mapped_column(String(64), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(Text())
    opened_at: Mapped[datetime]
    replayed_at: Mapped[datetime | None]


class Inbox(Table):
    """Everything that came in, once per provider event; the body goes when it is handled.

    `state` is new, done or parked (three tries failed; kept for a person to look at).
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "account", "event_id"),
        Index("ix_inbox_state_id", "state", "id"),
    )
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str] = mapped_column(String(200))
    sender_index: Mapped[bytes]
    payload_cipher: Mapped[bytes | None]
    state: Mapped[str] = mapped_column(String(8), default="new")
    tries: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]


class Dialogue(Table):
    """The conversation that a contact point is in: an encrypted log of keyed answers.

    `below_id` is the dialogue that this one suspended and that resumes when it ends.
    """

    __tablename__ = "dialogues"
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    below_id: Mapped[int | None] = mapped_column(Id)
    flow: Mapped[str] = mapped_column(String(32))
    version: Mapped[int]
    log_cipher: Mapped[bytes]
    awaited: Mapped[str] = mapped_column(String(100), default="")
    sequence: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(Boolean(), default=True)
    expires_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Reply(Table):
    """An answer within a conversation, waiting to leave; web chat shows it from here.

    `state` is new, done (accepted or displayed), refused or unknown.
    """

    __tablename__ = "replies"
    __table_args__ = (Index("ix_replies_state_not_before", "state", "not_before"),)
    id: Mapped[int] = _id()
    board_id: Mapped[int] = _board()
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    inbox_id: Mapped[int | None] = mapped_column(Id)
    payload_cipher: Mapped[bytes]
    state: Mapped[str] = mapped_column(String(8), default="new")
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    created_at: Mapped[datetime]


class AuditEntry(Table):
    """One entry of an audit chain; `mac` covers the entry and the one before it."""

    __tablename__ = "audit_entries"
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    sequence: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    board_id: Mapped[int] = _board()
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    verb: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    details: Mapped[dict[str, Any]]
    mac: Mapped[str] = mapped_column(String(64))


class AuditChain(Table):
    """The head of a chain, so that an entry removed from its end is missed."""

    __tablename__ = "audit_chains"
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    board_id: Mapped[int] = _board()
    length: Mapped[int] = mapped_column(Id)
    mac: Mapped[str] = mapped_column(String(64))
