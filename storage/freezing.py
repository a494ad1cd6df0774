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
    Column,
    Insert,
    MetaData,
    Select,
    String,
    Subquery,
    Table,
    and_,
    case,
    delete,
    distinct,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from domain import deliveries as rules
from domain.broadcasts import State, Verb
from domain.content import MAIL_FORMS, is_emergency, privacy_of, variant
from domain.deliveries import ChunkRule
from domain.lanes import OTHER, lane_of
from domain.quotas import Account
from storage import broadcasts, planner
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
from storage.tables.columns import Id

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
    planner.give_room(tx)
    columns = ["broadcast_id", "guardian_id", "family_id", "contact_point_id", "board_id"]
    tx.session.execute(insert(AudienceMember).from_select(columns, first_ways(broadcast, reach)))
    count = select(func.count(distinct(AudienceMember.family_id))).where(
        AudienceMember.broadcast_id == broadcast.id
    )
    families = tx.session.scalar(count) or 0
    planner.expect(tx, families)
    return families


def note_further_ways(tx: Transaction, broadcast: Broadcast, reach: Reach) -> bool:
    """Write down the further contact points of those who are reached by all; whether any is."""
    columns = ["broadcast_id", "guardian_id", "contact_point_id", "board_id"]
    rows = further_ways(broadcast, reach)
    tx.session.execute(insert(AudienceWay).from_select(columns, rows))
    noted = select(AudienceWay.guardian_id).where(AudienceWay.broadcast_id == broadcast.id)
    return tx.session.scalars(noted.limit(1)).first() is not None


def make_deliveries(tx: Transaction, broadcast: Broadcast, cut: Cut) -> Frozen:
    """One delivery for each contact point of the noted audience, cut into chunks."""
    connection = tx.session.connection()
    _POINTS.create(connection)
    connection.execute(insert(_POINTS).from_select(_KEYED, _keyed(tx, broadcast, cut)))
    planner.expect_nothing(tx)
    spans = _spans(tx, cut.rules)
    if spans:
        rows = [_chunk(tx, broadcast, span, cut) for span in spans]
        # Told back in their order, they are inserted in it and hundreds at once.
        returned = insert(Chunk).returning(Chunk.id, sort_by_parameter_order=True)
        connection.execute(returned, rows).all()
    filling = _insert_deliveries(broadcast).execution_options(preserve_rowcount=True)
    made = connection.execute(filling).rowcount
    _POINTS.drop(connection)
    recipients = sum(span.size for span in spans)
    if made != recipients:
        raise AssertionError(f"{recipients - made} deliveries are in no chunk")
    families, guardians, reached = _counts(tx, broadcast.id)
    return Frozen(families, guardians, guardians - reached, recipients, len(spans))


# The contact points of one audience, with what a chunk's deliveries have in common, numbered
# in the order of that: so each chunk is one range of numbers. It lives as long as one freezing.
_KEYED = ("channel", "account", "lane", "variant", "contact_point_id")
_POINTS = Table(
    "points_being_frozen",
    MetaData(),
    Column("n", Id, primary_key=True),
    *(Column(name, String, nullable=False) for name in _KEYED[:4]),
    Column("contact_point_id", Id, nullable=False),
    prefixes=["TEMPORARY"],
)


def _keyed(tx: Transaction, broadcast: Broadcast, cut: Cut) -> Select[Any]:
    """Each contact point of the audience with what its chunk must have in common."""
    heard = hearing(broadcast.id)
    # Those who share one are brought together first, while there is little to be sorted of each.
    read = (
        select(heard.c.contact_point_id, japanese().label("japanese"))
        .join(Guardian, Guardian.id == heard.c.guardian_id)
        .group_by(heard.c.contact_point_id)
        .subquery("read")
    )
    lane = _lane(tx, heard, cut.beyond).label("lane")
    named = _variant(broadcast, cut.rules, read.c.japanese).label("variant")
    key = (ContactPoint.channel, ContactPoint.account, lane, named, ContactPoint.id)
    return select(*key).join(read, read.c.contact_point_id == ContactPoint.id).order_by(*key)


