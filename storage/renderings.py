"""What a broadcast says, as it is needed to send it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from domain import follow_ups
from domain.broadcasts import Relation
from domain.content import is_emergency, wants_confirmation
from domain.copies import Origin
from storage.database import Transaction
from storage.tables import Attachment, Board, Broadcast, School


@dataclass(frozen=True, slots=True)
class Rendering:
    """A frozen broadcast's content and whom it comes from; `sender` is school or board.

    `asks` is whether its readers are asked to confirm it, `origin` what it follows.
    """

    broadcast_id: int
    board_id: int
    board: str
    zone: str
    school_id: int | None
    sender: str
    purpose: str
    subject: str
    body: str
    emergency: bool
    asks: bool
    origin: Origin | None
    verify_code: str | None
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
        zone=board.zone,
        school_id=broadcast.school_id,
        sender=school.name if school else board.name,
        purpose=broadcast.purpose,
        subject=broadcast.subject,
        body=broadcast.body,
        emergency=is_emergency(broadcast.options),
        asks=wants_confirmation(broadcast.options),
        origin=origins(tx, [broadcast]).get(broadcast.id),
        verify_code=broadcast.verify_code,
        frozen_at=broadcast.frozen_at,
        version=broadcast.version,
        content_hash=broadcast.content_hash,
        attachment_ids=tuple(tx.session.scalars(attached)),
    )


def origins(tx: Transaction, rows: Iterable[Broadcast]) -> dict[int, Origin]:
    """What broadcasts follow, by their own numbers; those that follow none are left out."""
    follows = {row.id: found for row in rows if (found := follow_ups.read(row.options))}
    if not follows:
        return {}
    ids = {each.origin_id for each in follows.values()}
    earlier = {one.id: one for one in tx.session.scalars(_with_ids(ids))}
    return {
        number: _origin(each.relation, earlier[each.origin_id])
        for number, each in follows.items()
        if each.origin_id in earlier and earlier[each.origin_id].frozen_at
    }


def _with_ids(ids: Collection[int]) -> Select[tuple[Broadcast]]:
    return select(Broadcast).where(Broadcast.id.in_(ids))


def _origin(relation: Relation, earlier: Broadcast) -> Origin:
    return Origin(relation, earlier.subject, earlier.frozen_at or earlier.created_at)


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
