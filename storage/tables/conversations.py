"""What came in, the dialogues held, and the answers on their way out."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.columns import Id, Table, board_key, only, primary_key


class Inbox(Table):
    """Everything that came in, once per provider event; the body goes when it is handled.

    `state` is new, done or parked (three tries failed; kept for a person to look at).
    `handled_at` of a new row says when somebody began to decode its picture.
    """

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "account", "event_id"),
        Index("ix_inbox_state_id", "state", "id"),
        Index("ix_inbox_sender_index_state", "sender_index", "state"),
        Index("ix_inbox_open", "state", "board_id", "received_at", **only("state <> 'done'")),
    )
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
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
    `reminded_at` is when the person was told that it waits for them.
    """

    __tablename__ = "dialogues"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    below_id: Mapped[int | None] = mapped_column(Id)
    flow: Mapped[str] = mapped_column(String(32))
    version: Mapped[int]
    log_cipher: Mapped[bytes]
    awaited: Mapped[str] = mapped_column(String(100), default="")
    sequence: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(Boolean(), default=True)
    reminded_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Reply(Table):
    """An answer within a conversation, waiting to leave; web chat shows it from here.

    `state` is new, no_quota (put off until there is quota, holding up nothing), done (accepted or
    displayed), refused or unknown. `token_cipher` is the
    provider's leave to answer what came in (`inbox_id`) at once and free.
    """

    __tablename__ = "replies"
    __table_args__ = (Index("ix_replies_state_not_before", "state", "not_before"),)
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    inbox_id: Mapped[int | None] = mapped_column(Id)
    token_cipher: Mapped[bytes | None]
    payload_cipher: Mapped[bytes]
    state: Mapped[str] = mapped_column(String(8), default="new")
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    created_at: Mapped[datetime]
