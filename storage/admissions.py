"""Registrations that wait for a school's yes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update

from storage.database import Transaction
from storage.tables import Admission, Attempt, ContactPoint

WAITING = "waiting"
ADMITTING = "admitting"
_REQUEST = "admissions.request"
_OPEN = (WAITING, ADMITTING)


def add(
    tx: Transaction, contact: ContactPoint, school_id: int, request: Mapping[str, Any]
) -> Admission:
    row = Admission(
        board_id=contact.board_id,
        school_id=school_id,
        contact_point_id=contact.id,
        request_cipher=tx.vault.seal_json(request, _REQUEST),
        asked_at=tx.now,
    )
    tx.session.add(row)
    tx.flush()
    return row


def find(tx: Transaction, admission_id: int, board_id: int) -> Admission | None:
    """A request of this board, whatever became of it."""
    row = tx.session.get(Admission, admission_id)
    return row if row is not None and row.board_id == board_id else None


def request_of(tx: Transaction, row: Admission) -> Any:
    """What was answered; raises LookupError where it is forgotten already."""
    if row.request_cipher is None:
        raise LookupError(f"the request of admission {row.id} is gone")
    return tx.vault.open_json(row.request_cipher, _REQUEST)


def waiting_of(tx: Transaction, contact_id: int, school_id: int) -> Admission | None:
    """What a person asked of a school and nobody has decided."""
    query = select(Admission).where(
        Admission.contact_point_id == contact_id,
        Admission.school_id == school_id,
        Admission.state == WAITING,
    )
    return tx.session.scalars(query.order_by(Admission.id.desc())).first()


def schools_asked(tx: Transaction, contact_id: int) -> set[int]:
    """The schools that a person has asked and that have not let them in yet."""
    query = select(Admission.school_id).where(
        Admission.contact_point_id == contact_id, Admission.state.in_(_OPEN)
    )
    return set(tx.session.scalars(query))


def waiting_at(tx: Transaction, school_id: int) -> Sequence[Admission]:
    """All that wait at a school, the oldest first."""
    query = select(Admission).where(Admission.state == WAITING, Admission.school_id == school_id)
    return tx.session.scalars(query.order_by(Admission.id)).all()


def count_waiting(tx: Transaction, school_id: int) -> int:
    query = select(func.count()).where(Admission.state == WAITING, Admission.school_id == school_id)
    return tx.session.scalar(query) or 0


def close(tx: Transaction, row: Admission, state: str, staff_id: int | None = None) -> bool:
    """End the waiting of one request and forget what was answered; False if it was ended.

    On PostgreSQL the update waits for whoever is changing the row, and then looks again.
    """
    values = {"state": state, "decided_by": staff_id, "decided_at": tx.now, "request_cipher": None}
    statement = update(Admission).where(Admission.id == row.id, Admission.state == WAITING)
    closed = _count(tx, statement.values(values))
    tx.session.refresh(row)
    return closed == 1


def decide(
    tx: Transaction, school_id: int, ids: Collection[int], state: str, staff_id: int
) -> Sequence[int]:
    """Move those of a school's waiting requests to a state, and say which they were.

    What was answered is kept: it is needed to do as was decided.
    """
    statement = (
        update(Admission)
        .where(Admission.id.in_(ids), Admission.state == WAITING, Admission.school_id == school_id)
        .values(state=state, decided_by=staff_id, decided_at=tx.now)
        .returning(Admission.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(tx.session.scalars(statement))


def forget(tx: Transaction, contact_id: int, school_id: int) -> int:
    """Take back what a person asked of a school; returns how many requests that ended."""
    statement = update(Admission).where(
        Admission.contact_point_id == contact_id,
        Admission.school_id == school_id,
        Admission.state.in_(_OPEN),
    )
    return _count(tx, statement.values(state="withdrawn", request_cipher=None))


def lapse(tx: Transaction, before: datetime) -> Sequence[tuple[int, int, int]]:
    """End what nobody answered since then: ID, contact point and school of each."""
    statement = (
        update(Admission)
        .where(Admission.state == WAITING, Admission.asked_at <= before)
        .values(state="lapsed", request_cipher=None)
        .returning(Admission.id, Admission.contact_point_id, Admission.school_id)
        .execution_options(synchronize_session=False)
    )
    return tx.session.execute(statement).tuples().all()


# What the tick asks, twice a second: each is one look at an index.


def any_lapsed(tx: Transaction, before: datetime) -> bool:
    query = select(Admission.id).where(Admission.state == WAITING, Admission.asked_at <= before)
    return tx.session.scalar(query.limit(1)) is not None


def admitting(tx: Transaction, limit: int) -> Sequence[Admission]:
    """Some of those that staff said yes to and that are not registered yet, the oldest first."""
    query = select(Admission).where(Admission.state == ADMITTING).order_by(Admission.id)
    return tx.session.scalars(query.limit(limit)).all()


def any_admitting(tx: Transaction) -> bool:
    query = select(Admission.id).where(Admission.state == ADMITTING)
    return tx.session.scalar(query.limit(1)) is not None


def finish(tx: Transaction, row: Admission) -> None:
    """The registration was made: what was answered is not needed any more."""
    row.state = "admitted"
    row.request_cipher = None
    tx.flush()


def newest_asked(tx: Transaction) -> Mapping[int, datetime]:
    """When each school with waiting requests was asked last."""
    query = (
        select(Admission.school_id, func.max(Admission.asked_at))
        .where(Admission.state == WAITING)
        .group_by(Admission.school_id)
    )
    return dict(tx.session.execute(query).tuples().all())


def last_told(tx: Transaction, scopes: Collection[str]) -> Mapping[str, datetime]:
    """When the staff of each school were last told, by what `attempts` counts that under."""
    query = (
        select(Attempt.scope, func.max(Attempt.at))
        .where(Attempt.scope.in_(scopes))
        .group_by(Attempt.scope)
    )
    return dict(tx.session.execute(query).tuples().all())


def _count(tx: Transaction, statement: Any) -> int:
    tx.flush()
    done = tx.session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], done).rowcount
