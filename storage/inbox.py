"""The inbox: everything that came in, once per provider event, until its turn is over."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, bindparam, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from domain.addresses import normalise_mail
from storage.database import Transaction
from storage.inserts import insert_all_new, insert_if_new
from storage.tables import Inbox
from storage.vault import SealBroken

_PURPOSE = "inbox.payload"
# Longer than the slowest picture takes to fetch and decode; a killed loop's item is free again
# after it.
_HELD = timedelta(minutes=2)
_LONGEST_EVENT_ID = 200


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
    @property
    def media(self) -> str: ...
    @property
    def answer_token(self) -> str: ...
    @property
    def raw(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One thing a person did, taken out of the inbox to be answered.

    `at` is the provider's time of it and `received_at` ours; the rest is as in
    `channels.base.Incoming`.
    """

    id: int
    board_id: int
    channel: str
    account: str
    sender: str
    kind: str
    text: str
    token: str = field(repr=False)
    picture: bytes = field(repr=False)
    tries: int
    at: datetime
    received_at: datetime
    media: str = ""
    answer_token: str = field(default="", repr=False)
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Parked:
    """An item that was set aside; `kind` is empty where its content cannot be opened."""

    id: int
    board_id: int
    channel: str
    account: str
    kind: str
    tries: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SealedItem:
    """An item that was claimed and not opened yet."""

    id: int
    board_id: int
    channel: str
    account: str
    payload_cipher: bytes | None = field(repr=False)
    tries: int
    at: datetime
    received_at: datetime


# What comes in.


def store(tx: Transaction, board_id: int, arrival: Arrival) -> bool:
    """Keep what came in; False if this event of the provider is here already."""
    return insert_if_new(tx, Inbox, **_row(tx, board_id, arrival))


def store_all(tx: Transaction, board_id: int, arrivals: Iterable[Arrival]) -> None:
    """Keep everything that came in with one request; what is here already changes nothing.

    In the order of the event IDs, so that of two requests with the same events one waits for the
    other and not both for each other.
    """
    rows = [_row(tx, board_id, arrival) for arrival in arrivals]
    insert_all_new(tx, Inbox, sorted(rows, key=lambda row: str(row["event_id"])))


def _row(tx: Transaction, board_id: int, arrival: Arrival) -> dict[str, Any]:
    return {
        "board_id": board_id,
        "channel": arrival.channel,
        "account": arrival.account,
        "event_id": _event_id(arrival),
        "sender_index": _sender_index(tx, arrival),
        "payload_cipher": tx.vault.seal_json(_payload(arrival), _PURPOSE),
        "state": "new",
        "tries": 0,
        "at": arrival.at,
        "received_at": tx.now,
    }


def _event_id(arrival: Arrival) -> str:
    """One that no provider gives out, because it does not fit, is known by its digest."""
    event_id = arrival.event_id
    fits = len(event_id) <= _LONGEST_EVENT_ID and "\0" not in event_id
    if fits and _sound(event_id) == event_id:
        return event_id
    return hashlib.sha256(event_id.encode("utf-8", "surrogatepass")).hexdigest()


def _sender_index(tx: Transaction, arrival: Arrival) -> bytes:
    """Whose turn it is; an event of nobody waits for no other."""
    if not arrival.sender:
        return tx.vault.index("event", arrival.channel, arrival.account, _event_id(arrival))
    mail = normalise_mail(arrival.sender)
    address = mail.key if mail else _sound(arrival.sender)
    return tx.vault.index("sender", arrival.channel, arrival.account, address)


def _payload(arrival: Arrival) -> dict[str, str]:
    return {
        "sender": _sound(arrival.sender),
        "kind": arrival.kind,
        "text": _sound(arrival.text),
        "token": _sound(arrival.token),
        "picture": base64.b64encode(arrival.picture).decode(),
        "media": _sound(arrival.media),
        "answer_token": _sound(arrival.answer_token),
        "raw": base64.b64encode(arrival.raw).decode(),
    }


def _sound(text: str) -> str:
    """JSON can spell halves of characters (RFC 8259 §8.2) that can be written in no file."""
    return text.encode("utf-8", "replace").decode()


# Taking it out.

_earlier = aliased(Inbox)
_is_free = and_(
    # New, and in no loop's hands: a new item's `handled_at` is when a loop took it in hand.
    Inbox.state == "new",
    or_(Inbox.handled_at.is_(None), Inbox.handled_at <= bindparam("held_since")),
)
_waits_for_another = exists().where(
    _earlier.sender_index == Inbox.sender_index,
    _earlier.state == "new",
    or_(
        _earlier.at < Inbox.at,
        and_(_earlier.at == Inbox.at, _earlier.id < Inbox.id),
        and_(_earlier.id != Inbox.id, _earlier.handled_at > bindparam("held_since")),
    ),
)
# Made once: putting a statement together takes longer than SQLite takes to answer it.
_ANY_FREE = select(Inbox.id).where(_is_free).limit(1)
_HEADS = (
    select(
        Inbox.id,
        Inbox.board_id,
        Inbox.channel,
        Inbox.account,
        Inbox.payload_cipher,
        Inbox.tries,
        Inbox.at,
        Inbox.received_at,
    )
    .where(_is_free, ~_waits_for_another)
    .order_by(Inbox.id)
    .limit(bindparam("most"))
    .with_for_update(of=Inbox, skip_locked=True)
)


def is_waiting(tx: Transaction) -> bool:
    """Whether there is anything new, asked without taking SQLite's write lock."""
    return tx.session.scalar(_ANY_FREE, {"held_since": tx.now - _HELD}) is not None


