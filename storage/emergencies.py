"""Emergency reports: cases that somebody has to take note of, each step taken once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, exists, or_, select, update

from domain.broadcasts import State
from domain.emergencies import AFTER_ESCALATION
from storage.database import Transaction
from storage.tables import Board, Broadcast, EmergencyReport

# One that was taken back before anything left is no case any more.
_WENT_OUT = (State.APPROVED, State.SENDING, State.SENT, State.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a board waits until it asks again, and until it is told itself."""

    acknowledge_minutes: int
    escalate_minutes: int


def find(tx: Transaction, broadcast_id: int) -> EmergencyReport | None:
    """A report as the database has it now, whatever this transaction read before."""
    query = select(EmergencyReport).where(EmergencyReport.broadcast_id == broadcast_id)
    return tx.session.scalar(query.execution_options(populate_existing=True))


def newest(tx: Transaction, board_id: int, limit: int = 100) -> Sequence[EmergencyReport]:
    """The newest cases of a board."""
    query = select(EmergencyReport).where(EmergencyReport.board_id == board_id)
    ordered = query.order_by(EmergencyReport.opened_at.desc(), EmergencyReport.broadcast_id.desc())
    return tx.session.scalars(ordered.limit(limit)).all()


def open_case(tx: Transaction, broadcast: Broadcast, sent_by: int, reason: str) -> EmergencyReport:
    """Begin a case; one that was taken back and is sent after all begins anew."""
    row = tx.session.get(EmergencyReport, broadcast.id)
    if row is None:
        row = EmergencyReport(broadcast_id=broadcast.id, board_id=broadcast.board_id, remarks="")
        tx.session.add(row)
    row.sent_by, row.reason, row.opened_at = sent_by, reason, tx.now
    row.reminded_at = row.escalated_at = row.reported_at = None
    row.acknowledged_by = row.acknowledged_at = None
    tx.flush()
    return row


def boards_with_open_cases(tx: Transaction) -> Sequence[Board]:
    """The boards of which somebody is still to take note of something."""
    is_open = (EmergencyReport.board_id == Board.id) & EmergencyReport.acknowledged_at.is_(None)
    return tx.session.scalars(select(Board).where(exists().where(is_open))).all()


def due(tx: Transaction, patience: Mapping[Patience, Collection[int]]) -> Sequence[int]:
    """The cases about which somebody is to be told again now, the oldest first.

    For each patience it names the boards that have it. It is domain.emergencies.next_step in SQL,
    so that however many are open only those that are due are read.
    """
    late = [
        EmergencyReport.board_id.in_(board_ids) & _is_due(tx.now, each)
        for each, board_ids in patience.items()
    ]
    query = (
        select(EmergencyReport.broadcast_id)
        .join(Broadcast, Broadcast.id == EmergencyReport.broadcast_id)
        .where(EmergencyReport.acknowledged_at.is_(None), or_(*late), _goes_out())
        .order_by(EmergencyReport.opened_at, EmergencyReport.broadcast_id)
    )
    return tx.session.scalars(query).all()


def _is_due(now: datetime, patience: Patience) -> ColumnElement[bool]:
    escalated = EmergencyReport.escalated_at
    escalate = EmergencyReport.opened_at <= now - timedelta(minutes=patience.escalate_minutes)
    if not patience.acknowledge_minutes:
        return escalated.is_(None) & escalate
    often = _asked_before(now - timedelta(minutes=patience.acknowledge_minutes))
    daily = now - AFTER_ESCALATION
    return or_(
        escalated.is_(None) & or_(escalate, often),
        and_(escalated <= daily, _asked_before(daily)),
    )


def _asked_before(then: datetime) -> ColumnElement[bool]:
    """Whether those who have it before them heard of it last at that time or earlier."""
    reminded = EmergencyReport.reminded_at
    return (EmergencyReport.opened_at <= then) & or_(reminded.is_(None), reminded <= then)


def unreported(tx: Transaction) -> Sequence[int]:
    """The cases whose sending is finished, but whose figures nobody was told yet."""
    query = (
        select(EmergencyReport.broadcast_id)
        .join(Broadcast, Broadcast.id == EmergencyReport.broadcast_id)
        .where(EmergencyReport.reported_at.is_(None), Broadcast.finished_at.is_not(None))
        .order_by(EmergencyReport.broadcast_id)
    )
    return tx.session.scalars(query).all()


def _goes_out() -> ColumnElement[bool]:
    """Whether it is a case still: what was taken back is no emergency (domain.content)."""
    is_emergency: ColumnElement[bool] = Broadcast.options["emergency"].as_boolean()
    return Broadcast.state.in_([state.value for state in _WENT_OUT]) & is_emergency


# Steps.  Each is a compare-and-swap: of two who take it at once, one finds it taken.


def acknowledge(tx: Transaction, row: EmergencyReport, staff_id: int) -> bool:
    still_open = EmergencyReport.acknowledged_at.is_(None)
    return _swap(tx, row, still_open, acknowledged_by=staff_id, acknowledged_at=tx.now)


def note_reminded(tx: Transaction, row: EmergencyReport) -> bool:
    same = EmergencyReport.reminded_at.is_not_distinct_from(row.reminded_at)
    still_open = EmergencyReport.acknowledged_at.is_(None)
    return _swap(tx, row, still_open & same, reminded_at=tx.now)


def note_escalated(tx: Transaction, row: EmergencyReport) -> bool:
    still_open = EmergencyReport.acknowledged_at.is_(None)
    only_once = EmergencyReport.escalated_at.is_(None)
    return _swap(tx, row, still_open & only_once, escalated_at=tx.now)


def note_reported(tx: Transaction, row: EmergencyReport) -> bool:
    return _swap(tx, row, EmergencyReport.reported_at.is_(None), reported_at=tx.now)


def remark(tx: Transaction, row: EmergencyReport, text: str) -> None:
    """Add what somebody has to say to what others said before."""
    locked = select(EmergencyReport).where(EmergencyReport.broadcast_id == row.broadcast_id)
    one = tx.session.scalars(
        locked.with_for_update().execution_options(populate_existing=True)
    ).one()
    one.remarks = f"{one.remarks}\n{text}" if one.remarks else text
    tx.flush()


def _swap(
    tx: Transaction, row: EmergencyReport, unless: ColumnElement[bool], **values: Any
) -> bool:
    tx.flush()
    statement = (
        update(EmergencyReport)
        .where(EmergencyReport.broadcast_id == row.broadcast_id, unless)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    result = cast(CursorResult[Any], tx.session.execute(statement))
    tx.session.refresh(row)
    return result.rowcount == 1
