"""What a broadcast would put into each lane, what waits there already, and how fast lanes go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, distinct, func, or_, select

from domain import broadcasts
from domain.deliveries import ORDINARY, URGENT
from domain.forecasts import Known, Lanes, Place
from domain.lanes import RELAY, RULES
from domain.quotas import Use
from storage import journals, overflow
from storage.chunks import LEASED, READY
from storage.database import Transaction
from storage.lanes import lane
from storage.people import MAIL
from storage.reach import Reach, ways
from storage.tables import Broadcast, Chunk, ContactPoint, Lane

# Of so many sites of other domains, those last seen, at least one is taken to go on.
_SITES = 20


def recipients(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> dict[Place, int]:
    """How many contact points a broadcast would reach now; quotas move people as `needed` says."""
    if any(use.moved for use in needed):
        query = _fitted(tx, broadcast, reach, needed)
    else:
        query = _ways(broadcast, reach)
    found: dict[Place, int] = {}
    for channel, account, domain, number in tx.session.execute(query).tuples():
        place = Place(channel, account, lane(channel, domain))
        found[place] = found.get(place, 0) + number
    return found


def _ways(broadcast: Broadcast, reach: Reach) -> Select[Any]:
    of = ways(broadcast, reach, ()).subquery("ways").c
    key = (of.channel, of.account, of.domain)
    each = select(*key, func.count(distinct(of.contact_id)))
    return each.where(of.contact_id.is_not(None)).group_by(*key)


def _fitted(
    tx: Transaction, broadcast: Broadcast, reach: Reach, needed: Sequence[Use]
) -> Select[Any]:
    left = overflow.fitted(tx, broadcast, reach, needed).subquery("left")
    key = (ContactPoint.channel, ContactPoint.account, ContactPoint.domain)
    each = select(*key, func.count()).join(left, left.c.contact_id == ContactPoint.id)
    return each.group_by(*key)


def waiting(tx: Transaction, *, ordinary: bool) -> dict[Place, int]:
    """How many messages of all boards wait that are at least as urgent: they go first."""
    now = or_(Chunk.state == LEASED, and_(Chunk.state == READY, Chunk.not_before <= tx.now))
    key = (Chunk.channel, Chunk.account, Chunk.lane)
    query = (
        select(*key, func.sum(Chunk.size))
        .join(Broadcast, Broadcast.id == Chunk.broadcast_id)
        .where(
            Chunk.state.in_((READY, LEASED)),
            now,
            Chunk.priority <= (ORDINARY if ordinary else URGENT),
            Broadcast.state.in_(broadcasts.GOING_OUT),
        )
        .group_by(*key)
    )
    rows = tx.session.execute(query).tuples()
    return {Place(channel, account, name): int(size) for channel, account, name, size in rows}


def lanes(tx: Transaction) -> Lanes:
    """Mail's lanes as the workers last knew them; of other domains' sites the last few.

    Each sending worker keeps to its own pace at a relay, and they write down one: it counts once
    for each worker.
    """
    workers = max(1, journals.open_ones(tx))
    found: dict[tuple[str, str], list[Known]] = {}
    for row in tx.session.scalars(_lanes_in_sight()):
        known = Known(row.rate, row.connections, row.measured, row.stopped_at is not None)
        # The site that changed last comes last.
        its = found.pop((row.account, row.site), [])
        found[row.account, row.site] = its + [known] * (workers if row.site == RELAY else 1)
    return {key: tuple(its) for key, its in found.items()}


def _lanes_in_sight() -> Select[tuple[Lane]]:
    """The sites of other domains may be thousands, and one that goes on is looked for."""
    mail, named = Lane.channel == MAIL, Lane.site.in_([*RULES, RELAY])
    last = (
        select(Lane.site)
        .where(mail, ~named)
        .group_by(Lane.site)
        .order_by(func.max(Lane.changed_at).desc())
        .limit(_SITES)
    )
    query = select(Lane).where(mail, or_(named, Lane.site.in_(last)))
    return query.order_by(Lane.changed_at, Lane.egress)