def claim_heads(tx: Transaction, most: int = 1) -> list[SealedItem]:
    """Find what is next of so many people, and lock it until the transaction ends.

    One person's items come strictly one after the other, by the provider's times: none is taken
    while an earlier one of the same sender is new or any is in a loop's hands. On PostgreSQL,
    items that another loop holds are skipped; on SQLite the writing transaction itself keeps
    others out. So is what a loop has in hand while it gets a picture.
    """
    rows = tx.session.execute(_HEADS, {"held_since": tx.now - _HELD, "most": most})
    return [SealedItem(*row) for row in rows]


def read(tx: Transaction, item_id: int) -> InboxItem:
    """Open an item; raises SealBroken."""
    return open_item(tx, tx.session.get_one(Inbox, item_id))


def open_item(tx: Transaction, sealed: SealedItem | Inbox) -> InboxItem:
    """Decrypt what a claimed item says; raises SealBroken."""
    payload = tx.vault.open_json(sealed.payload_cipher or b"", _PURPOSE)
    return InboxItem(
        id=sealed.id,
        board_id=sealed.board_id,
        channel=sealed.channel,
        account=sealed.account,
        sender=payload["sender"],
        kind=payload["kind"],
        text=payload["text"],
        token=payload["token"],
        picture=binascii.a2b_base64(payload["picture"]),
        tries=sealed.tries,
        at=sealed.at,
        received_at=sealed.received_at,
        # An item of an earlier version lacks these.
        media=payload.get("media", ""),
        answer_token=payload.get("answer_token", ""),
        raw=binascii.a2b_base64(payload.get("raw", "")),
    )


# Items that take longer.


def hold(tx: Transaction, item_id: int) -> int | None:
    """Take an item in hand for what is done outside a transaction, and count the try at once.

    Returns how many tries that makes; None if another loop was faster.
    """
    query = select(Inbox).where(Inbox.id == item_id, _is_free).with_for_update()
    row = tx.session.scalar(query, {"held_since": tx.now - _HELD})
    if row is None:
        return None
    row.tries += 1
    row.handled_at = tx.now
    return row.tries


def hold_back(tx: Transaction, item_id: int, pause: timedelta) -> None:
    """Let an item that was in hand, and its sender's later ones, wait before the next try."""
    until_then = tx.now + pause - _HELD
    still_new = update(Inbox).where(Inbox.id == item_id, Inbox.state == "new")
    tx.session.execute(still_new.values(handled_at=until_then))


def claim(tx: Transaction, item_id: int) -> bool:
    """Lock an item that was in hand; False if another loop has handled it in the meantime."""
    query = select(Inbox.id).where(Inbox.id == item_id, Inbox.state == "new")
    return tx.session.scalar(query.with_for_update()) is not None


# How it ends.


def finish(tx: Transaction, item_ids: Collection[int]) -> None:
    """Mark items as handled and erase what they said; one that was set aside stays so."""
    _settle(tx, item_ids, state="done", payload_cipher=None)


def park(tx: Transaction, item_id: int) -> int:
    """Set an item aside for a person to look at, content and all; return its board."""
    _settle(tx, [item_id], state="parked")
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
    """Channel, account and address to answer to; None if it cannot be opened or is nobody's."""
    try:
        item = read(tx, item_id)
    except SealBroken:
        return None
    return (item.channel, item.account, item.sender) if item.sender else None


def count(tx: Transaction, state: str) -> int:
    """How many items are in a state (new, done, parked)."""
    query = select(func.count()).select_from(Inbox).where(Inbox.state == state)
    return tx.session.scalar(query) or 0


# What was set aside.


def parked(tx: Transaction) -> list[Parked]:
    """Everything that was set aside, the oldest first."""
    rows = tx.session.scalars(select(Inbox).where(Inbox.state == "parked").order_by(Inbox.id))
    return [_parked(tx, row) for row in rows]


def find_parked(tx: Transaction, item_id: int, *, lock: bool = False) -> Parked | None:
    """One item, if it is set aside; with `lock` nobody else has it until the transaction ends."""
    query = select(Inbox).where(Inbox.id == item_id, Inbox.state == "parked")
    row = tx.session.scalar(query.with_for_update() if lock else query)
    return None if row is None else _parked(tx, row)


def _parked(tx: Transaction, row: Inbox) -> Parked:
    try:
        kind = open_item(tx, row).kind
    except SealBroken:
        kind = ""
    return Parked(row.id, row.board_id, row.channel, row.account, kind, row.tries, row.received_at)


def unpark(tx: Transaction, item_id: int, arrival: Arrival | None = None) -> None:
    """Have an item that was set aside be taken again; as `arrival`, if it is now understood."""
    row = tx.session.get_one(Inbox, item_id)
    if arrival is not None:
        row.sender_index = _sender_index(tx, arrival)
        row.payload_cipher = tx.vault.seal_json(_payload(arrival), _PURPOSE)
    row.state, row.tries, row.handled_at = "new", 0, None


def dismiss(tx: Transaction, item_id: int) -> None:
    """Be done with an item that was set aside, and erase what it said."""
    row = tx.session.get_one(Inbox, item_id)
    row.state, row.payload_cipher, row.handled_at = "done", None, tx.now


def _settle(tx: Transaction, item_ids: Collection[int], **values: object) -> None:
    still_new = update(Inbox).where(Inbox.id.in_(item_ids), Inbox.state == "new")
    settled = still_new.values(handled_at=tx.now, **values)
    tx.session.execute(settled.execution_options(synchronize_session=False))
