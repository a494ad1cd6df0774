"""Guardians, children, staff, and the contact points that reach them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.columns import Id, Table, board_key, only, primary_key


class Family(Table):
    """Guardians who share a child; one who named no child number is a family of one."""

    __tablename__ = "families"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()


class Guardian(Table):
    """`every_way` says that they want each message by all their contact points, not the first."""

    __tablename__ = "guardians"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    family_id: Mapped[int] = mapped_column(Id, ForeignKey("families.id"), index=True)
    language: Mapped[str] = mapped_column(String(8), default="ja")
    every_way: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime]


class Child(Table):
    """A child: school, class and, by choice, a number in the class.  Never a name."""

    __tablename__ = "children"
    __table_args__ = (UniqueConstraint("class_id", "number"),)
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    class_id: Mapped[int] = mapped_column(Id, ForeignKey("groups.id"), index=True)
    number: Mapped[int | None]


class GuardianChild(Table):
    """`vouched` says that the child's own code or the school's yes made it so."""

    __tablename__ = "guardian_children"
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), primary_key=True)
    child_id: Mapped[int] = mapped_column(
        Id, ForeignKey("children.id"), primary_key=True, index=True
    )
    board_id: Mapped[int] = board_key()
    vouched: Mapped[bool] = mapped_column(default=False, server_default=false())


class Membership(Table):
    """A guardian hears what is sent to a group: by a child's class, or by joining a club."""

    __tablename__ = "memberships"
    group_id: Mapped[int] = mapped_column(Id, ForeignKey("groups.id"), primary_key=True)
    guardian_id: Mapped[int] = mapped_column(
        Id, ForeignKey("guardians.id"), primary_key=True, index=True
    )
    board_id: Mapped[int] = board_key()


class ContactPoint(Table):
    """One address on one channel and account.

    `state` is active, blocked, suspended, left or erased (see storage.forgetting).
    `domain` stands in clear because mail is paced by destination.  Two guardians who share a
    mailbox share the contact point.  `language` is what a person not yet registered chose.
    `state_at` is when the provider says the person last blocked or opened the conversation,
    `heard_at` when they last said something: what comes in may come in another order.  `menu` is
    the menu they were last shown (domain.menus).  `mail_form` is how their mail is to be written
    (domain.content.MAIL_FORMS).  A test mail was sent at `tested_at`; at `arrived_at` the newest
    mail left that is known to have arrived, because a link in it was opened (storage.arrivals).
    """

    __tablename__ = "contact_points"
    __table_args__ = (UniqueConstraint("channel", "account", "address_index"),)
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    channel: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(String(64))
    address_index: Mapped[bytes]
    address_cipher: Mapped[bytes]
    domain: Mapped[str] = mapped_column(String(255), default="")
    state: Mapped[str] = mapped_column(String(16), default="active")
    language: Mapped[str] = mapped_column(String(8), default="ja")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    state_at: Mapped[datetime | None]
    heard_at: Mapped[datetime | None]
    menu: Mapped[str] = mapped_column(String(16), default="", server_default="")
    mail_form: Mapped[str] = mapped_column(String(16), default="", server_default="")
    tested_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]


class GuardianContact(Table):
    """A guardian's contact points in the order they like them (`rank` 0 first).

    One that is `off` gets emergencies only.
    """

    __tablename__ = "guardian_contacts"
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), primary_key=True)
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True, index=True
    )
    board_id: Mapped[int] = board_key()
    rank: Mapped[int] = mapped_column(default=0)
    off: Mapped[bool] = mapped_column(default=False, server_default=false())


class OptOut(Table):
    """One click on "leave": this contact point, this school, ordinary broadcasts.

    A city-wide broadcast is left by the row whose school is empty (`school_id` 0).
    """

    __tablename__ = "opt_outs"
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True
    )
    school_id: Mapped[int] = mapped_column(Id, primary_key=True, index=True)
    board_id: Mapped[int] = board_key()
    at: Mapped[datetime]


