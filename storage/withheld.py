"""What a stopped destination keeps from families: put back where it refused them, let go again.

A carrier that shuts us out calls everybody unknown until its lane stops (domain.breaker).  Whom
it refused meanwhile waits with all others there, unless they were reached by another way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain.breaker import LANE_STOPPED
from domain.broadcasts import State as Sending
from domain.deliveries import State
from domain.lanes import OTHER, RELAY
from domain.suppression import UNKNOWN_USER
from storage import broadcasts, chunks, suppressions
from storage.chunks import OPEN_ROW, READY
from storage.database import Transaction
from storage.people import MAIL
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Chunk,
    ContactPoint,
    Delivery,
    GuardianContact,
)

# As long as what waits for a stopped lane waits otherwise (channels.email.route).
_LATER = timedelta(minutes=10)
# Until then every worker knows that a lane goes on (delivery.lanes looks every two seconds).
_KNOWN = timedelta(seconds=4)


def put_back(tx: Transaction, site: str, since: datetime) -> int:
    """Have those wait whom a destination called unknown since then; returns how many.

    Only in broadcasts that are under way: who was not reached by another gets it by 再送.
    """
    sending = select(Broadcast.id).where(Broadcast.state == Sending.SENDING.value)
    count = 0
    for broadcast_id in tx.session.scalars(sending.order_by(Broadcast.id)).all():
        row = broadcasts.lock(tx, broadcast_id)
        if row is not None and row.state == Sending.SENDING.value:
            count += _put_back(tx, broadcast_id, site, since)
    return count


def _put_back(tx: Transaction, broadcast_id: int, site: str, since: datetime) -> int:
    query = (
        select(Delivery.id, Delivery.chunk_id, ContactPoint)
        .join(Chunk, Chunk.id == Delivery.chunk_id)
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .where(
            Delivery.broadcast_id == broadcast_id,
            *_refused(since),
            Chunk.channel == MAIL,
            Chunk.deadline > tx.now,
            _is_waited_for(),
        )
    )
    by_chunk: defaultdict[int, list[int]] = defaultdict(list)
    for delivery_id, chunk_id, point in tx.session.execute(query).tuples():
        if chunk_id is not None and suppressions.is_at(point, site):
            by_chunk[chunk_id].append(delivery_id)
    return sum(_waiting(tx, chunk_id, ids, since) for chunk_id, ids in by_chunk.items())


def _refused(since: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Delivery.state == State.REFUSED.value,
        Delivery.reason == UNKNOWN_USER,
        Delivery.settled_at >= since,
    )


def _is_waited_for() -> ColumnElement[bool]:
    """Whether somebody of the audience is still to be reached by this very contact point."""
    theirs = GuardianContact.contact_point_id == Delivery.contact_point_id
    return or_(
        *(
            exists(
                select(way.guardian_id)
                .join(GuardianContact, GuardianContact.guardian_id == way.guardian_id)
                .where(
                    theirs,
                    way.broadcast_id == Delivery.broadcast_id,
                    way.contact_point_id == Delivery.contact_point_id,
                )
            )
            for way in (AudienceMember, AudienceWay)
        )
    )


def _waiting(tx: Transaction, chunk_id: int, ids: Sequence[int], since: datetime) -> int:
    """Put deliveries of one chunk into one of its kind that is due later."""
    like = tx.session.get_one(Chunk, chunk_id)
    to = chunks.new_chunk(tx, like, tx.now + _LATER, len(ids))
    values = {"state": State.WAITING.value, "reason": LANE_STOPPED, "settled_at": None}
    theirs = update(Delivery).where(Delivery.id.in_(ids), *_refused(since))
    return chunks.execute(tx, theirs.values(chunk_id=to.id, **values))


def let_go(tx: Transaction, site: str) -> int:
    """Have what waits for a destination leave as soon as the workers know that it goes on.

    Returns how many chunks.
    """
    at = tx.now + _KNOWN
    held = exists(
        select(Delivery.id).where(
            Delivery.chunk_id == Chunk.id, Delivery.reason == LANE_STOPPED, OPEN_ROW
        )
    )
    waiting = update(Chunk).where(
        Chunk.state == READY, Chunk.channel == MAIL, Chunk.not_before > at, *_lanes(site), held
    )
    return chunks.execute(tx, waiting.values(not_before=at))


def _lanes(site: str) -> tuple[ColumnElement[bool], ...]:
    """In which lanes of the ledger mail for a destination waits; behind a relay in all."""
    return () if site == RELAY else (Chunk.lane.in_((site, OTHER)),)
