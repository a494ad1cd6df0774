"""Troubles as rows, and the searches that see signs of them in the database.

Every search goes by an index to what is open or late, so that it costs little where all is well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from domain import broadcasts, troubles
from domain.breaker import LANE_STOPPED
from domain.deliveries import QUOTA
from domain.roles import SCHOOL_ROLES, Role, approvers
from domain.troubles import Kind, Sign
from storage import admissions, chunks, lane_states, ledger, mail_checks, unanswered
from storage.database import Transaction
from storage.people import MAIL
from storage.tables import (
    AuditEntry,
    Board,
    Broadcast,
    Chunk,
    Delivery,
    Quota,
    School,
    StaffContact,
    StaffRole,
    Trouble,
)
from storage.unanswered import minutes_since

_WAITING = frozenset(
    {
        Kind.CHANNEL_FAILING,
        Kind.DELIVERIES_WAITING,
        Kind.REPLIES_FAILING,
        Kind.REPLIES_WAITING,
    }
)


@dataclass(frozen=True, slots=True)
class OpenTrouble:
    """A trouble that is not over; `came_back` says that it had been over shortly before."""

    id: int
    sign: Sign
    opened_at: datetime
    seen_at: datetime
    told_at: datetime | None
    came_back: bool


def boards(tx: Transaction) -> Sequence[int]:
    return tx.session.scalars(select(Board.id).order_by(Board.id)).all()


def lock(tx: Transaction, board_id: int) -> None:
    """One watch at a time looks after a board's troubles; what refers to the board goes on."""
    query = select(Board.id).where(Board.id == board_id).with_for_update(key_share=True)
    tx.session.execute(query)


def open_ones(tx: Transaction, board_id: int | None = None) -> list[OpenTrouble]:
    query = select(Trouble).where(Trouble.closed_at.is_(None)).order_by(Trouble.id)
    if board_id is not None:
        query = query.where(Trouble.board_id == board_id)
    rows = tx.session.scalars(query.execution_options(populate_existing=True)).all()
    return [_open_one(tx, row) for row in rows]


def _open_one(tx: Transaction, row: Trouble) -> OpenTrouble:
    sign = Sign(row.board_id, Kind(row.kind), row.subject, row.details)
    came_back = _closed_since(tx, sign, row.opened_at)
    return OpenTrouble(row.id, sign, row.opened_at, row.seen_at, row.told_at, came_back)


def _closed_since(tx: Transaction, sign: Sign, opened_at: datetime) -> bool:
    """Whether the same was over shortly before it began this time."""
    query = select(Trouble.id).where(
        Trouble.board_id == sign.board_id,
        Trouble.kind == sign.kind.value,
        Trouble.subject == sign.subject,
        Trouble.closed_at.between(opened_at - troubles.SOON_BACK, opened_at),
    )
    return tx.session.scalar(query.limit(1)) is not None


def begin(tx: Transaction, sign: Sign) -> OpenTrouble:
    row = Trouble(
        board_id=sign.board_id,
        kind=sign.kind.value,
        subject=sign.subject,
        details=dict(sign.details),
        opened_at=tx.now,
        seen_at=tx.now,
    )
    tx.session.add(row)
    tx.flush()
    return _open_one(tx, row)


def find(tx: Transaction, trouble_id: int) -> Sign | None:
    """What a trouble told of, over or not; None if there is no such."""
    row = tx.session.get(Trouble, trouble_id)
    return Sign(row.board_id, Kind(row.kind), row.subject, row.details) if row else None


def seen(tx: Transaction, trouble_id: int, sign: Sign) -> None:
    row = tx.session.get_one(Trouble, trouble_id)
    row.seen_at = tx.now
    if not sign.faint:
        row.details = dict(sign.details)


def told(tx: Transaction, trouble_id: int) -> None:
    tx.session.get_one(Trouble, trouble_id).told_at = tx.now


def close(tx: Transaction, trouble_id: int) -> None:
    tx.session.get_one(Trouble, trouble_id).closed_at = tx.now
    tx.flush()


def counts(tx: Transaction) -> dict[str, int]:
    """How many troubles of each kind are open."""
    query = select(Trouble.kind, func.count()).where(Trouble.closed_at.is_(None))
    return dict(tx.session.execute(query.group_by(Trouble.kind)).tuples().all())


