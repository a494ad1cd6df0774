"""Freezing: who gets a broadcast is settled once, in one transaction, in a few bulk statements.

The audience is written down guardian by guardian, then one delivery for each contact point,
then the deliveries are cut into chunks.  Nothing is done row by row in Python, so that a
city of millions is frozen by the same statements as one school.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Row,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    delete,
    distinct,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from domain import deliveries as rules
from domain.addresses import OTHER_LANE, lane_of
from domain.broadcasts import State, Verb
from domain.content import MAIL_FORMS, is_emergency, privacy_of, variant
from domain.deliveries import ChunkRule
from domain.quotas import Account
from storage import broadcasts
from storage.database import Transaction
from storage.lanes import hearing, japanese
from storage.people import MAIL
from storage.reach import Reach, first_ways, further_ways, of_accounts
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Chunk,
    ContactPoint,
    Delivery,
    Guardian,
)

# The lane of those for whom a provider's quota does not suffice.
OVER_LANE = "over"


@dataclass(frozen=True, slots=True)
class Frozen:
    """How many a frozen broadcast is for; `not_reached` guardians have no contact point."""

    families: int
    guardians: int
    not_reached: int
    recipients: int
    chunks: int


@dataclass(frozen=True, slots=True)
class Cut:
    """How deliveries are cut: the rule of each channel that is on, and urgency.

    `beyond` is the first contact point of an account for which its quota does not suffice: it
    and all after it get chunks of their own, lest a provider refuse with them those who fit.
    """

    rules: Mapping[str, ChunkRule]
    priority: int
    deadline: datetime
    beyond: Mapping[Account, int] = field(default_factory=dict)


def due(tx: Transaction) -> list[int]:
    """The approved broadcasts whose time has come: emergencies first, then the longest due."""
    query = (
        select(Broadcast.id, Broadcast.options)
        .where(Broadcast.state == State.APPROVED.value, Broadcast.due_at <= tx.now)
        .order_by(Broadcast.due_at, Broadcast.id)
    )
    rows = tx.session.execute(query).tuples().all()
    return [number for number, _ in sorted(rows, key=lambda row: not is_emergency(row[1]))]


def lapsed(tx: Transaction) -> list[int]:
    """The broadcasts not yet sent whose validity is over."""
    not_sent = Broadcast.state.in_((State.PENDING.value, State.APPROVED.value))
    return list(
        tx.session.scalars(select(Broadcast.id).where(not_sent, Broadcast.valid_until <= tx.now))
    )


def claim(tx: Transaction, broadcast_id: int) -> Broadcast | None:
    """Lock a due broadcast; None if another worker was faster or it was called off."""
    row = broadcasts.lock(tx, broadcast_id)
    if row is None or row.state != State.APPROVED or row.due_at is None or row.due_at > tx.now:
        return None
    return row


def start(tx: Transaction, broadcast: Broadcast) -> None:
    broadcast.state = broadcasts.state_after(broadcast, Verb.START).value
    broadcast.frozen_at = broadcast.updated_at = tx.now
    broadcast.approved_audience = None
    tx.flush()


def forget_audience(tx: Transaction, broadcast: Broadcast) -> None:
    """Take the noted audience back: nothing will be sent to it now."""
    tx.session.execute(
        delete(AudienceMember)
        .where(AudienceMember.broadcast_id == broadcast.id)
        .execution_options(synchronize_session=False)
    )


def note_audience(tx: Transaction, broadcast: Broadcast, reach: Reach) -> int:
    """Write down every guardian in the audience with the contact point used; count families."""
    columns = ["broadcast_id", "guardian_id", "family_id", "contact_point_id", "board_id"]
    tx.session.execute(insert(AudienceMember).from_select(columns, first_ways(broadcast, reach)))
    families = select(func.count(distinct(AudienceMember.family_id))).where(
        AudienceMember.broadcast_id == broadcast.id
    )
    return tx.session.scalar(families) or 0


def note_further_ways(tx: Transaction, broadcast: Broadcast, reach: Reach) -> bool:
    """Write down the further contact points of those who are reached by all; whether any is."""
    columns = ["broadcast_id", "guardian_id", "contact_point_id", "board_id"]
    rows = further_ways(broadcast, reach)
    tx.session.execute(insert(AudienceWay).from_select(columns, rows))
    noted = select(AudienceWay.guardian_id).where(AudienceWay.broadcast_id == broadcast.id)
    return tx.session.scalars(noted.limit(1)).first() is not None


def make_deliveries(tx: Transaction, broadcast: Broadcast, cut: Cut) -> Frozen:
    """One delivery for each contact point of the noted audience, cut into chunks."""
    keyed = _keyed(tx, broadcast, cut)
    _insert_deliveries(tx, broadcast, keyed)
    chunks = _insert_chunks(tx, broadcast, keyed, cut)
    _assign(tx, broadcast.id, chunks)
    if astray := _not_in_a_chunk(tx, broadcast.id):
        raise AssertionError(f"{astray} deliveries are in no chunk")
    families, guardians, reached = _counts(tx, broadcast.id)
    recipients = sum(span.size for span in chunks)
    return Frozen(families, guardians, guardians - reached, recipients, len(chunks))


def _keyed(tx: Transaction, broadcast: Broadcast, cut: Cut) -> Select[Any]:
    """Each contact point of the audience with what its chunk must have in common."""
    heard = hearing(broadcast.id)
    return (
        select(
            ContactPoint.id,
            ContactPoint.channel,
            ContactPoint.account,
            _lane(tx, heard, cut.beyond).label("lane"),
            _variant(broadcast, cut.rules).label("variant"),
        )
        .join(heard, heard.c.contact_point_id == ContactPoint.id)
        .join(Guardian, Guardian.id == heard.c.guardian_id)
        .group_by(ContactPoint.id)
    )


def _variant(broadcast: Broadcast, channels: Iterable[str]) -> ColumnElement[str]:
    """The rendering of a contact point in SQL, as domain.content.variant names it."""
    privacy = privacy_of(broadcast.options)
    named = [
        (and_(is_it, is_there), variant(language, channel, privacy, form))
        for language, is_it in (("ja", japanese()), ("en", ~japanese()))
        for channel in channels
        for form, is_there in _forms(channel)
    ]
    return case(*named, else_="ja")


def _forms(channel: str) -> list[tuple[str, ColumnElement[bool]]]:
    """The forms that a channel's messages may have, and whose contact points want which."""
    here = ContactPoint.channel == channel
    if channel != MAIL:
        return [("", here)]
    return [(form, and_(here, ContactPoint.mail_form == form)) for form in MAIL_FORMS]


