"""What the pages behind personal links show: one message, leaving, and the bytes of images."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from storage.database import Transaction
from storage.people import opted_out
from storage.tables import Attachment, Board, Broadcast, ContactPoint, Delivery, School
from storage.webchat import PictureRef, attached


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One broadcast as its recipient sees it behind a personal link."""

    contact_point_id: int
    language: str
    board: str
    zone: str
    school_id: int | None
    school: str
    sent_at: datetime
    state: str
    purpose: str
    subject: str
    body: str
    valid_until: datetime | None
    pictures: tuple[PictureRef, ...]


@dataclass(frozen=True, slots=True)
class LeavePage:
    """Who leaves what: the school's name (empty for city-wide) and whether it is left now."""

    board: str
    school: str
    left: bool
    language: str


@dataclass(frozen=True, slots=True)
class PictureFile:
    data: bytes
    media_type: str


def message_page(tx: Transaction, delivery_id: int) -> MessagePage | None:
    """The page of a delivery; None if there is no such delivery or nothing was sent yet."""
    query = (
        select(Broadcast, Board, School, ContactPoint)
        .select_from(Delivery)
        .join(Broadcast, Broadcast.id == Delivery.broadcast_id)
        .join(Board, Board.id == Broadcast.board_id)
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .outerjoin(School, School.id == Broadcast.school_id)
        .where(Delivery.id == delivery_id)
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        return None
    broadcast, board, school, contact = row
    return MessagePage(
        contact_point_id=contact.id,
        language=contact.language,
        board=board.name,
        zone=board.zone,
        school_id=broadcast.school_id,
        school=school.name if school else "",
        sent_at=broadcast.frozen_at or broadcast.updated_at,
        state=broadcast.state,
        purpose=broadcast.purpose,
        subject=broadcast.subject,
        body=broadcast.body,
        valid_until=broadcast.valid_until,
        pictures=attached(tx, [broadcast.id]).get(broadcast.id, ()),
    )


def leave_page(tx: Transaction, contact_point_id: int, school_id: int) -> LeavePage | None:
    """What the link to leave is about; `school_id` 0 stands for city-wide broadcasts."""
    contact = tx.session.get(ContactPoint, contact_point_id)
    school = tx.session.get(School, school_id) if school_id else None
    if contact is None or (school_id and school is None):
        return None
    board = tx.session.get_one(Board, contact.board_id)
    return LeavePage(
        board=board.name,
        school=school.name if school else "",
        left=school_id in opted_out(tx, contact_point_id),
        language=contact.language,
    )


def picture_file(tx: Transaction, picture_id: int, small: bool) -> PictureFile | None:
    """The bytes of an image, or of its preview, which is always a JPEG."""
    column = Attachment.preview if small else Attachment.data
    query = select(column, Attachment.media_type).where(Attachment.id == picture_id)
    row = tx.session.execute(query).one_or_none()
    if row is None:
        return None
    return PictureFile(row[0], "image/jpeg" if small else row[1])
