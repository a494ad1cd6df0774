"""What a broadcast says, as it is needed to send it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from domain.content import is_emergency
from storage.database import Transaction
from storage.tables import Attachment, Board, Broadcast, School


@dataclass(frozen=True, slots=True)
class Rendering:
    """A frozen broadcast's content and whom it comes from; `sender` is school or board."""

    broadcast_id: int
    board_id: int
    board: str
    school_id: int | None
    sender: str
    purpose: str
    subject: str
    body: str
    emergency: bool
    frozen_at: datetime | None
    version: int
    content_hash: str
    attachment_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StoredPicture:
    id: int
    sha256: str
    media_type: str
    width: int
    height: int
    data: bytes
    preview: bytes


def rendering(tx: Transaction, broadcast_id: int) -> Rendering:
    broadcast = tx.session.get_one(Broadcast, broadcast_id)
    board = tx.session.get_one(Board, broadcast.board_id)
    school = tx.session.get_one(School, broadcast.school_id) if broadcast.school_id else None
    attached = (
        select(Attachment.id)
        .where(Attachment.broadcast_id == broadcast_id)
        .order_by(Attachment.position, Attachment.id)
    )
    return Rendering(
        broadcast_id=broadcast.id,
        board_id=board.id,
        board=board.name,
        school_id=broadcast.school_id,
        sender=school.name if school else board.name,
        purpose=broadcast.purpose,
        subject=broadcast.subject,
        body=broadcast.body,
        emergency=is_emergency(broadcast.options),
        frozen_at=broadcast.frozen_at,
        version=broadcast.version,
        content_hash=broadcast.content_hash,
        attachment_ids=tuple(tx.session.scalars(attached)),
    )


def pictures(tx: Transaction, ids: Sequence[int]) -> tuple[StoredPicture, ...]:
    """Images in the order asked for; one that is gone is left out."""
    if not ids:
        return ()
    rows = {
        row.id: row for row in tx.session.scalars(select(Attachment).where(Attachment.id.in_(ids)))
    }
    return tuple(
        StoredPicture(
            row.id, row.sha256, row.media_type, row.width, row.height, row.data, row.preview
        )
        for row in (rows[picture_id] for picture_id in ids if picture_id in rows)
    )
