"""What PostgreSQL's planner is told where it cannot know; SQLite needs nothing of it.

It counts rows now and then, and takes those written in the same transaction for one. So it would
look each of a whole city up by itself, which takes twice as long as reading all of them.
"""

from __future__ import annotations

from sqlalchemy import text

from storage.database import Transaction

# For one sort or one hash table: of a million guardians they fill files otherwise.
_ROOM = "SET LOCAL work_mem = '64MB'"
# An audience of less than this part of all guardians is looked up one by one all the same.
_PART = 8
_ALL = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass('guardians')")


def give_room(tx: Transaction) -> None:
    """Until the end of this transaction."""
    if _is_postgresql(tx):
        tx.session.execute(text(_ROOM))


def expect(tx: Transaction, families: int) -> None:
    """Say how many the audience is that was just written, until `expect_nothing`."""
    if _is_postgresql(tx) and families * _PART >= (tx.session.scalar(_ALL) or 0):
        tx.session.execute(text("SET LOCAL enable_nestloop = off"))


def expect_nothing(tx: Transaction) -> None:
    if _is_postgresql(tx):
        tx.session.execute(text("SET LOCAL enable_nestloop = on"))


def gather_statistics(tx: Transaction) -> None:
    """Have the many new rows of a freezing counted, or the first plans take them for few.

    In a transaction of its own: it holds a lock that two freezings must not wait for.  A table that
    a VACUUM works on is left out: one against wraparound gives way to nobody, and takes hours.
    """
    if _is_postgresql(tx):
        tx.session.execute(text("SET LOCAL lock_timeout = '2s'"))
        tx.session.execute(
            text("ANALYZE (SKIP_LOCKED) audience_members, audience_ways, chunks, deliveries")
        )


def _is_postgresql(tx: Transaction) -> bool:
    return tx.session.get_bind().dialect.name == "postgresql"
