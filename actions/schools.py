"""Opening schools, their groups and their school IDs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions import audit, boards
from domain.codes import Choose
from domain.phones import fold_phone
from domain.refusals import Refusal, refuse
from domain.school_ids import make_handle, make_school_id
from domain.schools import Admission
from storage import schools
from storage.database import Transaction
from storage.tables import Group, School


@dataclass(frozen=True, slots=True)
class IssuedSchoolId:
    id: str
    expires: datetime


def open_school(
    tx: Transaction,
    board_id: int,
    code: str,
    name: str,
    kind: str,
    choose: Choose = secrets.choice,
) -> School:
    """Open a school with its root group and a handle that no other school has."""
    handle = make_handle(choose)
    while schools.handle_taken(tx, handle):
        handle = make_handle(choose)
    school = schools.add_school(tx, board_id, code, name, kind, handle)
    # On the board's chain too, so that a school removed with its whole chain is missed there.
    for chain in (audit.chain_of(board_id, None), audit.chain_of(board_id, school.id)):
        audit.record(tx, chain, audit.SYSTEM, audit.OPEN_SCHOOL, f"school:{school.id}")
    return school


def new_school_id(
    tx: Transaction, school_id: int, by: str = audit.SYSTEM, choose: Choose = secrets.choice
) -> IssuedSchoolId:
    """Give a school a new ID; earlier ones open nothing from now on."""
    school = schools.school(tx, school_id)
    schools.revoke_school_ids(tx, school_id)
    text = make_school_id(school.handle, choose)
    days = boards.settings(tx, school.board_id).school_id_days
    row = schools.add_school_id(tx, school, text, tx.now + timedelta(days=days))
    chain = audit.chain_of(school.board_id, school_id)
    audit.record(tx, chain, by, "new_school_id", f"school_id:{row.id}")
    return IssuedSchoolId(text, row.expires_at)


def current_school_id(tx: Transaction, school_id: int) -> IssuedSchoolId | None:
    """The ID that opens a school now, if there is one."""
    newest = schools.newest_school_id(tx, school_id)
    return IssuedSchoolId(*newest) if newest else None


def set_admission(
    tx: Transaction, school_id: int, admission: Admission, by: str = audit.SYSTEM
) -> None:
    """Choose how guardians are let in; whoever waits already still waits for a yes."""
    schools.school(tx, school_id).admission = admission.value
    _record_change(tx, school_id, by, {"admission": admission.value})


def set_phone(tx: Transaction, school_id: int, text: str, by: str = audit.SYSTEM) -> str | Refusal:
    """Set the number that guardians are told to call; an empty text takes it away."""
    phone = fold_phone(text) if text else ""
    if phone is None:
        return refuse("not_a_phone_number")
    schools.school(tx, school_id).phone = phone
    _record_change(tx, school_id, by, {"phone": bool(phone)})
    return phone


def _record_change(tx: Transaction, school_id: int, by: str, details: Mapping[str, object]) -> None:
    tx.flush()
    chain = audit.chain_of(schools.school(tx, school_id).board_id, school_id)
    audit.record(tx, chain, by, "change_school", f"school:{school_id}", details)


def add_group(
    tx: Transaction,
    school_id: int,
    name: str,
    kind: str,
    parent_id: int | None = None,
    by: str = audit.SYSTEM,
) -> Group:
    """Add a group beneath another of the same school, or beneath the school itself."""
    root = schools.root_of(tx, school_id)
    parent = root if parent_id is None else schools.group(tx, parent_id)
    if parent is None or parent.school_id != school_id:
        raise LookupError(f"school {school_id} has no group {parent_id}")
    group = schools.add_group(tx, parent, name, kind)
    chain = audit.chain_of(group.board_id, school_id)
    audit.record(tx, chain, by, "add_group", f"group:{group.id}")
    return group
