"""The accounts that are on, and what each may still send in this month.

What a provider does not count has a row as well, without limit, so that the table says by which
channels a broadcast could go out now: it is the worker that knows them, and other processes ask.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select, tuple_, update

from domain.quotas import Account, reserve
from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import Quota


def note(tx: Transaction, channel: str, account: str, limit: int | None, used: int) -> None:
    """Write down what a provider said; `limit` None is without end."""
    values = {"allowed": limit, "used": used, "asked_at": tx.now}
    if not insert_if_new(tx, Quota, channel=channel, account=account, **values):
        mine = (Quota.channel == channel, Quota.account == account)
        statement = update(Quota).where(*mine).values(values)
        tx.session.execute(statement.execution_options(synchronize_session=False))


def keep_only(tx: Transaction, accounts: Collection[Account]) -> None:
    """Forget the accounts that are on no more."""
    others = tuple_(Quota.channel, Quota.account).not_in(list(accounts))
    statement = delete(Quota).where(others)
    tx.session.execute(statement.execution_options(synchronize_session=False))


def left(tx: Transaction, channel: str) -> dict[str, int | None]:
    """What each account of a channel may still send, as far as is known; None is without end."""
    rows = tx.session.scalars(select(Quota).where(Quota.channel == channel))
    return {row.account: _left(row) for row in rows}


def limited(tx: Transaction, channels: Collection[str]) -> dict[Account, int]:
    """What broadcasts may still use of the accounts of these channels that have a limit.

    Less than what is left: some is kept for the staff's cards and reports.
    """
    query = select(Quota).where(Quota.channel.in_(channels), Quota.allowed.is_not(None))
    rows = tx.session.scalars(query)
    return {(row.channel, row.account): (_left(row) or 0) - _kept(row) for row in rows}


def kept(tx: Transaction, account: Account) -> int:
    """How many of what is left of an account broadcasts do not use."""
    row = tx.session.get(Quota, account)
    return _kept(row) if row else 0


def channels(tx: Transaction) -> tuple[str, ...]:
    """The channels that are on, as the workers said last."""
    return tuple(tx.session.scalars(select(Quota.channel).distinct().order_by(Quota.channel)))


def _kept(row: Quota) -> int:
    return min(reserve(row.allowed or 0), _left(row) or 0)


def _left(row: Quota) -> int | None:
    return None if row.allowed is None else max(0, row.allowed - row.used)
