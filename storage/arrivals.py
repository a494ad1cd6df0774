"""Whether mail gets there: when a link in it was opened, and who is still to show that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update

from domain.content import JIS_PLAIN, PLAIN
from storage import suppressions
from storage.database import Transaction
from storage.people import MAIL
from storage.tables import Board, ContactPoint, Delivery, GuardianContact

# So long a test mail may lie unread before it counts against the mailbox.
GRACE = timedelta(days=3)
_WITHOUT_LINK = (PLAIN, JIS_PLAIN)


def note(tx: Transaction, contact_id: int, sent_at: datetime) -> bool:
    """Note that what was sent at this moment arrived; False if something newer did already."""
    newer = update(ContactPoint).where(
        ContactPoint.id == contact_id,
        ContactPoint.channel == MAIL,
        or_(ContactPoint.arrived_at.is_(None), ContactPoint.arrived_at < sent_at),
    )
    noted = newer.values(arrived_at=sent_at).returning(ContactPoint.id)
    is_news = tx.session.execute(noted).first() is not None
    if is_news:
        suppressions.note_arrived(tx, contact_id, sent_at)
    return is_news


def to_the_second(at: datetime) -> datetime:
    """When a test mail was sent, as exactly as the link in it tells."""
    return at.replace(microsecond=0)


def unproved(now: datetime) -> ColumnElement[bool]:
    """Whether it is unknown that a mailbox gets our mail.

    No link in one was ever opened, or none since a test mail was sent some days ago.
    """
    unanswered = (ContactPoint.arrived_at < ContactPoint.tested_at) & (
        ContactPoint.tested_at < now - GRACE
    )
    return (ContactPoint.channel == MAIL) & or_(ContactPoint.arrived_at.is_(None), unanswered)


def count_unproved(tx: Transaction, broadcast_id: int) -> int:
    """How many mailboxes a broadcast went to of which it is not known that mail arrives."""
    query = (
        select(func.count())
        .select_from(Delivery)
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(Delivery.broadcast_id == broadcast_id, unproved(tx.now))
    )
    return tx.session.scalar(query) or 0


def take_silent(
    tx: Transaction, board_id: int, before: datetime, most: int
) -> Sequence[ContactPoint]:
    """Mailboxes in use that showed nothing and were not tested since; noted as tested now.

    Of several workers at once each gets other ones.  Mail without any link cannot show anything.
    """
    silent = _silent(board_id, before)
    some = select(ContactPoint.id).where(silent).order_by(ContactPoint.id).limit(most)
    taken = update(ContactPoint).where(ContactPoint.id.in_(some), silent)
    taken = taken.values(tested_at=to_the_second(tx.now))
    ids = tx.session.scalars(
        taken.returning(ContactPoint.id).execution_options(synchronize_session=False)
    ).all()
    query = select(ContactPoint).where(ContactPoint.id.in_(ids))
    return tx.session.scalars(query.execution_options(populate_existing=True)).all()


def _silent(board_id: int, before: datetime) -> ColumnElement[bool]:
    in_use = select(GuardianContact.guardian_id).where(
        GuardianContact.contact_point_id == ContactPoint.id, GuardianContact.off.is_(False)
    )
    return (
        (ContactPoint.board_id == board_id)
        & (ContactPoint.channel == MAIL)
        & (ContactPoint.state == "active")
        & ContactPoint.mail_form.not_in(_WITHOUT_LINK)
        & or_(ContactPoint.arrived_at.is_(None), ContactPoint.arrived_at < before)
        & or_(ContactPoint.tested_at.is_(None), ContactPoint.tested_at < before)
        & in_use.exists()
    )


def boards(tx: Transaction) -> Sequence[Board]:
    return tx.session.scalars(select(Board).order_by(Board.id)).all()
