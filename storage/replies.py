"""Replies: answers within a conversation, encrypted until they have left."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Select, exists, select, text, update
from sqlalchemy.orm import aliased

from domain.speech import Speech
from storage.database import Transaction
from storage.tables import ContactPoint, Reply
from storage.vault import SealBroken

_PURPOSE = "replies.payload"
# Any fixed number will do: it names this lock among PostgreSQL's advisory locks.
_CLAIM_LOCK = 7_266_001


@dataclass(frozen=True, slots=True)
class ClaimedReply:
    """A reply handed to one sender until `hold` is over; `inbox_id` is what it answers."""

    id: int
    contact_point_id: int
    channel: str
    account: str
    language: str
    inbox_id: int | None
    tries: int
    created_at: datetime
    speech: Speech


def queue(
    tx: Transaction, contact_point_id: int, speech: Speech, inbox_id: int | None = None
) -> None:
    """Put a reply where the replies thread (or the web chat page) finds it."""
    contact = tx.session.get_one(ContactPoint, contact_point_id)
    tx.session.add(
        Reply(
            board_id=contact.board_id,
            contact_point_id=contact_point_id,
            inbox_id=inbox_id,
            payload_cipher=tx.vault.seal_json(speech.to_json(), _PURPOSE),
            state="new",
            not_before=tx.now,
            created_at=tx.now,
        )
    )
    # At once, so that the replies to one person get their IDs in the order of speaking.
    tx.session.flush()


def open_speech(tx: Transaction, reply: Reply) -> Speech:
    """What a stored reply says; raises SealBroken."""
    return Speech.from_json(tx.vault.open_json(reply.payload_cipher, _PURPOSE))


def claim(
    tx: Transaction, channels: tuple[str, ...], hold: timedelta, limit: int = 20
) -> list[ClaimedReply]:
    """Take the oldest replies that are due on these channels, and keep others off them.

    One that is neither settled, put off nor kept within `hold` becomes due again. A person's
    replies keep their order: only the oldest that is not settled is ever taken.
    """
    _one_claim_at_a_time(tx)
    rows = tx.session.execute(_due(tx, channels, limit)).tuples().all()
    return [taken for reply, contact in rows if (taken := _taken(tx, reply, contact, hold))]


def any_due(tx: Transaction, channels: tuple[str, ...]) -> bool:
    """Whether a claim would get something; asked without the write lock."""
    return tx.session.execute(_due(tx, channels, 1)).first() is not None


def keep(tx: Transaction, reply_ids: Collection[int], hold: timedelta) -> None:
    """Go on keeping others off replies that take longer than `hold`."""
    still = update(Reply).where(Reply.id.in_(reply_ids), Reply.state == "new")
    tx.session.execute(still.values(not_before=tx.now + hold))


def settle(tx: Transaction, reply_id: int, state: Literal["done", "refused", "unknown"]) -> None:
    """Record what became of a reply."""
    tx.session.execute(update(Reply).where(Reply.id == reply_id).values(state=state))


def put_off(tx: Transaction, reply_id: int, until: datetime) -> None:
    """Let a reply be tried again at a later time."""
    tx.session.execute(update(Reply).where(Reply.id == reply_id).values(not_before=until))


def _one_claim_at_a_time(tx: Transaction) -> None:
    # Two claims that skip each other's locked rows could take one person's replies out of order.
    if tx.session.get_bind().dialect.name == "postgresql":
        tx.session.execute(text(f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})"))


def _due(
    tx: Transaction, channels: tuple[str, ...], limit: int
) -> Select[tuple[Reply, ContactPoint]]:
    earlier = aliased(Reply)
    held_up = exists().where(
        earlier.contact_point_id == Reply.contact_point_id,
        earlier.id < Reply.id,
        earlier.state == "new",
    )
    return (
        select(Reply, ContactPoint)
        .join(ContactPoint, ContactPoint.id == Reply.contact_point_id)
        .where(Reply.state == "new", Reply.not_before <= tx.now, ~held_up)
        .where(ContactPoint.channel.in_(channels))
        .order_by(Reply.id)
        .limit(limit)
    )


def _taken(
    tx: Transaction, reply: Reply, contact: ContactPoint, hold: timedelta
) -> ClaimedReply | None:
    """One that cannot be decrypted any more is given up, so that it holds up nobody's."""
    try:
        speech = open_speech(tx, reply)
    except SealBroken:
        reply.state = "refused"
        return None
    reply.not_before = tx.now + hold
    reply.tries += 1
    return _claimed(reply, contact, speech)


def _claimed(reply: Reply, contact: ContactPoint, speech: Speech) -> ClaimedReply:
    return ClaimedReply(
        id=reply.id,
        contact_point_id=contact.id,
        channel=contact.channel,
        account=contact.account,
        language=contact.language,
        inbox_id=reply.inbox_id,
        tries=reply.tries,
        created_at=reply.created_at,
        speech=speech,
    )