def backlog(tx: Transaction) -> dict[str, int]:
    """What is due at this moment, however short it waits, and what was set aside."""
    due = select(func.coalesce(func.sum(Chunk.size), 0)).where(
        Chunk.state == chunks.READY, Chunk.not_before <= tx.now, Chunk.deadline > tx.now
    )
    return {"deliveries": int(tx.session.scalar(due) or 0), **unanswered.backlog(tx)}


# Signs.


def signs(tx: Transaction) -> list[Sign]:
    """Everything wrong that the database knows of."""
    mail = mail_checks.signs(tx)
    held = any(sign.kind is Kind.MAIL_HELD for sign in mail)
    return mail + [sign for sign in _signs(tx) if not (held and _is_of_mail(sign))]


def _is_of_mail(sign: Sign) -> bool:
    """Whether it only says that mail waits, which is told as what it waits for."""
    return sign.kind in _WAITING and sign.subject.partition(":")[0] == MAIL


def _signs(tx: Transaction) -> list[Sign]:
    return [
        *_overdue(tx),
        *_deliveries_waiting(tx),
        *_failing_channels(tx),
        *unanswered.signs(tx),
        *_stuck_admissions(tx),
        *_quotas(tx),
        *_without_approver(tx),
        *_old_backups(tx),
        *lane_states.signs(tx),
    ]


def _overdue(tx: Transaction) -> list[Sign]:
    """Approved, its time has come, and nobody started it: no sending worker is at work."""
    query = select(Broadcast.board_id, func.count(), func.min(Broadcast.due_at)).where(
        Broadcast.state == broadcasts.State.APPROVED.value,
        Broadcast.due_at < tx.now - troubles.OVERDUE,
        or_(Broadcast.valid_until.is_(None), Broadcast.valid_until > tx.now),
    )
    return [
        Sign(
            board, Kind.WORKER_GONE, "", {"broadcasts": count, "minutes": minutes_since(tx, oldest)}
        )
        for board, count, oldest in tx.session.execute(query.group_by(Broadcast.board_id))
    ]


def _deliveries_waiting(tx: Transaction) -> list[Sign]:
    """Chunks that are due and that nobody takes; or that somebody took and never came back.

    Mail waits rightly behind other mail of a lane that somebody is at work on.
    """
    late = tx.now - troubles.WAITING_TOO_LONG
    before = aliased(Chunk)
    worked_on = select(before.id).where(
        before.state == chunks.LEASED,
        before.leased_until > tx.now,
        before.channel == Chunk.channel,
        before.lane == Chunk.lane,
    )
    in_turn = and_(Chunk.channel == MAIL, worked_on.exists())
    idle = and_(Chunk.state == chunks.READY, Chunk.not_before < late, ~in_turn)
    lost = and_(Chunk.state == chunks.LEASED, Chunk.leased_until < late)
    query = (
        select(Chunk.board_id, Chunk.channel, func.sum(Chunk.size), func.min(Chunk.not_before))
        .join(Broadcast, Broadcast.id == Chunk.broadcast_id)
        .where(
            or_(idle, lost),
            Chunk.deadline > tx.now,
            Broadcast.state.in_(broadcasts.GOING_OUT),
        )
        .group_by(Chunk.board_id, Chunk.channel)
    )
    return [
        Sign(
            board,
            Kind.DELIVERIES_WAITING,
            channel,
            {"count": int(count), "minutes": minutes_since(tx, since)},
        )
        for board, channel, count, since in tx.session.execute(query)
    ]


def _failing_channels(tx: Transaction) -> list[Sign]:
    found = tx.session.execute(_stuck()).all()
    return [
        Sign(
            board, Kind.CHANNEL_FAILING, f"{channel}:{account}", {"count": stuck, "accepted": taken}
        )
        for board, channel, account, stuck in found
        if stuck >= troubles.FEW_DELIVERIES
        and troubles.is_failing(stuck, taken := _accepted(tx, board, channel, account))
    ]