class Staff(Table):
    __tablename__ = "staff"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    name_cipher: Mapped[bytes]
    language: Mapped[str] = mapped_column(String(8), default="ja")
    created_at: Mapped[datetime]


class StaffContact(Table):
    __tablename__ = "staff_contacts"
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True
    )
    staff_id: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"), index=True)
    board_id: Mapped[int] = board_key()


class StaffRole(Table):
    """A role from `starts_at` until `ends_at`; board and centre roles have no school."""

    __tablename__ = "staff_roles"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    staff_id: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"), index=True)
    school_id: Mapped[int | None] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]


class Invitation(Table):
    """A one-time code that makes the contact point it is typed from a staff member's."""

    __tablename__ = "invitations"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    code_index: Mapped[bytes] = mapped_column(unique=True)
    staff_id: Mapped[int] = mapped_column(Id, ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AccountLink(Table):
    """An invitation code typed where the provider must prove whose conversation it is.

    The nonce goes to the provider by way of the browser and comes back with its proof.
    """

    __tablename__ = "account_links"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    invitation_id: Mapped[int] = mapped_column(Id, ForeignKey("invitations.id"))
    nonce_index: Mapped[bytes | None] = mapped_column(unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ContactProof(Table):
    """A mail address a guardian typed, waiting for the one-time number sent to it."""

    __tablename__ = "contact_proofs"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    asker_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    address_cipher: Mapped[bytes]
    pin_index: Mapped[bytes]
    tries: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ContactCode(Table):
    """A one-time code that makes the conversation it is typed in a guardian's contact point.

    Where it `retires` one, that is given up in exchange: the person has a new phone.
    """

    __tablename__ = "contact_codes"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    guardian_id: Mapped[int] = mapped_column(Id, ForeignKey("guardians.id"), index=True)
    retires_id: Mapped[int | None] = mapped_column(Id, ForeignKey("contact_points.id"))
    code_index: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ChildCode(Table):
    """A code that registers one child's guardians without being asked anything (招待)."""

    __tablename__ = "child_codes"
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    school_id: Mapped[int] = mapped_column(Id, ForeignKey("schools.id"), index=True)
    child_id: Mapped[int] = mapped_column(Id, ForeignKey("children.id"), index=True)
    code_index: Mapped[bytes] = mapped_column(unique=True)
    code_cipher: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Admission(Table):
    """A registration that waits for the school's yes; `request_cipher` is what was answered.

    `state` is waiting, admitting (staff said yes, the registration follows), admitted, declining
    (staff said no to many, the word to whoever asked follows), declined, replaced (by a later one
    of the same person), withdrawn or lapsed. The answers go with the end of waiting. `tries` counts
    how often what is to be done about it failed, `tried_at` is when it last did: after some it is
    parked (storage.admissions).
    """

    __tablename__ = "admissions"
    __table_args__ = (
        Index("ix_admissions_state_asked_at", "state", "asked_at"),
        Index("ix_admissions_state_school_id_asked_at", "state", "school_id", "asked_at"),
        Index("ix_admissions_decided", "asked_at", **only("state IN ('admitting', 'declining')")),
        Index("ix_admissions_failed", "board_id", **only("tried_at IS NOT NULL")),
    )
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    school_id: Mapped[int] = mapped_column(Id, ForeignKey("schools.id"))
    contact_point_id: Mapped[int] = mapped_column(Id, ForeignKey("contact_points.id"), index=True)
    request_cipher: Mapped[bytes | None]
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    asked_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(Id, ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    tried_at: Mapped[datetime | None]


class Attempt(Table):
    """A wrong try, counted per scope (`contact:12`, `handle:<index>`) to limit guessing."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_scope_at", "scope", "at"),)
    id: Mapped[int] = primary_key()
    board_id: Mapped[int] = board_key()
    scope: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime]
