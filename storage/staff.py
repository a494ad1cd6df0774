"""Staff: their names, roles, contact points, and the codes that invite them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select, update

from domain.roles import Grant, Role
from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import Invitation, Staff, StaffContact, StaffRole

_NAME = "staff.name"


def add_staff(tx: Transaction, board_id: int, name: str) -> Staff:
    row = Staff(board_id=board_id, name_cipher=tx.vault.seal_text(name, _NAME), created_at=tx.now)
    tx.session.add(row)
    tx.flush()
    return row


def member(tx: Transaction, staff_id: int) -> Staff:
    return tx.session.get_one(Staff, staff_id)


def name_of(tx: Transaction, staff_id: int) -> str:
    row = tx.session.get_one(Staff, staff_id)
    return tx.vault.open_text(row.name_cipher, _NAME)


def board_of(tx: Transaction, staff_id: int) -> int:
    return tx.session.get_one(Staff, staff_id).board_id


def set_language(tx: Transaction, staff_id: int, language: str) -> None:
    tx.session.get_one(Staff, staff_id).language = language


# Roles.


@dataclass(frozen=True, slots=True)
class Post:
    """A role that somebody holds or will hold at a place; `reachable` once they signed on."""

    staff_id: int
    role: Role
    starts_at: datetime
    ends_at: datetime | None
    reachable: bool


def add_role(
    tx: Transaction,
    staff: Staff,
    role: Role,
    school_id: int | None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> StaffRole:
    """Give somebody a role, from now on unless it starts later."""
    row = StaffRole(
        board_id=staff.board_id,
        staff_id=staff.id,
        school_id=school_id,
        role=role.value,
        starts_at=starts_at or tx.now,
        ends_at=ends_at,
    )
    tx.session.add(row)
    tx.flush()
    return row


def grants_of(
    tx: Transaction, staff_id: int, *, keep: bool = False, later: bool = False
) -> tuple[Grant, ...]:
    """The roles held now, and with `later` those that are still to begin.

    `keep` lets nobody take them away until this transaction ends.
    """
    query = (
        select(StaffRole)
        .where(StaffRole.staff_id == staff_id, _not_over(tx.now) if later else _holds_at(tx.now))
        .order_by(StaffRole.id)
        .execution_options(populate_existing=True)
    )
    rows = tx.session.scalars(query.with_for_update(read=True) if keep else query)
    return tuple(Grant(Role(row.role), row.school_id) for row in rows)


def end_role(tx: Transaction, staff_id: int, role: Role, school_id: int | None) -> bool:
    """Take a role away from now on; False if it was not held."""
    held = select(StaffRole).where(
        StaffRole.staff_id == staff_id,
        StaffRole.role == role.value,
        _at_school(school_id),
        _holds_at(tx.now),
    )
    rows = tx.session.scalars(held.with_for_update()).all()
    for row in rows:
        row.ends_at = tx.now
    tx.flush()
    return bool(rows)


def end_all_roles(tx: Transaction, staff_id: int, school_id: int | None) -> list[Role]:
    """Take away every role held at a place, also those that would begin later; returns which."""
    held = select(StaffRole).where(
        StaffRole.staff_id == staff_id, _at_school(school_id), _not_over(tx.now)
    )
    rows = tx.session.scalars(held.order_by(StaffRole.id).with_for_update()).all()
    for row in rows:
        row.starts_at = min(row.starts_at, tx.now)
        row.ends_at = tx.now
    tx.flush()
    return [Role(row.role) for row in rows]


def posts_at(tx: Transaction, board_id: int, school_id: int | None) -> Sequence[Post]:
    """Every role at a place that is held or begins later, oldest first."""
    signed_on = select(StaffContact.staff_id).where(StaffContact.staff_id == StaffRole.staff_id)
    query = (
        select(StaffRole, signed_on.exists())
        .where(StaffRole.board_id == board_id, _at_school(school_id), _not_over(tx.now))
        .order_by(StaffRole.id)
    )
    return [
        Post(row.staff_id, Role(row.role), row.starts_at, row.ends_at, reachable)
        for row, reachable in tx.session.execute(query).tuples()
    ]


def holders(
    tx: Transaction, board_id: int, roles: Iterable[Role], school_id: int | None
) -> Sequence[int]:
    """The staff who hold one of these roles now and have a contact point to be asked at."""
    query = (
        select(StaffRole.staff_id)
        .join(StaffContact, StaffContact.staff_id == StaffRole.staff_id)
        .where(
            StaffRole.board_id == board_id,
            StaffRole.role.in_([role.value for role in roles]),
            _at_school(school_id),
            _holds_at(tx.now),
        )
        .distinct()
        .order_by(StaffRole.staff_id)
    )
    return tx.session.scalars(query).all()


def _holds_at(now: datetime) -> ColumnElement[bool]:
    return (StaffRole.starts_at <= now) & _not_over(now)


def _not_over(now: datetime) -> ColumnElement[bool]:
    return or_(StaffRole.ends_at.is_(None), StaffRole.ends_at > now)


def _at_school(school_id: int | None) -> ColumnElement[bool]:
    column = StaffRole.school_id
    return column.is_(None) if school_id is None else column == school_id


# Contact points.


def staff_at(tx: Transaction, contact_id: int) -> Staff | None:
    """Whose contact point it is, if a staff member's."""
    query = (
        select(Staff)
        .join(StaffContact, StaffContact.staff_id == Staff.id)
        .where(StaffContact.contact_point_id == contact_id)
    )
    return tx.session.scalar(query)


