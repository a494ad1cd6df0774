"""What a chat page shows to one contact point, and the receipts that say it was displayed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Row, func, select, update

from domain.cards import CardRef, mark_of
from domain.content import is_emergency, wants_confirmation
from domain.copies import Origin
from domain.speech import Speech
from storage import confirmations, renderings, replies
from storage.database import Transaction
from storage.people import address_index
from storage.tables import (
    Attachment,
    Board,
    Broadcast,
    ContactPoint,
    Delivery,
    Reply,
    School,
)
from storage.vault import SealBroken

_READY = ("placed", "accepted")
_REPLY_READY = ("new", "done")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the page of a contact point has come; it changes with whatever it would show."""

    contact_point_id: int
    language: str
    last_reply: int
    last_notice: int
    notices: int
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """A reply of a conversation; `fresh` until its display was reported."""

    id: int
    at: datetime
    fresh: bool
    speech: Speech


@dataclass(frozen=True, slots=True)
class PictureRef:
    """An image as a page needs it: its bytes are fetched by a URL of their own."""

    id: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A broadcast as it lies ready for one contact point, under the delivery's ID.

    `asks` is whether they are asked to confirm it, `confirmed` whether they have; `origin` is what
    it follows, `sender` whose it is: the school's, or the board's where there is no school.
    """

    id: int
    ref: CardRef
    at: datetime
    fresh: bool
    school: str
    sender: str
    emergency: bool
    asks: bool
    confirmed: bool
    origin: Origin | None
    verify_code: str | None
    purpose: str
    state: str
    subject: str
    body: str
    valid_until: datetime | None
    pictures: tuple[PictureRef, ...]


def mark(tx: Transaction, channel: str, account: str, address: str) -> Mark | None:
    """The mark of an address in one query; None if it never said anything."""
    index = address_index(tx, channel, account, address)
    contact_id = ContactPoint.id
    # Counted too: on PostgreSQL a lower ID may be committed after a higher one was seen.
    replied = select(func.max(Reply.id) + func.count(Reply.id)).where(
        Reply.contact_point_id == contact_id
    )
    ready = (Delivery.contact_point_id == contact_id) & Delivery.state.in_(_READY)
    query = select(
        contact_id,
        ContactPoint.language,
        replied.scalar_subquery(),
        select(func.max(Delivery.id)).where(ready).scalar_subquery(),
        select(func.count(Delivery.id)).where(ready).scalar_subquery(),
        select(func.max(Broadcast.updated_at))
        .join(Delivery, Delivery.broadcast_id == Broadcast.id)
        .where(ready)
        .scalar_subquery(),
    ).where(
        ContactPoint.channel == channel,
        ContactPoint.account == account,
        ContactPoint.address_index == index,
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        return None
    number, language, last_reply, last_notice, notices, changed_at = row
    return Mark(number, language, last_reply or 0, last_notice or 0, notices, changed_at)


def spoken(tx: Transaction, contact_point_id: int, limit: int) -> list[Spoken]:
    """The newest replies, oldest first."""
    query = (
        select(Reply)
        .where(Reply.contact_point_id == contact_point_id, Reply.state.in_(_REPLY_READY))
        .order_by(Reply.id.desc())
        .limit(limit)
    )
    rows = reversed(tx.session.scalars(query).all())
    return [each for row in rows if (each := _spoken(tx, row))]


def _spoken(tx: Transaction, row: Reply) -> Spoken | None:
    """None for a reply that cannot be decrypted any more: the others are shown all the same."""
    try:
        speech = replies.open_speech(tx, row)
    except SealBroken:
        return None
    return Spoken(row.id, row.created_at, row.state == "new", speech)


def notices(tx: Transaction, contact_point_id: int, limit: int) -> list[Notice]:
    """The newest broadcasts that lie ready or were displayed, oldest first."""
    query = (
        select(Delivery.id, Delivery.state, Broadcast, School.name, Board.name)
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .join(Board, Board.id == Broadcast.board_id)
        .outerjoin(School, School.id == Broadcast.school_id)
        .where(Delivery.contact_point_id == contact_point_id, Delivery.state.in_(_READY))
        .order_by(Delivery.id.desc())
        .limit(limit)
    )
    rows = list(reversed(tx.session.execute(query).all()))
    sent = [row.Broadcast for row in rows]
    ids = {each.id for each in sent}
    beside = _Beside(
        attached(tx, ids),
        renderings.origins(tx, sent),
        confirmations.confirmed_at(tx, contact_point_id, ids),
    )
    return [_notice(row, beside) for row in rows]


@dataclass(frozen=True, slots=True)
class _Beside:
    """What else there is of broadcasts, by their numbers."""

    pictures: Mapping[int, tuple[PictureRef, ...]]
    origins: Mapping[int, Origin]
    confirmed: Collection[int]


def _notice(row: Row[tuple[int, str, Broadcast, str, str]], beside: _Beside) -> Notice:
    number, delivery_state, broadcast, school, board = row
    return Notice(
        id=number,
        ref=CardRef(broadcast.id, broadcast.version, mark_of(broadcast.content_hash)),
        at=broadcast.frozen_at or broadcast.due_at or broadcast.updated_at,
        fresh=delivery_state == "placed",
        school=school or "",
        sender=school or board,
        emergency=is_emergency(broadcast.options),
        asks=wants_confirmation(broadcast.options),
        confirmed=broadcast.id in beside.confirmed,
        origin=beside.origins.get(broadcast.id),
        verify_code=broadcast.verify_code,
        purpose=broadcast.purpose,
        state=broadcast.state,
        subject=broadcast.subject,
        body=broadcast.body,
        valid_until=broadcast.valid_until,
        pictures=beside.pictures.get(broadcast.id, ()),
    )


_PICTURE = (Attachment.id, Attachment.width, Attachment.height)


def attached(tx: Transaction, broadcast_ids: Collection[int]) -> dict[int, tuple[PictureRef, ...]]:
    """The images of broadcasts, in order, without their bytes."""
    query = (
        select(Attachment.broadcast_id, *_PICTURE)
        .where(Attachment.broadcast_id.in_(broadcast_ids))
        .order_by(Attachment.broadcast_id, Attachment.position, Attachment.id)
    )
    found = groupby(tx.session.execute(query), key=lambda row: row[0])
    return {number: tuple(PictureRef(*row[1:]) for row in rows) for number, rows in found}


def pictures(tx: Transaction, ids: Collection[int]) -> dict[int, PictureRef]:
    """Images by ID, without their bytes."""
    query = select(*_PICTURE).where(Attachment.id.in_(ids))
    return {row[0]: PictureRef(*row) for row in tx.session.execute(query)}


def displayed(tx: Transaction, contact_point_id: int, reply_ids: Sequence[int]) -> None:
    """Settle the replies that this contact point's page showed; those of others stay as is."""
    tx.session.execute(
        update(Reply)
        .where(
            Reply.id.in_(reply_ids),
            Reply.contact_point_id == contact_point_id,
            Reply.state == "new",
        )
        .values(state="done")
    )
