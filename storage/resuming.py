"""Making a restored database fit to go on: what happened after the backup is not in it.

What was open in the ledger may have been sent since, so it is sent again and counted as
doubtful. What may not be used twice is made void. Numbers that left the house are not given
again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing

from alembic.script import ScriptDirectory
from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, update
from sqlalchemy import Table as SqlTable

from domain import deliveries as rules
from domain.broadcasts import GOING_OUT
from domain.broadcasts import State as BroadcastState
from domain.channels import FETCHED
from domain.deliveries import State
from domain.outcomes import Accepted
from storage import chunks
from storage.database import Database, Transaction
from storage.migrate import alembic_config
from storage.tables import (
    AccountLink,
    Broadcast,
    Chunk,
    ContactCode,
    ContactProof,
    Delivery,
    Dialogue,
    Invitation,
    Journal,
    Table,
)

# Far more rows than a backup is old. Broadcasts' numbers are typed by people (承認 12-3) and so
# stay short; a city's deliveries come in millions.
_GAPS = {"broadcasts": 1_000, "deliveries": 100_000_000}
_GAP = 1_000_000


# The ledger.


def take_known(tx: Transaction, accepted: Mapping[int, Accepted]) -> int:
    """Settle what is open here and of which a journal knows that it was accepted; how many."""
    still_open = set(tx.session.scalars(select(Delivery.id).where(*_on_their_way())))
    known = [
        {"number": number, "named": rules.reference_kept(outcome.reference), "at": tx.now}
        for number, outcome in accepted.items()
        if number in still_open
    ]
    if known:
        tx.session.connection().execute(_ACCEPT, known)
    return len(known)


def doubt(tx: Transaction) -> int:
    """Note of everything still to be sent that it may have been sent before; how many doubtful.

    What a provider knows by a key is asked again under it, and so comes once. What a browser
    fetches is shown once, whatever was noted.
    """
    on_their_way = update(Delivery).where(*_on_their_way()).values(reason=rules.INTERRUPTED)
    keyed = select(Chunk.id).where(Chunk.keyed)
    sent_to = select(Chunk.id).where(~Chunk.keyed, Chunk.channel.not_in(FETCHED))
    chunks.execute(tx, on_their_way.where(Delivery.chunk_id.in_(keyed)).values(state=State.UNKNOWN))
    return chunks.execute(
        tx,
        on_their_way.where(Delivery.chunk_id.in_(sent_to)).values(doubtful=Delivery.doubtful + 1),
    )


def _on_their_way() -> tuple[ColumnElement[bool], ...]:
    going_out = select(Broadcast.id).where(Broadcast.state.in_(GOING_OUT))
    return Delivery.broadcast_id.in_(going_out), chunks.OPEN_ROW


_ACCEPT = (
    update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(Delivery.id == bindparam("number"))
    .values(state=State.ACCEPTED.value, reference=bindparam("named"), settled_at=bindparam("at"))
)


def forget_workers(tx: Transaction) -> None:
    """Take back every lease, and forget the journals of those who held them: they are gone."""
    leased = update(Chunk).where(Chunk.state == chunks.LEASED)
    chunks.execute(
        tx,
        leased.values(state=chunks.READY, worker=None, leased_until=None, epoch=Chunk.epoch + 1),
    )
    tx.session.execute(delete(Journal))


def undecided(tx: Transaction) -> Sequence[int]:
    """Broadcasts of which it is not known any more what became of them after the backup."""
    states = (BroadcastState.PENDING.value, BroadcastState.APPROVED.value)
    return tx.session.scalars(
        select(Broadcast.id).where(Broadcast.state.in_(states)).order_by(Broadcast.id)
    ).all()


# People.


def void_codes(tx: Transaction) -> int:
    """Make void what may be used once and is open here: it may have been used since."""
    return sum(_void(tx, table) for table in (Invitation, AccountLink, ContactCode, ContactProof))


def _void(
    tx: Transaction, table: type[Invitation | AccountLink | ContactCode | ContactProof]
) -> int:
    still_open = update(table).where(table.used_at.is_(None), table.expires_at > tx.now)
    return chunks.execute(tx, still_open.values(expires_at=tx.now))


def forget_dialogues(tx: Transaction) -> None:
    """People went on since: what they type next must not answer a question of then."""
    tx.session.execute(delete(Dialogue))


# Numbers.


def leave_gaps(database: Database) -> None:
    """Give no number again that stands in links, buttons and Message-IDs sent since the backup.

    Nothing else may be using the database.
    """
    database.close()
    if database.is_sqlite:
        _leave_gaps_in_file(str(database.engine.url.database))
    else:
        with database.engine.begin() as connection:
            for table in _numbered():
                highest = select(func.coalesce(func.max(table.c.id), 0)).scalar_subquery()
                sequence = func.pg_get_serial_sequence(table.name, "id")
                connection.execute(select(func.setval(sequence, highest + _gap(table.name))))
    database.close()


def _numbered() -> list[SqlTable]:
    return [table for table in Table.metadata.sorted_tables if "id" in table.c]


def _gap(table: str) -> int:
    return _GAPS.get(table, _GAP)


def _leave_gaps_in_file(path: str) -> None:
    """SQLite gives the number after the highest one, unless a table is declared AUTOINCREMENT.

    That word changes nothing in how rows lie in the file, so it may be put into the schema as
    SQLite's documentation of ALTER TABLE tells; a table that is rebuilt later loses it again,
    and by then its highest number is beyond the gap.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # Whoever declares one such table gets the table of counters.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE counting (id INTEGER PRIMARY KEY AUTOINCREMENT)")
        connection.execute("DROP TABLE counting")
        (version,) = connection.execute("PRAGMA schema_version").fetchone()
        connection.execute("PRAGMA writable_schema=ON")
        for table in _numbered():
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, 'PRIMARY KEY (id)',"
                " 'PRIMARY KEY (id AUTOINCREMENT)') WHERE type = 'table' AND name = ?",
                (table.name,),
            )
            connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
            connection.execute(
                f"INSERT INTO sqlite_sequence SELECT ?, coalesce(max(id), 0) + ? FROM"  # noqa: S608
                f' "{table.name}"',
                (table.name, _gap(table.name)),
            )
        connection.execute(f"PRAGMA schema_version={version + 1}")
        connection.execute("PRAGMA writable_schema=OFF")
        connection.execute("COMMIT")


def board_codes(database: Database) -> tuple[str, ...]:
    """The boards of a database, whatever its schema; in words, so that older ones can be read."""
    with database.engine.connect() as connection:
        return tuple(connection.scalars(text("SELECT code FROM boards ORDER BY id")))


def knows_schema(revision: str) -> bool:
    """Whether this version can bring a database of that schema to its own."""
    revisions = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    return revision in {each.revision for each in revisions}