def _variant(
    broadcast: Broadcast, channels: Iterable[str], in_japanese: ColumnElement[bool]
) -> ColumnElement[str]:
    """The rendering of a contact point in SQL, as domain.content.variant names it."""
    privacy = privacy_of(broadcast.options)
    named = [
        (and_(is_it, is_there), variant(language, channel, privacy, form))
        for language, is_it in (("ja", in_japanese), ("en", ~in_japanese))
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
    lanes.pop(OTHER, None)
    over = [
        (and_(of_accounts([account]), ContactPoint.id >= first), OVER_LANE)
        for account, first in beyond.items()
    ]
    known = [(ContactPoint.domain.in_(names), lane) for lane, names in lanes.items()]
    return case(*over, (ContactPoint.channel != MAIL, ContactPoint.channel), *known, else_=OTHER)


@dataclass(frozen=True, slots=True)
class _Span:
    """One chunk to be: what its deliveries have in common, and how many there are."""

    key: tuple[str, str, str, str]
    part: int
    size: int


def _spans(tx: Transaction, chunk_rules: Mapping[str, ChunkRule]) -> list[_Span]:
    """The chunks in the order of their turns: the lanes take turns, so that none waits last.

    But for those whom a quota does not suffice for: they must not use it up before others.
    """
    of = _POINTS.c
    key = (of.channel, of.account, of.lane, of.variant)
    rows = tx.session.connection().execute(select(*key, func.count()).group_by(*key)).all()
    spans = [
        _Span((channel, account, lane, name), part, min(size, count - part * size))
        for channel, account, lane, name, count in rows
        for size in [chunk_rules[channel].size]
        for part in range(-(-count // size))
    ]
    return sorted(spans, key=lambda span: (span.key[2] == OVER_LANE, span.part, span.key))


def _chunk(tx: Transaction, broadcast: Broadcast, span: _Span, cut: Cut) -> dict[str, object]:
    channel, account, lane, name = span.key
    keyed = cut.rules[channel].keyed
    return {
        "board_id": broadcast.board_id,
        "broadcast_id": broadcast.id,
        "channel": channel,
        "account": account,
        "lane": lane,
        "variant": name,
        "priority": cut.priority,
        "turn": span.part,
        "size": span.size,
        "keyed": keyed,
        "not_before": tx.now,
        "deadline": min(cut.deadline, tx.now + rules.KEY_LASTS) if keyed else cut.deadline,
    }


def _insert_deliveries(broadcast: Broadcast) -> Insert:
    """One statement for all, each chunk one range of numbers: counted up in the same order."""
    key = (Chunk.channel, Chunk.account, Chunk.lane, Chunk.variant, Chunk.id)
    last = func.sum(Chunk.size).over(order_by=key)
    ranges = (
        select(Chunk.id, (last - Chunk.size + 1).label("first"), last.label("last"))
        .where(Chunk.broadcast_id == broadcast.id)
        .subquery("ranges")
    )
    rows = select(
        literal(broadcast.board_id),
        literal(broadcast.id),
        _POINTS.c.contact_point_id,
        ranges.c.id,
        literal(rules.State.WAITING.value),
        literal(0),
        literal(0),
        literal(""),
        literal(""),
    ).join(_POINTS, _POINTS.c.n.between(ranges.c.first, ranges.c.last))
    columns = ["board_id", "broadcast_id", "contact_point_id", "chunk_id", "state"]
    columns += ["attempts", "doubtful", "reason", "reference"]
    return insert(Delivery).from_select(columns, rows)


def _counts(tx: Transaction, broadcast_id: int) -> tuple[int, int, int]:
    query = select(
        func.count(distinct(AudienceMember.family_id)),
        func.count(),
        func.count(AudienceMember.contact_point_id),
    ).where(AudienceMember.broadcast_id == broadcast_id)
    families, guardians, reached = tx.session.execute(query).tuples().one()
    return families, guardians, reached