def contacts_of(tx: Transaction, staff_id: int) -> Sequence[int]:
    query = (
        select(StaffContact.contact_point_id)
        .where(StaffContact.staff_id == staff_id)
        .order_by(StaffContact.contact_point_id)
    )
    return tx.session.scalars(query).all()


def link_contact(tx: Transaction, staff: Staff, contact_id: int) -> None:
    insert_if_new(
        tx,
        StaffContact,
        contact_point_id=contact_id,
        staff_id=staff.id,
        board_id=staff.board_id,
    )


def unlink_contacts(tx: Transaction, staff_id: int, contact_ids: Sequence[int]) -> None:
    """Let these contact points be no staff member's any more."""
    tx.session.execute(
        delete(StaffContact)
        .where(StaffContact.staff_id == staff_id, StaffContact.contact_point_id.in_(contact_ids))
        .execution_options(synchronize_session=False)
    )


def give_roles(tx: Transaction, from_id: int, to_id: int) -> None:
    """One person was invited twice: all roles go to the staff member they already are."""
    tx.session.execute(
        update(StaffRole).where(StaffRole.staff_id == from_id).values(staff_id=to_id)
    )


# Invitations.


def add_invitation(tx: Transaction, staff: Staff, code: str, expires_at: datetime) -> None:
    tx.session.add(
        Invitation(
            board_id=staff.board_id,
            code_index=_code_index(tx, code),
            staff_id=staff.id,
            created_at=tx.now,
            expires_at=expires_at,
        )
    )
    tx.flush()


def open_invitation(tx: Transaction, board_id: int, code: str) -> Invitation | None:
    """The invitation of a code, locked; None if the code is wrong, used or expired."""
    query = select(Invitation).where(
        Invitation.board_id == board_id,
        Invitation.code_index == _code_index(tx, code),
        *_is_open(tx),
    )
    return tx.session.scalar(query.with_for_update())


def still_open(tx: Transaction, invitation_id: int, *, keep: bool) -> Invitation | None:
    """An invitation by its ID; None if it was used or has expired meanwhile.

    `keep` holds it until this transaction ends.
    """
    query = select(Invitation).where(Invitation.id == invitation_id, *_is_open(tx))
    return tx.session.scalar(query.with_for_update() if keep else query)


def revoke_invitations(tx: Transaction, staff_id: int) -> None:
    """Close all codes that somebody was given and has not used."""
    tx.session.execute(
        update(Invitation)
        .where(Invitation.staff_id == staff_id, Invitation.used_at.is_(None))
        .values(used_at=tx.now)
    )


def use_invitation(tx: Transaction, invitation: Invitation) -> Staff:
    """Use up a code and say whom it invites."""
    invitation.used_at = tx.now
    return invited_by(tx, invitation)


def invited_by(tx: Transaction, invitation: Invitation) -> Staff:
    """Whom a code invites."""
    return tx.session.get_one(Staff, invitation.staff_id)


def _is_open(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    return Invitation.used_at.is_(None), Invitation.expires_at > tx.now


def _code_index(tx: Transaction, code: str) -> bytes:
    return tx.vault.index("invitation", code)
