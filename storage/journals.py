"""Which journal files there are, and whose: so that whoever inherits a lease replays them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, func, select, update

from storage.database import Transaction
from storage.tables import Journal


@dataclass(frozen=True, slots=True)
class JournalFile:
    worker: str
    path: str


def opened(tx: Transaction, worker: str, host: str, path: str) -> None:
    """Note a journal before its worker leases anything."""
    tx.session.add(Journal(worker=worker, host=host, path=path, opened_at=tx.now))
    tx.flush()


def not_replayed(tx: Transaction, host: str) -> list[JournalFile]:
    query = select(Journal.worker, Journal.path).where(
        Journal.host == host, Journal.replayed_at.is_(None)
    )
    return [JournalFile(*row) for row in tx.session.execute(query).tuples()]


def open_ones(tx: Transaction) -> int:
    """How many workers send: one that was killed counts until its successor is there."""
    query = select(func.count()).where(Journal.replayed_at.is_(None))
    return tx.session.scalar(query.select_from(Journal)) or 0


def replayed(tx: Transaction, worker: str) -> bool:
    """Note that a journal is in the ledger; False if another had noted it, or it is unknown."""
    statement = (
        update(Journal)
        .where(Journal.worker == worker, Journal.replayed_at.is_(None))
        .values(replayed_at=tx.now)
        .returning(Journal.worker)
        .execution_options(synchronize_session=False)
    )
    return tx.session.scalar(statement) is not None


def closed(tx: Transaction, worker: str) -> None:
    """Forget the journal of a worker that stopped in order: everything is in the ledger."""
    tx.session.execute(delete(Journal).where(Journal.worker == worker))
