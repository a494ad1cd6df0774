"""The inbox: everything that came in, once per provider event, until its turn is over."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from domain.addresses import normalise_mail
from storage.database import Transaction
from storage.inserts import insert_if_new
from storage.tables import Inbox
from storage.vault import SealBroken

_PURPOSE = "inbox.payload"
# Longer than the slowest picture takes to decode; a killed loop's item is free again after it.
_HELD = timedelta(minutes=1)


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
    return insert_if_new(
        tx,
        Inbox,
        board_id=board_id,
        channel=arrival.channel,
        account=arrival.account,
        event_id=arrival.event_id,
        sender_index=_sender_index(tx, arrival),
        payload_cipher=tx.vault.seal_json(_payload(arrival), _PURPOSE),
        state="new",
        tries=0,
        at=arrival.at,
        received_at=tx.now,
    )


def is_waiting(tx: Transaction) -> bool:
    """Whether there is anything new, asked without taking SQLite's write lock."""
    return tx.session.scalar(select(Inbox.id).where(_is_free(tx)).limit(1)) is not None


def _is_free(tx: Transaction) -> ColumnElement[bool]:
    """New, and in no loop's hands: a new item's `handled_at` is when a loop took it in hand."""
    free_again = or_(Inbox.handled_at.is_(None), Inbox.handled_at <= tx.now - _HELD)
    return and_(Inbox.state == "new", free_again)


def claim_next(tx: Transaction) -> int | None:
    """Find the oldest new item and lock it until the transaction ends.

    One person's items come strictly one after the other: none is taken while an earlier one of
    the same sender is new, wherever it is being handled. On PostgreSQL, items that another
    loop holds are skipped; on SQLite the writing transaction itself keeps others out. So is
    what a loop has in hand while it decodes a picture.
    """
    earlier = aliased(Inbox)
    waits_for_another = exists().where(
        earlier.state == "new",
        earlier.id < Inbox.id,
        earlier.sender_index == Inbox.sender_index,
    )
    query = (
        select(Inbox.id)
        .where(_is_free(tx), ~waits_for_another)
        .order_by(Inbox.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return tx.session.scalar(query)


def read(tx: Transaction, item_id: int) -> InboxItem:
    """Open an item; raises SealBroken."""
    return _item(tx, tx.session.get_one(Inbox, item_id))


def hold(tx: Transaction, item_id: int) -> int | None:
    """Take an item in hand for what is done outside a transaction, and count the try at once.

    Returns how many tries that makes; None if another loop was faster.
    """
    query = select(Inbox).where(Inbox.id == item_id, _is_free(tx)).with_for_update()
    row = tx.session.scalar(query)
    if row is None:
        return None
    row.tries += 1
    row.handled_at = tx.now
    return row.tries


def claim(tx: Transaction, item_id: int) -> bool:
    """Lock an item that was in hand; False if another loop has handled it in the meantime."""
    query = select(Inbox.id).where(Inbox.id == item_id, Inbox.state == "new")
    return tx.session.scalar(query.with_for_update()) is not None


def finish(tx: Transaction, item_id: int) -> None:
    """Mark an item as handled and erase what it said."""
    _settle(tx, item_id, state="done", payload_cipher=None)


def park(tx: Transaction, item_id: int) -> int:
    """Set an item aside for a person to look at, content and all; return its board."""
    _settle(tx, item_id, state="parked")
    return tx.session.get_one(Inbox, item_id).board_id


def count_failure(tx: Transaction, item_id: int) -> int:
    """Count one failed turn of an item, and return how many there were.

    One that was in hand is let go: its try was counted when it was taken. Zero if another loop
    has handled it in the meantime.
    """
    row = tx.session.get_one(Inbox, item_id, with_for_update=True)
    if row.state != "new":
        return 0
    if row.handled_at is None:
        row.tries += 1
    row.handled_at = None
    return row.tries


def sender_of(tx: Transaction, item_id: int) -> tuple[str, str, str] | None:
    """Channel, account and address to answer to; None if the item cannot be opened."""
    try:
        item = read(tx, item_id)
    except SealBroken:
        return None
    return item.channel, item.account, item.sender


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
