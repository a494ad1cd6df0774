"""Images of one broadcast copied for another: each has its own, which nothing else changes."""

from __future__ import annotations

from sqlalchemy import insert, literal, select

from storage.database import Transaction
from storage.tables import Attachment


def copy_attachments(tx: Transaction, broadcast_id: int) -> tuple[int, ...]:
    """Copies that no broadcast has taken up yet, in the order of the originals."""
    copied = (
        Attachment.board_id,
        Attachment.position,
        Attachment.sha256,
        Attachment.media_type,
        Attachment.width,
        Attachment.height,
        Attachment.data,
        Attachment.preview,
    )
    names = [*(column.key for column in copied), "created_at"]
    moment = literal(tx.now, Attachment.created_at.type)
    rows = select(*copied, moment).where(Attachment.broadcast_id == broadcast_id)
    statement = insert(Attachment).from_select(names, rows)
    made = tx.session.execute(statement.returning(Attachment.position, Attachment.id)).tuples()
    return tuple(number for _, number in sorted(made))