def _lane(tx: Transaction, heard: Subquery, beyond: Mapping[Account, int]) -> ColumnElement[str]:
    """The lane of a contact point in SQL; which domains there are is asked first."""
    domains = (
        select(ContactPoint.domain)
        .join(heard, heard.c.contact_point_id == ContactPoint.id)
        .where(ContactPoint.channel == MAIL)
        .distinct()
    )
    lanes: dict[str, list[str]] = {}
    for domain in sorted(tx.session.scalars(domains)):
        lanes.setdefault(lane_of(domain), []).append(domain)
    lanes.pop(OTHER_LANE, None)
    over = [
        (and_(of_accounts([account]), ContactPoint.id >= first), OVER_LANE)
        for account, first in beyond.items()
    ]
    known = [(ContactPoint.domain.in_(names), lane) for lane, names in lanes.items()]
    return case(
        *over, (ContactPoint.channel != MAIL, ContactPoint.channel), *known, else_=OTHER_LANE
    )


def _insert_deliveries(tx: Transaction, broadcast: Broadcast, points: Select[Any]) -> None:
    """In the order of the keys, so that each chunk is one range of delivery IDs."""
    keyed = points.subquery("keyed")
    rows = select(
        literal(broadcast.board_id),
        literal(broadcast.id),
        keyed.c.id,
        literal(rules.State.WAITING.value),
        literal(0),
        literal(0),
        literal(""),
        literal(""),
    ).order_by(keyed.c.channel, keyed.c.account, keyed.c.lane, keyed.c.variant, keyed.c.id)
    columns = ["board_id", "broadcast_id", "contact_point_id", "state"]
    columns += ["attempts", "doubtful", "reason", "reference"]
    tx.session.execute(insert(Delivery).from_select(columns, rows))


@dataclass(frozen=True, slots=True)
class _Span:
    chunk_id: int
    first: int
    last: int
    size: int


