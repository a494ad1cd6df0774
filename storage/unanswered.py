"""What came in and is not answered: signs of trouble in the inbox and among the replies."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, select
from sqlalchemy.orm import aliased

from domain import troubles
from domain.channels import FETCHED
from domain.troubles import Kind, Sign
from storage.database import Transaction
from storage.tables import ContactPoint, Inbox, Reply

# The index of what came in and is not done holds just these, and is used where a query says so.
_UNDONE = Inbox.state != literal_column("'done'")
# No answer is put off for longer; what browsers fetch lies a century ahead in the same index.
_LONGEST_PAUSE = timedelta(days=40)


def signs(tx: Transaction) -> list[Sign]:
    return [
        *_replies_waiting(tx),
        *_replies_failing(tx),
        *_inbox_waiting(tx),
        *_parked(tx),
    ]


def backlog(tx: Transaction) -> dict[str, int]:
    """What waits at this moment; what a browser fetches does not."""
    replies = (
        select(func.count(Reply.id))
        .join(ContactPoint, ContactPoint.id == Reply.contact_point_id)
        .where(
            Reply.state == "new", Reply.not_before <= tx.now, ContactPoint.channel.not_in(FETCHED)
        )
    )
    states = select(Inbox.state, func.count()).where(Inbox.state.in_(("new", "parked")), _UNDONE)
    inbox = dict(tx.session.execute(states.group_by(Inbox.state)).tuples().all())
    return {
        "replies": tx.session.scalar(replies) or 0,
        "inbox": inbox.get("new", 0),
        "parked": inbox.get("parked", 0),
    }


def _replies_waiting(tx: Transaction) -> list[Sign]:
    """Answers that are due and that nobody sends; what waits behind an earlier one is not due."""
    earlier = aliased(Reply)
    waits_behind = exists().where(
        earlier.contact_point_id == Reply.contact_point_id,
        earlier.id < Reply.id,
        earlier.state == "new",
    )
    late = and_(Reply.not_before < tx.now - troubles.ANSWER_TOO_LONG, ~waits_behind)
    return _replies(tx, Kind.REPLIES_WAITING, late, least=1)


def _replies_failing(tx: Transaction) -> list[Sign]:
    """Answers that several tries could not send, by the account they leave from."""
    tried = and_(
        Reply.not_before < tx.now + _LONGEST_PAUSE,
        Reply.tries >= troubles.TRIES,
        Reply.created_at < tx.now - troubles.ANSWER_TOO_LONG,
    )
    return _replies(tx, Kind.REPLIES_FAILING, tried, least=troubles.FEW_ANSWERS)


def _replies(tx: Transaction, kind: Kind, late: ColumnElement[bool], least: int) -> list[Sign]:
    people = func.count(Reply.contact_point_id.distinct())
    query = (
        select(
            Reply.board_id,
            ContactPoint.channel,
            ContactPoint.account,
            people,
            func.min(Reply.created_at),
        )
        .join(ContactPoint, ContactPoint.id == Reply.contact_point_id)
        .where(Reply.state == "new", late, ContactPoint.channel.not_in(FETCHED))
        .group_by(Reply.board_id, ContactPoint.channel, ContactPoint.account)
        .having(people >= least)
    )
    return [
        Sign(
            board,
            kind,
            f"{channel}:{account}",
            {"count": count, "minutes": minutes_since(tx, since)},
        )
        for board, channel, account, count, since in tx.session.execute(query)
    ]


def _inbox_waiting(tx: Transaction) -> list[Sign]:
    query = select(Inbox.board_id, func.count(), func.min(Inbox.received_at)).where(
        Inbox.state == "new", Inbox.received_at < tx.now - troubles.ANSWER_TOO_LONG, _UNDONE
    )
    return [
        Sign(board, Kind.INBOX_WAITING, "", {"count": count, "minutes": minutes_since(tx, since)})
        for board, count, since in tx.session.execute(query.group_by(Inbox.board_id))
    ]


def _parked(tx: Transaction) -> list[Sign]:
    query = select(Inbox.board_id, func.count()).where(Inbox.state == "parked", _UNDONE)
    return [
        Sign(board, Kind.PARKED_TURN, "", {"count": count})
        for board, count in tx.session.execute(query.group_by(Inbox.board_id))
    ]


def minutes_since(tx: Transaction, since: datetime) -> int:
    return int((tx.now - since).total_seconds() // 60)
