"""The inbox: everything that came in, once per provider event, until its turn is over."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from domain.addresses import normalise_mail
from storage.database import Transaction
from storage.tables import Inbox

_PURPOSE = "inbox.payload"


class Arrival(Protocol):
    """What a channel parsed (`channels.base.Incoming`); storage knows no channel."""

    @property
    def channel(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def event_id(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def text(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def picture(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One thing a person did, taken out of the inbox to be answered."""

    id: int
    board_id: int
    channel: str
    account: str
    sender: str
    kind: str
    text: str
    token: str
    picture: bytes
    tries: int


def store(tx: Transaction, board_id: int, arrival: Arrival) -> bool:
    """Keep what came in; False if this event of the provider is here already."""
    values = {
        "board_id": board_id,
        "channel": arrival.channel,
        "account": arrival.account,
        "event_id": arrival.event_id,
        "sender_index": _sender_index(tx, arrival),
        "payload_cipher": tx.vault.seal_json(_payload(arrival), _PURPOSE),
        "state": "new",
        "tries": 0,
        "at": arrival.at,
        "received_at": tx.now,
    }
    # The two dialects spell it alike, but SQLAlchemy has no insert common to both.
    on_postgresql = tx.session.get_bind().dialect.name == "postgresql"
    insert: Any = postgresql.insert(Inbox) if on_postgresql else sqlite.insert(Inbox)
    kept = insert.values(**values).on_conflict_do_nothing().returning(Inbox.id)
    return tx.session.scalar(kept) is not None


def claim_next(tx: Transaction, except_ids: Sequence[int] = ()) -> InboxItem | None:
    """Take the oldest new item and lock it until the transaction ends.

    One person's items come strictly one after the other: none is taken while an earlier one of
    the same sender is new, wherever it is being handled. On PostgreSQL, items that another
    loop holds are skipped; on SQLite the writing transaction itself keeps others out.
    """
    earlier = aliased(Inbox)
    waits_for_another = exists().where(
        earlier.state == "new",
        earlier.id < Inbox.id,
        earlier.sender_index == Inbox.sender_index,
    )
    query = (
        select(Inbox)
        .where(Inbox.state == "new", ~waits_for_another, Inbox.id.not_in(except_ids))
        .order_by(Inbox.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = tx.session.scalar(query)
    return _item(tx, row) if row else None


def finish(tx: Transaction, item_id: int) -> None:
    """Mark an item as handled and erase what it said."""
    _settle(tx, item_id, state="done", payload_cipher=None)


def park(tx: Transaction, item_id: int) -> None:
    """Set an item aside for a person to look at; it keeps its encrypted content."""
    _settle(tx, item_id, state="parked")


def failed(tx: Transaction, item_id: int) -> int:
    """Count one failed try of an item that is still new, and return how many there were."""
    row = tx.session.get_one(Inbox, item_id)
    if row.state == "new":
        row.tries += 1
    return row.tries


def sender_of(tx: Transaction, item_id: int) -> tuple[int, str, str, str] | None:
    """Board, channel, account and sender of an item whose content can still be opened."""
    row = tx.session.get_one(Inbox, item_id)
    item = _item(tx, row) if row.payload_cipher else None
    return (item.board_id, item.channel, item.account, item.sender) if item else None


def count(tx: Transaction, state: str) -> int:
    """How many items are in a state (new, done, parked)."""
    query = select(func.count()).select_from(Inbox).where(Inbox.state == state)
    return tx.session.scalar(query) or 0


def _settle(tx: Transaction, item_id: int, **values: object) -> None:
    tx.session.execute(update(Inbox).where(Inbox.id == item_id).values(handled_at=tx.now, **values))


def _sender_index(tx: Transaction, arrival: Arrival) -> bytes:
    mail = normalise_mail(arrival.sender)
    return tx.vault.index(
        "sender", arrival.channel, arrival.account, mail.key if mail else arrival.sender
    )


def _payload(arrival: Arrival) -> dict[str, str]:
    return {
        "sender": arrival.sender,
        "kind": arrival.kind,
        "text": arrival.text,
        "token": arrival.token,
        "picture": base64.b64encode(arrival.picture).decode(),
    }


def _item(tx: Transaction, row: Inbox) -> InboxItem:
    payload = tx.vault.open_json(row.payload_cipher or b"", _PURPOSE)
    return InboxItem(
        id=row.id,
        board_id=row.board_id,
        channel=row.channel,
        account=row.account,
        sender=payload["sender"],
        kind=payload["kind"],
        text=payload["text"],
        token=payload["token"],
        picture=binascii.a2b_base64(payload["picture"]),
        tries=row.tries,
    )
