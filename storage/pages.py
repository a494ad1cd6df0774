"""What the pages behind personal links show: one message, leaving, and the bytes of images."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from domain.broadcasts import Relation, State
from domain.copies import Origin
from storage import broadcasts, renderings
from storage.database import Transaction
from storage.opt_outs import opted_out
from storage.tables import Attachment, Board, Broadcast, ContactPoint, Delivery, School
from storage.webchat import PictureRef, attached

# What was sent, even if it was taken back since: before that there is nothing to show.
_SENT = (State.SENDING.value, State.SENT.value, State.WITHDRAWN.value)
_FOLLOWING = (Relation.CORRECTION, Relation.REPLACEMENT)
_OUT = (State.SENDING, State.SENT)


@dataclass(frozen=True, slots=True)
class Following:
    """The correction or replacement that went out after a broadcast.

    `delivery_id` is the reader's own copy of it, if they have one and came by their own link.
    """

    relation: Relation
    broadcast_id: int
    delivery_id: int | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One broadcast as its reader sees it; `contact_point_id` and `language` are those of the
    recipient behind a personal link, and none on the broadcast's own page.

    Of one that was withdrawn there is neither subject nor text nor picture. `origin` is what it
    follows, `following` what follows it.
    """

    contact_point_id: int | None
    language: str | None
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
    withdrawn_at: datetime | None
    origin: Origin | None
    following: Following | None


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
    return _page(tx, *row) if row is not None else None


def broadcast_page(tx: Transaction, broadcast_id: int) -> MessagePage | None:
    """A broadcast's own page, the same for all; None if it was not sent."""
    query = (
        select(Broadcast, Board, School)
        .join(Board, Board.id == Broadcast.board_id)
        .outerjoin(School, School.id == Broadcast.school_id)
        .where(Broadcast.id == broadcast_id, Broadcast.state.in_(_SENT))
    )
    row = tx.session.execute(query).one_or_none()
    return _page(tx, *row) if row is not None else None


def delivery_to(tx: Transaction, broadcast_id: int, contact_point_id: int) -> int | None:
    """The delivery of a broadcast to a contact point, whatever became of it."""
    query = select(Delivery.id).where(
        Delivery.broadcast_id == broadcast_id, Delivery.contact_point_id == contact_point_id
    )
    return tx.session.scalar(query)


def _page(
    tx: Transaction,
    broadcast: Broadcast,
    board: Board,
    school: School | None,
    contact: ContactPoint | None = None,
) -> MessagePage:
    is_withdrawn = broadcast.state == State.WITHDRAWN
    return MessagePage(
        contact_point_id=contact.id if contact else None,
        language=contact.language if contact else None,
        board=board.name,
        zone=board.zone,
        school_id=broadcast.school_id,
        school=school.name if school else "",
        sent_at=broadcast.frozen_at or broadcast.updated_at,
        state=broadcast.state,
        purpose=broadcast.purpose,
        subject="" if is_withdrawn else broadcast.subject,
        body="" if is_withdrawn else broadcast.body,
        valid_until=broadcast.valid_until,
        pictures=() if is_withdrawn else attached(tx, [broadcast.id]).get(broadcast.id, ()),
        withdrawn_at=broadcast.withdrawn_at,
        origin=None if is_withdrawn else renderings.origins(tx, [broadcast]).get(broadcast.id),
        following=_following(tx, broadcast, contact),
    )


def _following(
    tx: Transaction, broadcast: Broadcast, contact: ContactPoint | None
) -> Following | None:
    newest = next(iter(broadcasts.follow_ups_of(tx, broadcast.id, _FOLLOWING, _OUT)), None)
    if newest is None:
        return None
    theirs = delivery_to(tx, newest.id, contact.id) if contact else None
    return Following(Relation(newest.relation), newest.id, theirs)


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
    """The bytes of an image, or of its preview, which is always a JPEG; None once withdrawn."""
    column = Attachment.preview if small else Attachment.data
    withdrawn = select(Broadcast.id).where(
        Broadcast.id == Attachment.broadcast_id, Broadcast.state == State.WITHDRAWN.value
    )
    query = select(column, Attachment.media_type).where(
        Attachment.id == picture_id, ~withdrawn.exists()
    )
    row = tx.session.execute(query).one_or_none()
    if row is None:
        return None
    return PictureFile(row[0], "image/jpeg" if small else row[1])
