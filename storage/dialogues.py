"""Dialogues: where each conversation stands, its answers encrypted.

A contact point has at most one active dialogue; the ones it suspended hang below it. A dialogue
that ended keeps its row but loses its log: on SQLite a deleted row's ID could be given out again,
and an old button would then answer a new dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, update

from storage.database import Transaction
from storage.tables import ContactPoint, Dialogue

_PURPOSE = "dialogues.log"


class DialogueMoved(Exception):
    """Another transaction took a turn in this dialogue since it was read."""


@dataclass(frozen=True, slots=True)
class StoredDialogue:
    """A dialogue as it was read.

    `given` is what it was started with; `memory` is what its effects noted for themselves.
    """

    id: int
    contact_point_id: int
    below_id: int | None
    flow: str
    version: int
    given: dict[str, Any]
    memory: dict[str, Any]
    log: tuple[tuple[str, Any], ...]
    awaited: str
    sequence: int
    expires_at: datetime


# Made once, because every turn asks it: SQLAlchemy takes longer over it than the database.
_ACTIVE = (
    select(Dialogue)
    .where(Dialogue.contact_point_id == bindparam("contact"), Dialogue.active.is_(True))
    .order_by(Dialogue.id.desc())
    .limit(1)
    .execution_options(populate_existing=True)
)
_SAVE = (
    update(Dialogue)
    .where(Dialogue.id == bindparam("number"), Dialogue.sequence == bindparam("read"))
    .values(
        log_cipher=bindparam("log"),
        version=bindparam("now_version"),
        awaited=bindparam("now_awaited"),
        sequence=Dialogue.sequence + 1,
        expires_at=bindparam("until"),
        updated_at=bindparam("now"),
    )
    .returning(Dialogue.id)
    # `active` reads anew, so no object of the session needs to be brought up to date.
    .execution_options(synchronize_session=False)
)


def active(tx: Transaction, contact_point_id: int) -> StoredDialogue | None:
    """The dialogue a contact point is in."""
    row = tx.session.scalar(_ACTIVE, {"contact": contact_point_id})
    return _stored(tx, row) if row else None


def start(
    tx: Transaction,
    contact_point_id: int,
    flow: str,
    version: int,
    given: dict[str, Any],
    expires_at: datetime,
    below: StoredDialogue | None = None,
) -> StoredDialogue:
    """Begin a dialogue; the one `below` is suspended until this one ends."""
    if below is not None:
        _set_active(tx, below.id, False)
    row = Dialogue(
        board_id=tx.session.get_one(ContactPoint, contact_point_id).board_id,
        contact_point_id=contact_point_id,
        below_id=below.id if below else None,
        flow=flow,
        version=version,
        log_cipher=_seal(tx, given, {}, ()),
        expires_at=expires_at,
        updated_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    return _stored(tx, row)


def save(
    tx: Transaction,
    dialogue: StoredDialogue,
    *,
    version: int,
    log: Sequence[tuple[str, Any]],
    memory: dict[str, Any],
    awaited: str,
    expires_at: datetime,
) -> StoredDialogue:
    """Store where a dialogue now stands; its sequence number rises.

    Raises:
        DialogueMoved: the row is no longer the one that was read.
    """
    kept = replace(
        dialogue,
        version=version,
        log=tuple(log),
        memory=memory,
        awaited=awaited,
        sequence=dialogue.sequence + 1,
        expires_at=expires_at,
    )
    changes = {
        "number": dialogue.id,
        "read": dialogue.sequence,
        "log": _seal(tx, kept.given, kept.memory, kept.log),
        "now_version": version,
        "now_awaited": awaited,
        "until": expires_at,
        "now": tx.now,
    }
    moved = tx.session.execute(_SAVE, changes)
    if moved.first() is None:
        raise DialogueMoved
    return kept


def end(tx: Transaction, dialogue: StoredDialogue) -> StoredDialogue | None:
    """Close a dialogue, forgetting its answers, and return the one it had suspended."""
    tx.session.execute(
        update(Dialogue)
        .where(Dialogue.id == dialogue.id)
        .values(
            active=False,
            log_cipher=_seal(tx, {}, {}, ()),
            awaited="",
            below_id=None,
            updated_at=tx.now,
        )
    )
    if dialogue.below_id is None:
        return None
    _set_active(tx, dialogue.below_id, True)
    return _stored(tx, tx.session.get_one(Dialogue, dialogue.below_id, populate_existing=True))


def end_all(tx: Transaction, contact_point_ids: Sequence[int]) -> None:
    """Close whatever was going on at these contact points, suspended or not."""
    tx.session.execute(
        update(Dialogue)
        .where(Dialogue.contact_point_id.in_(contact_point_ids))
        .values(
            active=False,
            log_cipher=_seal(tx, {}, {}, ()),
            awaited="",
            below_id=None,
            sequence=Dialogue.sequence + 1,
            updated_at=tx.now,
        )
        .execution_options(synchronize_session=False)
    )


def end_deeper(tx: Transaction, dialogue: StoredDialogue, most: int) -> list[StoredDialogue]:
    """Close what is suspended below a dialogue beyond so many, itself among them; returns it."""
    stack = [dialogue]
    while (below_id := stack[-1].below_id) is not None:
        stack.append(_stored(tx, tx.session.get_one(Dialogue, below_id)))
    deeper = stack[most:]
    if deeper:
        last = update(Dialogue).where(Dialogue.id == stack[most - 1].id)
        tx.session.execute(last.values(below_id=None))
    for each in deeper:
        end(tx, replace(each, below_id=None))
    return deeper


def erase_expired(tx: Transaction) -> int:
    """Forget the answers of dialogues that nobody went on with; return how many there were.

    One that was suspended below becomes the active one, and is seen to next time if need be.
    """
    query = select(Dialogue).where(Dialogue.active.is_(True), Dialogue.expires_at <= tx.now)
    rows = tx.session.scalars(query.limit(500).with_for_update(skip_locked=True)).all()
    for row in rows:
        end(tx, _stored(tx, row))
    return len(rows)


@dataclass(frozen=True, slots=True)
class Silent:
    """A dialogue in which nothing was said `since`, and whose answers go at `until`."""

    id: int
    contact_point_id: int
    sequence: int
    since: datetime
    until: datetime


def silent(tx: Transaction, flows: Sequence[str], least: timedelta) -> list[Silent]:
    """Dialogues of these kinds that nobody went on with for so long, and that are not yet
    reminded of; those that end first come first.
    """
    query = (
        select(
            Dialogue.id,
            Dialogue.contact_point_id,
            Dialogue.sequence,
            Dialogue.updated_at,
            Dialogue.expires_at,
        )
        .where(
            Dialogue.active.is_(True),
            Dialogue.reminded_at.is_(None),
            Dialogue.flow.in_(flows),
            Dialogue.updated_at <= tx.now - least,
            Dialogue.expires_at > tx.now,
        )
        .order_by(Dialogue.expires_at)
        .limit(500)
    )
    return [Silent(*row) for row in tx.session.execute(query).tuples()]


def note_reminded(tx: Transaction, silent: Silent) -> bool:
    """Note that somebody is reminded; False if they were, or went on, meanwhile."""
    noted = tx.session.execute(
        update(Dialogue)
        .where(
            Dialogue.id == silent.id,
            Dialogue.sequence == silent.sequence,
            Dialogue.active.is_(True),
            Dialogue.reminded_at.is_(None),
        )
        .values(reminded_at=tx.now)
        .returning(Dialogue.id)
        .execution_options(synchronize_session=False)
    )
    return noted.first() is not None


def _set_active(tx: Transaction, dialogue_id: int, active: bool) -> None:
    tx.session.execute(update(Dialogue).where(Dialogue.id == dialogue_id).values(active=active))


def _seal(
    tx: Transaction,
    given: dict[str, Any],
    memory: dict[str, Any],
    log: Sequence[tuple[str, Any]],
) -> bytes:
    kept = {"given": given, "memory": memory, "log": list(log)}
    return tx.vault.seal_json(kept, _PURPOSE)


def _stored(tx: Transaction, row: Dialogue) -> StoredDialogue:
    kept = tx.vault.open_json(row.log_cipher, _PURPOSE)
    return StoredDialogue(
        id=row.id,
        contact_point_id=row.contact_point_id,
        below_id=row.below_id,
        flow=row.flow,
        version=row.version,
        given=kept["given"],
        memory=kept["memory"],
        log=tuple((key, value) for key, value in kept["log"]),
        awaited=row.awaited,
        sequence=row.sequence,
        expires_at=row.expires_at,
    )
