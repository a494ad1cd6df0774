"""Broadcasts, and the ledger of who gets what."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.columns import Id, Table, board_key, only, primary_key


class Broadcast(Table):
    """One message to an audience.  `school_id` is empty for a city-wide one.

    `version` rises with every edit and kills the cards of earlier versions; `content_hash`
    is what an approval binds to; `author_ids` are all who wrote or edited since the start, and
    `keeper_id` in whose hands it is now (who was dismissed handed it over). `origin_id` is the
    broadcast that this one follows, and `relation` how (domain.broadcasts.Relation).
    `verify_code` is what anybody may ask about: it stands beneath every copy of the message.
    `approved_audience` is whom an approval is asked for (domain.approved_audiences), read only
    where it is compared.
    """

    __tablename__ = "broadcasts"
    __table_args__ = (Index("ix_broadcasts_state_due_at", "state", "due_at"),)
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
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
    approved_audience: Mapped[bytes | None] = mapped_column(deferred=True)
    keeper_id: Mapped[int | None] = mapped_column(Id, ForeignKey("staff.id"))
    origin_id: Mapped[int | None] = mapped_column(Id, ForeignKey("broadcasts.id"), index=True)
    relation: Mapped[str] = mapped_column(String(16), default="", server_default="")
    verify_code: Mapped[str | None] = mapped_column(String(16), unique=True)
    withdrawn_by: Mapped[int | None] = mapped_column(Id, ForeignKey("staff.id"))
    withdrawn_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Attachment(Table):
    """An image of a broadcast, re-encoded; `broadcast_id` is empty while it is composed."""

    __tablename__ = "attachments"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
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
    """The frozen audience: who this broadcast is for, and by which contact point.

    Here and in `deliveries` the database checks no references: freezing writes a million rows out
    of the very rows that they refer to, which nothing deletes.
    """

    __tablename__ = "audience_members"
    broadcast_id: Mapped[int] = mapped_column(Id, primary_key=True)
    guardian_id: Mapped[int] = mapped_column(Id, primary_key=True)
    family_id: Mapped[int] = mapped_column(Id)
    # Empty for a guardian without a usable contact point: counted as not reached.
    contact_point_id: Mapped[int | None] = mapped_column(Id)
    board_id: Mapped[int] = mapped_column(Id)


class AudienceWay(Table):
    """A further contact point of somebody in the frozen audience, who is reached by all of
    theirs: in an emergency, or because they chose so.  The first one stands in AudienceMember.
    """

    __tablename__ = "audience_ways"
    broadcast_id: Mapped[int] = mapped_column(Id, primary_key=True)
    guardian_id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_point_id: Mapped[int] = mapped_column(Id, primary_key=True)
    board_id: Mapped[int] = mapped_column(Id)


class Confirmation(Table):
    """A guardian said 確認しました to a broadcast that asked for it."""

    __tablename__ = "confirmations"
    broadcast_id: Mapped[int] = mapped_column(Id, ForeignKey("broadcasts.id"), primary_key=True)
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), primary_key=True)
    board_id: Mapped[int] = board_key()
    contact_point_id: Mapped[int] = mapped_column(Id)
    at: Mapped[datetime]


class EmergencyReport(Table):
    """An emergency broadcast as a case: who sent it first, why, and who took note of it.

    `reminded_at` is when the managers were last asked to acknowledge it, `escalated_at` when
    the board was told that nobody did, `reported_at` when they were told whom it had reached.
    `reason` is why it could not wait for an approval.
    """

    __tablename__ = "emergency_reports"
    __table_args__ = (
        Index(
            "ix_emergency_reports_unacknowledged",
            "board_id",
            "opened_at",
            **only("acknowledged_at IS NULL"),
        ),
        Index(
            "ix_emergency_reports_unreported",
            "broadcast_id",
            **only("reported_at IS NULL"),
        ),
    )
    broadcast_id: Mapped[int] = mapped_column(Id, ForeignKey("broadcasts.id"), primary_key=True)
    board_id: Mapped[int] = board_key()
    sent_by: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"))
    reason: Mapped[str] = mapped_column(Text(), default="")
    opened_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    reported_at: Mapped[datetime | None]
    acknowledged_by: Mapped[int | None] = mapped_column(Id, ForeignKey("staff.id"))
    acknowledged_at: Mapped[datetime | None]
    remarks: Mapped[str] = mapped_column(Text(), default="")


class Template(Table):
    """A text with slots to be filled in (定型文), of a school or, without one, of the board."""

    __tablename__ = "templates"
    __table_args__ = (
        UniqueConstraint("board_id", "school_id", "name"),
        # Those of the board: to the constraint above no two without a school are alike.
        Index(
            "uq_templates_city_wide_name",
            "board_id",
            "name",
            unique=True,
            **only("school_id IS NULL"),
        ),
    )
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    school_id: Mapped[int | None] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    purpose: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text())
    updated_at: Mapped[datetime]


class Chunk(Table):
    """Up to a few hundred deliveries alike in channel, account, lane, variant and priority.

    What workers lease.  `epoch` rises with every lease, so that a worker that lost its lease
    can no longer record (fencing).  `state` is ready, leased, placed (all that is left waits to
    be displayed in web chat) or done.  A `keyed` one goes out as one request that its provider
    knows by `key`, and so keeps its members until that has answered.  `turn` is its place among
    its broadcast's chunks of the same kind: in a lane several broadcasts go on side by side.  All
    of a `patient` one are tried because their mailboxes are full: for days, while its broadcast
    is finished for those who sent it.  The key is made with the row and never derived from its
    number: after a backup was restored, numbers come again.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        Index("ix_chunks_queue", "state", "channel", "lane", "priority", "turn", "id"),
        Index("ix_chunks_state_deadline", "state", "deadline"),
    )
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = mapped_column(Id)
    broadcast_id: Mapped[int] = mapped_column(Id, ForeignKey("broadcasts.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    lane: Mapped[str] = mapped_column(String(64))
    variant: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int] = mapped_column(default=5)
    turn: Mapped[int] = mapped_column(default=0, server_default="0")
    state: Mapped[str] = mapped_column(String(8), default="ready")
    size: Mapped[int]
    keyed: Mapped[bool] = mapped_column(default=False, server_default=false())
    patient: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Chunks of the first release, which had no keys, are mail's and web chat's only.
    key: Mapped[UUID] = mapped_column(default=uuid4, server_default="0" * 32)
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
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = mapped_column(Id)
    broadcast_id: Mapped[int] = mapped_column(Id)
    contact_point_id: Mapped[int] = mapped_column(Id, index=True)
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


class Quota(Table):
    """What a provider said an account may send in this month; `allowed` is empty without limit."""

    __tablename__ = "quotas"
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    allowed: Mapped[int | None]
    used: Mapped[int]
    asked_at: Mapped[datetime]
