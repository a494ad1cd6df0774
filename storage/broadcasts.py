"""Broadcasts with their images, and the compare-and-swap by which they change state."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import CursorResult, delete, or_, select, update

from domain import follow_ups
from domain.audience import parts_from_json, parts_to_json
from domain.broadcasts import Purpose, Relation, State, Verb, next_state
from domain.content import Content, content_hash, image_digest
from domain.verification import make_verify_code
from storage.database import Transaction
from storage.tables import Attachment, Broadcast

if TYPE_CHECKING:
    from domain.images import PreparedImage


def find(tx: Transaction, broadcast_id: int) -> Broadcast | None:
    """A broadcast as the database has it now, whatever this transaction read before."""
    query = select(Broadcast).where(Broadcast.id == broadcast_id)
    return tx.session.scalar(query.execution_options(populate_existing=True))


def broadcast(tx: Transaction, broadcast_id: int) -> Broadcast:
    """A broadcast that is known to exist; raises LookupError."""
    row = find(tx, broadcast_id)
    if row is None:
        raise LookupError(f"no broadcast {broadcast_id}")
    return row


def lock(tx: Transaction, broadcast_id: int) -> Broadcast | None:
    """A broadcast that nobody else changes until this transaction ends."""
    query = select(Broadcast).where(Broadcast.id == broadcast_id).with_for_update()
    return tx.session.scalar(query.execution_options(populate_existing=True))


def newest(tx: Transaction, board_id: int, limit: int = 100) -> Sequence[Broadcast]:
    """The newest broadcasts of a board."""
    query = select(Broadcast).where(Broadcast.board_id == board_id)
    return tx.session.scalars(query.order_by(Broadcast.id.desc()).limit(limit)).all()


def pending_of(tx: Transaction, board_id: int, school_id: int | None) -> Sequence[Broadcast]:
    """What waits for a decision at a school, or for the city (None), oldest first."""
    column = Broadcast.school_id
    at_school = column.is_(None) if school_id is None else column == school_id
    query = select(Broadcast).where(
        Broadcast.board_id == board_id, at_school, Broadcast.state == State.PENDING.value
    )
    return tx.session.scalars(query.order_by(Broadcast.id)).all()


def of_places(
    tx: Transaction,
    board_id: int,
    places: Collection[int | None],
    states: Collection[State],
    since: datetime,
) -> Sequence[Broadcast]:
    """The broadcasts of schools (None: of the city) in these states, changed since then, newest
    first.
    """
    at_schools = Broadcast.school_id.in_([place for place in places if place is not None])
    here = or_(at_schools, Broadcast.school_id.is_(None)) if None in places else at_schools
    query = select(Broadcast).where(
        Broadcast.board_id == board_id,
        here,
        Broadcast.state.in_([state.value for state in states]),
        Broadcast.updated_at >= since,
    )
    return tx.session.scalars(query.order_by(Broadcast.id.desc())).all()


def follow_ups_of(
    tx: Transaction,
    origin_id: int,
    relations: Collection[Relation],
    states: Collection[State],
) -> Sequence[Broadcast]:
    """What follows a broadcast so and is in one of these states, newest first."""
    query = select(Broadcast).where(
        Broadcast.origin_id == origin_id,
        Broadcast.relation.in_([relation.value for relation in relations]),
        Broadcast.state.in_([state.value for state in states]),
    )
    return tx.session.scalars(query.order_by(Broadcast.id.desc())).all()


def by_verify_code(tx: Transaction, board_id: int, code: str) -> Broadcast | None:
    query = select(Broadcast).where(Broadcast.verify_code == code, Broadcast.board_id == board_id)
    return tx.session.scalar(query)


# Content.


def content_of(tx: Transaction, row: Broadcast) -> Content:
    """What people would receive, read from the rows and the images' bytes themselves."""
    return Content(
        purpose=Purpose(row.purpose),
        subject=row.subject,
        body=row.body,
        audience=parts_from_json(row.audience),
        send_at=row.send_at,
        valid_until=row.valid_until,
        images=tuple(_digest(image) for image in attachments_of(tx, row.id)),
        options=row.options,
    )


def hash_now(tx: Transaction, row: Broadcast) -> str:
    """The hash of the content as it stands in the rows, not the one noted when it was saved."""
    return content_hash(row.school_id, content_of(tx, row))


def add(
    tx: Transaction, board_id: int, school_id: int | None, author_id: int, content: Content
) -> Broadcast:
    row = Broadcast(
        board_id=board_id,
        school_id=school_id,
        state=State.DRAFT.value,
        version=0,
        author_ids=[],
        verify_code=_new_verify_code(tx),
        created_at=tx.now,
    )
    _write(tx, row, author_id, content)
    tx.session.add(row)
    tx.flush()
    return row


def _new_verify_code(tx: Transaction) -> str:
    """One that no broadcast of any board has."""
    while True:
        code = make_verify_code(secrets.choice)
        if tx.session.scalar(select(Broadcast.id).where(Broadcast.verify_code == code)) is None:
            return code


