"""The destinations of mail as the workers last saw them, and which of them are stopped.

A worker writes what it sees (delivery.lanes); that a destination is stopped, and let go on again,
is decided here for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, exists, select, update

from domain.breaker import usual_from_now
from domain.troubles import Kind, Sign
from storage import chunks
from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import Board, Lane

# As long as a trouble's subject may be.
_SUBJECT = 100


class Key(NamedTuple):
    """What tells one destination from another."""

    channel: str
    account: str
    site: str
    egress: str


def key_of(row: Lane) -> Key:
    return Key(row.channel, row.account, row.site, row.egress)


def of_channel(tx: Transaction, channel: str) -> Sequence[Lane]:
    return tx.session.scalars(select(Lane).where(Lane.channel == channel)).all()


def find(tx: Transaction, key: Key) -> Lane | None:
    query = select(Lane).where(*_is(key)).execution_options(populate_existing=True)
    return tx.session.scalars(query).one_or_none()


def everything(tx: Transaction) -> Sequence[Lane]:
    query = select(Lane).order_by(Lane.channel, Lane.account, Lane.site, Lane.egress)
    return tx.session.scalars(query).all()


def stopped(tx: Transaction, channel: str | None = None) -> Sequence[Lane]:
    """Destinations to which nothing is sent (by one channel), the longest stopped first."""
    query = select(Lane).where(Lane.stopped_at.is_not(None)).order_by(Lane.stopped_at, Lane.site)
    if channel is not None:
        query = query.where(Lane.channel == channel)
    return tx.session.scalars(query).all()


def unchanged(tx: Transaction, channel: str, age: timedelta) -> list[Key]:
    """Those that go on and that were not written for so long."""
    query = select(Lane).where(*_older(tx, channel, age))
    return [key_of(row) for row in tx.session.scalars(query)]


def forget(tx: Transaction, channel: str, age: timedelta) -> None:
    """Drop those that were not written for so long; what is stopped waits for a person."""
    chunks.execute(tx, delete(Lane).where(*_older(tx, channel, age)))


def signs(tx: Transaction) -> list[Sign]:
    """Destinations are the installation's, so each board hears of those that are stopped."""
    shares = {row.site[:_SUBJECT]: round(row.share * 100) for row in stopped(tx)}
    if not shares:
        return []
    return [
        Sign(board, Kind.LANE_STOPPED, site, {"percent": percent})
        for site, percent in shares.items()
        for board in tx.session.scalars(select(Board.id).order_by(Board.id)).all()
    ]


def told_as(tx: Transaction, subject: str) -> set[str]:
    """The stopped destinations that a trouble tells of; long names are cut in its subject."""
    return {row.site for row in stopped(tx) if row.site[:_SUBJECT] == subject}


def put(tx: Transaction, key: Key, values: Mapping[str, Any]) -> None:
    """Write down how a destination is, unless it is stopped.

    What it was stopped for stays on record until somebody lets it go on: another worker, which
    has not heard of it yet, saw less.
    """
    values = {**values, "changed_at": tx.now}
    if not insert_if_new(tx, Lane, **key._asdict(), stopped_at=None, **values):
        going = update(Lane).where(*_is(key), Lane.stopped_at.is_(None))
        chunks.execute(tx, going.values(**values))


def stop(tx: Transaction, key: Key, values: Mapping[str, Any]) -> Lane | None:
    """Stop a destination for all workers; None if it was stopped before."""
    put(tx, key, values)
    moved = update(Lane).where(*_is(key), Lane.stopped_at.is_(None)).values(stopped_at=tx.now)
    if not chunks.execute(tx, moved):
        return None
    return find(tx, key)


def resume(tx: Transaction, site: str) -> list[Lane]:
    """Let a destination go on, from all our addresses; returns what had been stopped."""
    query = select(Lane).where(Lane.site == site, Lane.stopped_at.is_not(None)).with_for_update()
    rows = list(tx.session.scalars(query.execution_options(populate_existing=True)))
    for row in rows:
        row.baseline = usual_from_now(row.baseline, row.share)
        row.stopped_at, row.changed_at = None, tx.now
    tx.flush()
    return rows


def is_known(tx: Transaction, site: str) -> bool:
    """Whether anything was ever sent to a destination of that name."""
    return bool(tx.session.scalar(select(exists().where(Lane.site == site))))


def _older(tx: Transaction, channel: str, age: timedelta) -> tuple[ColumnElement[bool], ...]:
    return Lane.channel == channel, Lane.stopped_at.is_(None), Lane.changed_at < tx.now - age


def _is(key: Key) -> tuple[Any, ...]:
    return tuple(getattr(Lane, name) == value for name, value in key._asdict().items())
