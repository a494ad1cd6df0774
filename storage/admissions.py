"""Registrations that wait for a school's yes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    String,
    and_,
    func,
    literal_column,
    or_,
    select,
    update,
)

from storage.database import Transaction
from storage.tables import Admission, Attempt, ContactPoint, School

WAITING = "waiting"
ADMITTING = "admitting"
DECLINING = "declining"
# Decided, and not yet done: the registration follows, or the word to whoever asked.
_DECIDED = (ADMITTING, DECLINING)
_REQUEST = "admissions.request"
# What fails so often is parked and holds up nothing.  It is tried again now and then, in case
# what stood in the way was put right: nobody has to find it and start it by hand.
_TRIES = 3
_AGAIN = timedelta(hours=1)
_OPEN = (WAITING, *_DECIDED)
# Databases take some tens of thousands of values in one statement, and no more.
_AT_ONCE = 5000


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


def waiting_by(tx: Transaction, school_id: int, channel: str) -> set[int]:
    """Those that wait at a school and came by a channel."""
    query = (
        select(Admission.id)
        .join(ContactPoint, ContactPoint.id == Admission.contact_point_id)
        .where(
            Admission.state == WAITING,
            Admission.school_id == school_id,
            ContactPoint.channel == channel,
        )
    )
    return set(tx.session.scalars(query))


def waiting_in_sum(tx: Transaction, school_id: int) -> tuple[int, Admission | None]:
    """How many wait at a school, and the newest of them."""
    query = select(func.count(), func.max(Admission.id)).where(
        Admission.state == WAITING, Admission.school_id == school_id
    )
    count, newest = tx.session.execute(query).tuples().one()
    return count, as_it_is(tx, newest) if count else None


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
        .where(Admission.state == WAITING, Admission.school_id == school_id)
        .values(state=state, decided_by=staff_id, decided_at=tx.now)
        .returning(Admission.id)
        .execution_options(synchronize_session=False)
    )
    meant = sorted(ids)
    some = [meant[first : first + _AT_ONCE] for first in range(0, len(meant), _AT_ONCE)]
    decided = [tx.session.scalars(statement.where(Admission.id.in_(each))) for each in some]
    return [number for numbers in decided for number in sorted(numbers)]


def forget(tx: Transaction, contact_id: int, school_id: int) -> int:
    """Take back what a person asked of a school; returns how many requests that ended."""
    statement = update(Admission).where(
        Admission.contact_point_id == contact_id,
        Admission.school_id == school_id,
        Admission.state.in_(_OPEN),
    )
    return _count(tx, statement.values(state="withdrawn", request_cipher=None))


def lapse(tx: Transaction, admission_id: int, before: datetime) -> Admission | None:
    """End what nobody answered since then; None if it was answered or ended meanwhile."""
    statement = update(Admission).where(
        Admission.id == admission_id, Admission.state == WAITING, Admission.asked_at <= before
    )
    ended = _count(tx, statement.values(state="lapsed", request_cipher=None))
    return as_it_is(tx, admission_id) if ended else None


def as_it_is(tx: Transaction, admission_id: int) -> Admission:
    """A request as the database has it now, whatever this transaction read before."""
    return tx.session.get_one(Admission, admission_id, populate_existing=True)


def finish(tx: Transaction, row: Admission) -> None:
    """What was decided is done: what was answered is not needed any more.

    Nor is what was parked of the same person there: they asked again.
    """
    row.state = "admitted" if row.state == ADMITTING else "declined"
    row.request_cipher = None
    parked = update(Admission).where(
        Admission.contact_point_id == row.contact_point_id,
        Admission.school_id == row.school_id,
        Admission.id < row.id,
        _is_parked(),
    )
    _count(tx, parked.values(state="replaced", request_cipher=None))


def note_failed(tx: Transaction, admission_id: int) -> None:
    """Count that what is to be done about a request went wrong."""
    statement = update(Admission).where(Admission.id == admission_id, Admission.state.in_(_OPEN))
    _count(tx, statement.values(tries=Admission.tries + 1, tried_at=tx.now))


def count_parked(tx: Transaction) -> Mapping[int, int]:
    """How many are parked on each board that has any."""
    query = select(Admission.board_id, func.count()).where(_is_parked())
    return dict(tx.session.execute(query.group_by(Admission.board_id)).tuples().all())


# What the tick asks, twice a second.  However many wait, it reads only those that are due, and
# for each school the last entry of its part of an index.


def to_carry_out(tx: Transaction, limit: int) -> Sequence[int]:
    """Some of those that staff decided on and that nothing was done about yet, the oldest first."""
    # As the index of just these few says it, which is not used for bound values.
    states = [literal_column(f"'{state}'", String) for state in _DECIDED]
    query = select(Admission.id).where(Admission.state.in_(states), _may_be_tried(tx))
    return tx.session.scalars(_oldest(query).limit(limit)).all()


def lapsed(tx: Transaction, before: datetime, limit: int) -> Sequence[int]:
    """Some of those that nobody answered since then, the oldest first."""
    query = select(Admission.id).where(
        Admission.state == WAITING, Admission.asked_at <= before, _may_be_tried(tx)
    )
    return tx.session.scalars(_oldest(query).limit(limit)).all()


def newest_asked(tx: Transaction, school_id: int | None = None) -> Mapping[int, datetime]:
    """When each school (or this one) with waiting requests was asked last."""
    newest = select(func.max(Admission.asked_at)).where(
        Admission.state == WAITING, Admission.school_id == School.id
    )
    query = select(School.id, newest.scalar_subquery())
    if school_id is not None:
        query = query.where(School.id == school_id)
    rows = tx.session.execute(query)
    return {number: asked_at for number, asked_at in rows if asked_at is not None}


def _oldest(query: Select[tuple[int]]) -> Select[tuple[int]]:
    return query.order_by(Admission.asked_at, Admission.id)


def _may_be_tried(tx: Transaction) -> ColumnElement[bool]:
    return or_(Admission.tries < _TRIES, Admission.tried_at <= tx.now - _AGAIN)


def _is_parked() -> ColumnElement[bool]:
    """The first condition is that of the index of the few that ever failed."""
    return and_(
        Admission.tried_at.is_not(None), Admission.tries >= _TRIES, Admission.state.in_(_OPEN)
    )


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