def _insert_chunks(
    tx: Transaction, broadcast: Broadcast, keyed: Select[Any], cut: Cut
) -> list[_Span]:
    spans = tx.session.execute(_spans(broadcast.id, keyed, cut.rules)).all()
    chunks = [_chunk(tx, broadcast, span, cut) for span in spans]
    tx.session.add_all(chunks)
    tx.flush()
    return [
        _Span(chunk.id, span.first, span.last, span.size)
        for chunk, span in zip(chunks, spans, strict=True)
    ]


def _chunk(tx: Transaction, broadcast: Broadcast, span: Row[Any], cut: Cut) -> Chunk:
    keyed = cut.rules[span.channel].keyed
    return Chunk(
        board_id=broadcast.board_id,
        broadcast_id=broadcast.id,
        channel=span.channel,
        account=span.account,
        lane=span.lane,
        variant=span.variant,
        priority=cut.priority,
        size=span.size,
        keyed=keyed,
        not_before=tx.now,
        deadline=min(cut.deadline, tx.now + rules.KEY_LASTS) if keyed else cut.deadline,
    )


def _spans(
    broadcast_id: int, points: Select[Any], chunk_rules: Mapping[str, ChunkRule]
) -> Select[Any]:
    """First and last delivery of each chunk; the lanes take turns, so that none waits last.

    But for those whom a quota does not suffice for: they must not use it up before others.
    Each delivery is looked up and not joined: until PostgreSQL's planner has looked at the new
    rows it takes them for one, and would go through all of them anew for each.
    """
    delivery_id = (
        select(Delivery.id)
        .where(Delivery.broadcast_id == broadcast_id, Delivery.contact_point_id == ContactPoint.id)
        .correlate(ContactPoint)
        .scalar_subquery()
    )
    keyed = points.add_columns(delivery_id.label("delivery_id")).subquery("keyed").c
    key = (keyed.channel, keyed.account, keyed.lane, keyed.variant)
    number = func.row_number().over(partition_by=key, order_by=keyed.delivery_id)
    size = case(
        *((keyed.channel == name, rule.size) for name, rule in chunk_rules.items()), else_=1
    )
    numbered = select(keyed.delivery_id, *key, ((number - 1) // size).label("part")).subquery(
        "numbered"
    )
    of = numbered.c
    over = case((of.lane == OVER_LANE, 1), else_=0)
    return (
        select(
            of.channel,
            of.account,
            of.lane,
            of.variant,
            func.min(of.delivery_id).label("first"),
            func.max(of.delivery_id).label("last"),
            func.count().label("size"),
        )
        .group_by(of.channel, of.account, of.lane, of.variant, of.part)
        .order_by(over, of.part, of.channel, of.account, of.lane, of.variant)
    )


def _assign(tx: Transaction, broadcast_id: int, spans: list[_Span]) -> None:
    statement = (
        update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
        .where(
            Delivery.id.between(bindparam("first"), bindparam("last")),
            # Not by the index on broadcasts (hence the 0): it would go through all deliveries
            # of the broadcast for each chunk.
            Delivery.broadcast_id + 0 == broadcast_id,
        )
        .values(chunk_id=bindparam("chunk"))
    )
    rows = [{"chunk": span.chunk_id, "first": span.first, "last": span.last} for span in spans]
    if rows:
        tx.session.connection().execute(statement, rows)


def _not_in_a_chunk(tx: Transaction, broadcast_id: int) -> int:
    query = select(func.count()).where(
        Delivery.broadcast_id == broadcast_id, Delivery.chunk_id.is_(None)
    )
    return tx.session.scalar(query) or 0


def _counts(tx: Transaction, broadcast_id: int) -> tuple[int, int, int]:
    query = select(
        func.count(distinct(AudienceMember.family_id)),
        func.count(),
        func.count(AudienceMember.contact_point_id),
    ).where(AudienceMember.broadcast_id == broadcast_id)
    families, guardians, reached = tx.session.execute(query).tuples().one()
    return families, guardians, reached


def gather_statistics(tx: Transaction) -> None:
    """Tell PostgreSQL's planner of the many new rows, or its first plans take them for few.

    In a transaction of its own: it holds a lock that two freezings must not wait for.
    """
    if tx.session.get_bind().dialect.name == "postgresql":
        tx.session.execute(text("ANALYZE audience_members, audience_ways, chunks, deliveries"))