def _stuck() -> Select[tuple[int, str, str, int]]:
    """Deliveries that several tries could not place. Only chunks tried before are looked into:
    those leased again, and those made for another try.
    """
    tried = or_(Chunk.epoch > troubles.TRIES, Chunk.not_before > Broadcast.frozen_at)
    failed = or_(Delivery.attempts >= troubles.TRIES, Chunk.epoch > troubles.TRIES)
    return (
        select(Chunk.board_id, Chunk.channel, Chunk.account, func.count(Delivery.id))
        .join(Broadcast, Broadcast.id == Chunk.broadcast_id)
        .join(Delivery, Delivery.chunk_id == Chunk.id)
        .where(
            Chunk.state.in_((chunks.READY, chunks.LEASED)),
            Broadcast.state == ledger.SENDING,
            tried,
            chunks.OPEN_ROW,
            failed,
            # What waits for next month's messages is told as a quota, and what waits for a
            # person to let its destination go on as that.
            Delivery.reason.not_in((QUOTA, LANE_STOPPED)),
        )
        .group_by(Chunk.board_id, Chunk.channel, Chunk.account)
    )


def _accepted(tx: Transaction, board_id: int, channel: str, account: str) -> int:
    """How many the same account accepted of the broadcasts that are on their way."""
    on_their_way = select(Broadcast.id).where(
        Broadcast.board_id == board_id, Broadcast.state == ledger.SENDING
    )
    query = (
        select(func.count())
        .select_from(Delivery)
        .join(Chunk, Chunk.id == Delivery.chunk_id)
        .where(
            Delivery.broadcast_id.in_(on_their_way),
            Delivery.state == "accepted",
            Chunk.channel == channel,
            Chunk.account == account,
        )
    )
    return tx.session.scalar(query) or 0


def _stuck_admissions(tx: Transaction) -> list[Sign]:
    return [
        Sign(board, Kind.ADMISSION_STUCK, "", {"count": count})
        for board, count in admissions.count_parked(tx).items()
    ]


def _quotas(tx: Transaction) -> list[Sign]:
    """Accounts are the installation's, so each board hears of them."""
    share = Quota.used * 100 >= Quota.allowed * troubles.QUOTA_PERCENT
    rows = tx.session.scalars(select(Quota).where(Quota.allowed.is_not(None), share)).all()
    return [
        Sign(
            board,
            Kind.QUOTA,
            f"{row.channel}:{row.account}",
            {"used": row.used, "allowed": row.allowed or 0},
        )
        for board in boards(tx)
        for row in rows
    ]


def _without_approver(tx: Transaction) -> list[Sign]:
    per_board = Counter(board for board, _ in schools_without_approver(tx))
    return [Sign(board, Kind.NO_APPROVER, "", {"count": n}) for board, n in per_board.items()]


def schools_without_approver(tx: Transaction) -> list[tuple[int, str]]:
    """Board and code of schools where somebody may write and nobody can be asked to approve."""
    decides = StaffRole.role.in_(_names(approvers(0)))
    query = (
        select(School.board_id, School.code)
        .join(StaffRole, StaffRole.school_id == School.id)
        .outerjoin(StaffContact, StaffContact.staff_id == StaffRole.staff_id)
        .where(
            StaffRole.role.in_(_names(SCHOOL_ROLES)),
            StaffRole.starts_at <= tx.now,
            or_(StaffRole.ends_at.is_(None), StaffRole.ends_at > tx.now),
        )
        .group_by(School.board_id, School.code)
        .having(
            func.count(case((decides, StaffContact.staff_id))) == 0,
            func.min(StaffRole.starts_at) < tx.now - troubles.WITHOUT_APPROVER,
        )
        .order_by(School.code)
    )
    return [(board, code) for board, code in tx.session.execute(query).tuples()]


def _names(roles: frozenset[Role]) -> list[str]:
    return [role.value for role in roles]


def _old_backups(tx: Transaction) -> list[Sign]:
    """Boards that back up with us and did not for too long; who never did has another way."""
    found = []
    for board in boards(tx):
        last = last_backup(tx, board)
        if last is not None and tx.now - last > troubles.BACKUP_LASTS:
            found.append(Sign(board, Kind.BACKUP_OLD, "", {"days": (tx.now - last).days}))
    return found


def last_backup(tx: Transaction, board_id: int) -> datetime | None:
    """When a backup was last made, as the board's audit chain says."""
    query = select(AuditEntry.at).where(
        AuditEntry.subject == f"board:{board_id}", AuditEntry.verb == "back_up"
    )
    return tx.session.scalar(query.order_by(AuditEntry.at.desc()).limit(1))