def rewrite(tx: Transaction, row: Broadcast, author_id: int, content: Content) -> None:
    """Put new content into a broadcast, which makes it a draft again.

    All that earlier versions were granted is forgotten here; the audit chain remembers it.
    """
    row.state = state_after(row, Verb.EDIT).value
    _write(tx, row, author_id, content)
    row.submitted_by = row.decided_by = row.decided_at = None
    row.due_at = row.approved_families = row.approved_audience = None
    row.reason = ""
    tx.flush()


def _write(tx: Transaction, row: Broadcast, author_id: int, content: Content) -> None:
    row.version += 1
    row.purpose = content.purpose.value
    row.subject = content.subject
    row.body = content.body
    row.audience = parts_to_json(content.audience)
    row.options = dict(content.options)
    row.send_at = content.send_at
    row.valid_until = content.valid_until
    row.content_hash = content_hash(row.school_id, content)
    row.author_ids = sorted({*row.author_ids, author_id})
    row.updated_at = tx.now
    if follows := follow_ups.read(content.options):
        row.relation, row.origin_id = follows.relation.value, follows.origin_id


# Moves.


def state_after(row: Broadcast, verb: Verb) -> State:
    """Where a verb leads from a broadcast's state; raises ValueError where it is refused."""
    to = next_state(State(row.state), verb)
    if to is None:
        raise ValueError(f"no {verb.value} of a broadcast that is {row.state}")
    return to


def move(tx: Transaction, row: Broadcast, to: State, expected_hash: str, **values: Any) -> bool:
    """Change the state if state, version and hash are still those of `row`; False if not.

    On PostgreSQL the update waits for whoever is changing the row, and then looks again.
    """
    tx.flush()
    statement = (
        update(Broadcast)
        .where(
            Broadcast.id == row.id,
            Broadcast.state == row.state,
            Broadcast.version == row.version,
            Broadcast.content_hash == expected_hash,
        )
        .values(state=to.value, updated_at=tx.now, **values)
        .execution_options(synchronize_session=False)
    )
    result = cast(CursorResult[Any], tx.session.execute(statement))
    tx.session.refresh(row)
    return result.rowcount == 1


def ask_again(tx: Transaction, row: Broadcast, families: int) -> None:
    """Back to pending under a new version, with the number of families now to be approved."""
    row.state = state_after(row, Verb.OUTGROW).value
    row.version += 1
    row.approved_families = families
    row.decided_by = row.decided_at = row.due_at = row.frozen_at = None
    row.updated_at = tx.now
    tx.flush()


# Images.


def add_attachment(tx: Transaction, board_id: int, image: PreparedImage) -> Attachment:
    row = Attachment(
        board_id=board_id,
        sha256=image.sha256,
        media_type=image.media_type,
        width=image.width,
        height=image.height,
        data=image.data,
        preview=image.preview,
        created_at=tx.now,
    )
    tx.session.add(row)
    tx.flush()
    return row


def attachments_of(tx: Transaction, broadcast_id: int) -> Sequence[Attachment]:
    query = select(Attachment).where(Attachment.broadcast_id == broadcast_id)
    ordered = query.order_by(Attachment.position, Attachment.id)
    return tx.session.scalars(ordered.execution_options(populate_existing=True)).all()


def attachment_ids(tx: Transaction, broadcast_id: int) -> tuple[int, ...]:
    """The images of a broadcast in order, without reading their bytes."""
    query = select(Attachment.id).where(Attachment.broadcast_id == broadcast_id)
    return tuple(tx.session.scalars(query.order_by(Attachment.position, Attachment.id)))


def usable_attachments(
    tx: Transaction, board_id: int, ids: Sequence[int], broadcast_id: int | None
) -> tuple[str, ...] | None:
    """Digests of images that are free or this broadcast's already; None if one is neither."""
    query = select(Attachment).where(Attachment.id.in_(ids), Attachment.board_id == board_id)
    rows = {row.id: row for row in tx.session.scalars(query)}
    if any(i not in rows or rows[i].broadcast_id not in (None, broadcast_id) for i in ids):
        return None
    return tuple(_digest(rows[i]) for i in ids)


def set_attachments(tx: Transaction, broadcast_id: int, ids: Sequence[int]) -> None:
    """Hang exactly these images on a broadcast, in this order."""
    of_it = Attachment.broadcast_id == broadcast_id
    free = update(Attachment).where(of_it, Attachment.id.not_in(ids)).values(broadcast_id=None)
    tx.session.execute(free)
    for position, attachment_id in enumerate(ids):
        tx.session.execute(
            update(Attachment)
            .where(Attachment.id == attachment_id)
            .values(broadcast_id=broadcast_id, position=position)
        )


def erase_loose_attachments(tx: Transaction, before: datetime) -> int:
    """Erase images that no broadcast took up, sent before a moment; return how many."""
    loose = Attachment.broadcast_id.is_(None), Attachment.created_at < before
    statement = delete(Attachment).where(*loose).execution_options(synchronize_session=False)
    return cast(CursorResult[Any], tx.session.execute(statement)).rowcount


def _digest(image: Attachment) -> str:
    return image_digest(image.media_type, image.data, image.preview)
