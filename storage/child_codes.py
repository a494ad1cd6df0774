"""The codes of children 登録コード, each of which registers that child's guardians."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, func, insert, select, tuple_, update

from storage.database import Transaction
from storage.inserts import insert_all_new
from storage.tables import Child, ChildCode, Group, GuardianChild, School

_CODE = "child_codes.code"


@dataclass(frozen=True, slots=True)
class KnownCode:
    """A child's code that opens now."""

    class_id: int
    number: int
    code: str = field(repr=False)
    expires_at: datetime


def opened_by(tx: Transaction, board_id: int, text: str) -> ChildCode | None:
    """What a folded code opens now; None if it is wrong, expired or revoked."""
    query = select(ChildCode).where(
        ChildCode.board_id == board_id, ChildCode.code_index == _index(tx, text), *_is_open(tx)
    )
    return tx.session.scalar(query)


def still_open(tx: Transaction, code_id: int) -> ChildCode | None:
    """A code that was typed, if it still opens; its child is locked until the end."""
    row = tx.session.scalar(select(ChildCode).where(ChildCode.id == code_id, *_is_open(tx)))
    if row is not None:
        query = select(Child.id).where(Child.id == row.child_id)
        tx.session.execute(query.with_for_update())
    return row


def child_of(tx: Transaction, code: ChildCode) -> tuple[Child, Group]:
    """Whose code it is, and in which class the child is now."""
    query = (
        select(Child, Group)
        .join(Group, Group.id == Child.class_id)
        .where(Child.id == code.child_id)
    )
    return tx.session.execute(query).tuples().one()


def vouched_guardians(tx: Transaction, child_id: int) -> Sequence[int]:
    """The guardians who came by the child's own code or by the school's yes."""
    query = select(GuardianChild.guardian_id).where(
        GuardianChild.child_id == child_id, GuardianChild.vouched.is_(True)
    )
    return tx.session.scalars(query).all()


def vouch(tx: Transaction, guardian_id: int, children: Collection[tuple[int, int]]) -> None:
    """Note that these children, by class and number, are this guardian's beyond their own word."""
    meant = select(Child.id).where(tuple_(Child.class_id, Child.number).in_(sorted(children)))
    tx.session.execute(
        update(GuardianChild)
        .where(GuardianChild.guardian_id == guardian_id, GuardianChild.child_id.in_(meant))
        .values(vouched=True)
        .execution_options(synchronize_session=False)
    )


def known_numbers(tx: Transaction, class_ids: Collection[int]) -> Mapping[int, int]:
    """The highest number known in each class."""
    query = (
        select(Child.class_id, func.max(Child.number))
        .where(Child.class_id.in_(class_ids), Child.number.is_not(None))
        .group_by(Child.class_id)
    )
    rows = tx.session.execute(query).tuples()
    return {class_id: highest for class_id, highest in rows if highest is not None}


def numbers_of(tx: Transaction, class_ids: Collection[int]) -> Sequence[tuple[int, int]]:
    """Class and number of every numbered child."""
    query = select(Child.class_id, Child.number).where(
        Child.class_id.in_(class_ids), Child.number.is_not(None)
    )
    rows = tx.session.execute(query.order_by(Child.class_id, Child.number)).tuples()
    return [(class_id, number) for class_id, number in rows if number is not None]


def add_children(tx: Transaction, board_id: int, children: Iterable[tuple[int, int]]) -> None:
    """Make sure that there is a child of each class and number."""
    rows = [
        {"board_id": board_id, "class_id": class_id, "number": number}
        for class_id, number in children
    ]
    if rows:
        insert_all_new(tx, Child, rows)


def without_code(
    tx: Transaction, children: Collection[tuple[int, int]], good_until: datetime
) -> Sequence[int]:
    """Those of these children who have no code that opens until then."""
    wanted = set(children)
    has_one = select(ChildCode.child_id).where(
        ChildCode.child_id == Child.id, *_is_open(tx), ChildCode.expires_at >= good_until
    )
    query = select(Child.id, Child.class_id, Child.number).where(
        Child.class_id.in_({class_id for class_id, _ in wanted}), ~has_one.exists()
    )
    rows = tx.session.execute(query.order_by(Child.class_id, Child.number)).tuples()
    return [child_id for child_id, *child in rows if tuple(child) in wanted]


def add_codes(
    tx: Transaction, school: School, codes: Mapping[int, str], expires_at: datetime
) -> None:
    """Give each of these children a code."""
    rows = [
        {
            "board_id": school.board_id,
            "school_id": school.id,
            "child_id": child_id,
            "code_index": _index(tx, text),
            "code_cipher": tx.vault.seal_text(text, _CODE),
            "created_at": tx.now,
            "expires_at": expires_at,
        }
        for child_id, text in codes.items()
    ]
    if rows:
        tx.session.execute(insert(ChildCode), rows)


def revoke(
    tx: Transaction, class_ids: Collection[int], numbers: Collection[int] | None = None
) -> int:
    """Let the codes of these classes (or of some numbers in them) open nothing any more."""
    children = select(Child.id).where(Child.class_id.in_(class_ids))
    if numbers is not None:
        children = children.where(Child.number.in_(numbers))
    statement = (
        update(ChildCode)
        .where(ChildCode.child_id.in_(children), *_is_open(tx))
        .values(revoked_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    return cast(CursorResult[Any], tx.session.execute(statement)).rowcount


def codes_of(tx: Transaction, class_ids: Collection[int]) -> Sequence[KnownCode]:
    """The newest code of each child in these classes, by class and number."""
    query = (
        select(Child.class_id, Child.number, ChildCode.code_cipher, ChildCode.expires_at)
        .join(ChildCode, ChildCode.child_id == Child.id)
        .where(Child.class_id.in_(class_ids), Child.number.is_not(None), *_is_open(tx))
        .order_by(Child.class_id, Child.number, ChildCode.id)
    )
    newest = {(row[0], row[1]): row for row in tx.session.execute(query).tuples()}
    return [
        KnownCode(class_id, number, tx.vault.open_text(cipher, _CODE), expires_at)
        for class_id, number, cipher, expires_at in newest.values()
        if number is not None
    ]


def _is_open(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    return ChildCode.revoked_at.is_(None), ChildCode.expires_at > tx.now


def _index(tx: Transaction, text: str) -> bytes:
    return tx.vault.index("child_code", text)
