"""The audit chains, and the troubles that the centre is told of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.columns import Id, Table, board_key, only, primary_key


class AuditEntry(Table):
    """One entry of an audit chain; `mac` covers the entry and the one before it."""

    __tablename__ = "audit_entries"
    chain: Mapped[str] = mapped_column(String(64), primary_key=True)
    sequence: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    board_id: Mapped[int] = board_key()
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
    board_id: Mapped[int] = board_key()
    length: Mapped[int] = mapped_column(Id)
    mac: Mapped[str] = mapped_column(String(64))


class Trouble(Table):
    """Something that a person must look at (domain.troubles), until it is over.

    `subject` says where (`line:main`); `details` hold numbers, never personal data.
    """

    __tablename__ = "troubles"
    __table_args__ = (
        Index("ix_troubles_kind_closed_at", "kind", "closed_at"),
        Index("ix_troubles_open", "board_id", "kind", **only("closed_at IS NULL")),
    )
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    kind: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(100), default="")
    details: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
