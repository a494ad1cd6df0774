"""Boards, schools, their groups and their school IDs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.columns import Id, Table, board_key, only, primary_key


class Board(Table):
    """A board of education: the tenant.  `settings` holds what the board may choose."""

    __tablename__ = "boards"
    id: Mapped[int] = primary_key()
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    zone: Mapped[str] = mapped_column(String(40), default="Asia/Tokyo")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]


class School(Table):
    """`admission` is how guardians come in (domain.schools.Admission), `phone` whom they call."""

    __tablename__ = "schools"
    __table_args__ = (UniqueConstraint("board_id", "code"),)
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    code: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    handle: Mapped[str] = mapped_column(String(4), unique=True)
    admission: Mapped[str] = mapped_column(String(8), default="open", server_default="open")
    phone: Mapped[str] = mapped_column(String(32), default="", server_default="")
    created_at: Mapped[datetime]


class SchoolId(Table):
    """A school ID 学校ID that opens registration until it expires or is revoked."""

    __tablename__ = "school_ids"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    school_id: Mapped[int] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    id_index: Mapped[bytes] = mapped_column(unique=True)
    id_cipher: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Group(Table):
    """A group of guardians in a school, or without one, across the board's schools.

    For its kinds see domain.groups.  Each school has exactly one group of kind `school`, the
    root: members sit in the leaves, and an audience is widened to all groups beneath the ones
    it names, and to those that a group was made of (GroupPart).  Guardians join and leave a
    `joinable` one by themselves.
    """

    __tablename__ = "groups"
    __table_args__ = (
        UniqueConstraint("school_id", "name"),
        # Those without a school: to the constraint above no two of them are alike.
        Index(
            "uq_groups_city_wide_name",
            "board_id",
            "name",
            unique=True,
            **only("school_id IS NULL"),
        ),
    )
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    school_id: Mapped[int | None] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    parent_id: Mapped[int | None] = mapped_column(Id, ForeignKey("groups.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(default=0)
    joinable: Mapped[bool] = mapped_column(default=False, server_default=false())


class GroupPart(Table):
    """A group made of another, with all that is beneath it: a bus route of classes and clubs."""

    __tablename__ = "group_parts"
    group_id: Mapped[int] = mapped_column(Id, ForeignKey("groups.id"), primary_key=True)
    part_id: Mapped[int] = mapped_column(Id, ForeignKey("groups.id"), primary_key=True, index=True)
    board_id: Mapped[int] = board_key()
