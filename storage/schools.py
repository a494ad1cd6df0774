"""Schools, their groups and their school IDs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update

from domain.groups import JOINABLE_AT_FIRST
from storage import audit
from storage.database import Transaction
from storage.tables import Group, School, SchoolId

ROOT = "school"
CLASS = "class"
_ID = "school_ids.id"


def school(tx: Transaction, school_id: int) -> School:
    """A school that is known to exist; raises LookupError."""
    row = tx.session.get(School, school_id)
    if row is None:
        raise LookupError(f"no school {school_id}")
    return row


def lock(tx: Transaction, school_id: int) -> None:
    """Let one transaction at a time do something at a school that must not be done twice.

    Rows may still be made to point at the school meanwhile.
    """
    query = select(School.id).where(School.id == school_id)
    tx.session.execute(query.with_for_update(key_share=True))


def school_by_code(tx: Transaction, board_id: int, code: str) -> School | None:
    query = select(School).where(School.board_id == board_id, School.code == code)
    return tx.session.scalar(query)


def school_by_handle(tx: Transaction, board_id: int, handle: str) -> School | None:
    query = select(School).where(School.board_id == board_id, School.handle == handle)
    return tx.session.scalar(query)


def schools_of(tx: Transaction, board_id: int) -> Sequence[School]:
    query = select(School).where(School.board_id == board_id).order_by(School.code)
    return tx.session.scalars(query).all()


def handle_taken(tx: Transaction, handle: str) -> bool:
    return tx.session.scalar(select(School.id).where(School.handle == handle)) is not None


def add_school(
    tx: Transaction, board_id: int, code: str, name: str, kind: str, handle: str
) -> School:
    """A new school with its root group, beneath which all its groups hang."""
    row = School(
        board_id=board_id, code=code, name=name, kind=kind, handle=handle, created_at=tx.now
    )
    tx.session.add(row)
    tx.flush()
    tx.session.add(Group(board_id=board_id, school_id=row.id, name=name, kind=ROOT))
    tx.flush()
    audit.open_chain(tx, f"school:{row.id}", board_id)
    return row


# Groups.


def group(tx: Transaction, group_id: int) -> Group | None:
    return tx.session.get(Group, group_id)


def root_of(tx: Transaction, school_id: int) -> Group:
    query = select(Group).where(Group.school_id == school_id, Group.kind == ROOT)
    return tx.session.scalars(query).one()


def groups_of(tx: Transaction, school_id: int) -> Sequence[Group]:
    """All groups of a school but its root, in the school's order."""
    query = (
        select(Group)
        .where(Group.school_id == school_id, Group.kind != ROOT)
        .order_by(Group.position, Group.id)
    )
    return tx.session.scalars(query).all()


def classes_of(tx: Transaction, school_id: int) -> Sequence[Group]:
    return [group for group in groups_of(tx, school_id) if group.kind == CLASS]


def add_group(tx: Transaction, parent: Group, name: str, kind: str) -> Group:
    """A new group beneath another, after those that are there."""
    last = select(func.count()).where(Group.school_id == parent.school_id)
    row = Group(
        board_id=parent.board_id,
        school_id=parent.school_id,
        parent_id=parent.id,
        name=name,
        kind=kind,
        position=tx.session.scalar(last) or 0,
        joinable=kind in JOINABLE_AT_FIRST,
    )
    tx.session.add(row)
    tx.flush()
    return row


# School IDs.


def add_school_id(tx: Transaction, school: School, text: str, expires_at: datetime) -> SchoolId:
    row = SchoolId(
        board_id=school.board_id,
        school_id=school.id,
        id_index=_id_index(tx, text),
        id_cipher=tx.vault.seal_text(text, _ID),
        created_at=tx.now,
        expires_at=expires_at,
    )
    tx.session.add(row)
    tx.flush()
    return row


def newest_school_id(tx: Transaction, school_id: int) -> tuple[str, datetime] | None:
    """The ID that opens a school now, and until when; None if there is none."""
    query = (
        select(SchoolId)
        .where(
            SchoolId.school_id == school_id,
            SchoolId.revoked_at.is_(None),
            SchoolId.expires_at > tx.now,
        )
        .order_by(SchoolId.id.desc())
    )
    row = tx.session.scalars(query).first()
    return (tx.vault.open_text(row.id_cipher, _ID), row.expires_at) if row else None


def revoke_school_ids(tx: Transaction, school_id: int) -> None:
    """Close all school IDs that were given out for a school so far."""
    tx.session.execute(
        update(SchoolId)
        .where(SchoolId.school_id == school_id, SchoolId.revoked_at.is_(None))
        .values(revoked_at=tx.now)
    )


def school_opened_by(tx: Transaction, board_id: int, text: str) -> School | None:
    """The school that a folded school ID opens now; None if it is wrong, expired or revoked."""
    query = (
        select(School)
        .join(SchoolId, SchoolId.school_id == School.id)
        .where(
            SchoolId.board_id == board_id,
            SchoolId.id_index == _id_index(tx, text),
            SchoolId.revoked_at.is_(None),
            SchoolId.expires_at > tx.now,
        )
    )
    return tx.session.scalar(query)


def _id_index(tx: Transaction, text: str) -> bytes:
    return tx.vault.index("school_id", text)
