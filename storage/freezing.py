"""Freezing: who gets a broadcast is settled once, in one transaction, in a few bulk statements.

The audience is written down guardian by guardian, then one delivery for each contact point,
then the deliveries are cut into chunks.  Nothing is done row by row in Python, so that a
city of millions is frozen by the same statements as one school.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
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
from storage import broadcasts
from storage.audiences import guardian_ids
from storage.database import Transaction
from storage.people import EVERY_SCHOOL, MAIL
from storage.tables import (
    AudienceMember,
    Broadcast,
    Chunk,
    ContactPoint,
    Delivery,
    Guardian,
    GuardianContact,
    OptOut,
)


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
    """How deliveries are cut: the largest chunk of each channel that is on, and urgency."""

    limits: Mapping[str, int]
    priority: int
    deadline: datetime


def due(tx: Transaction) -> list[int]:
    """The approved broadcasts whose time has come, the longest due first."""
    query = (
        select(Broadcast.id)
        .where(Broadcast.state == State.APPROVED.value, Broadcast.due_at <= tx.now)
        .order_by(Broadcast.due_at, Broadcast.id)
    )
    return list(tx.session.scalars(query))


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
    tx.flush()


def forget_audience(tx: Transaction, broadcast: Broadcast) -> None:
    """Take the noted audience back: nothing will be sent to it now."""
    tx.session.execute(
        delete(AudienceMember)
        .where(AudienceMember.broadcast_id == broadcast.id)
        .execution_options(synchronize_session=False)
    )


def note_audience(
    tx: Transaction, broadcast: Broadcast, channels: list[str], ordinary: bool
) -> int:
    """Write down every guardian in the audience with the contact point used; count families."""
    rows = _audience(broadcast, channels, ordinary)
    columns = ["broadcast_id", "guardian_id", "family_id", "contact_point_id", "board_id"]
    tx.session.execute(insert(AudienceMember).from_select(columns, rows))
    families = select(func.count(distinct(AudienceMember.family_id))).where(
        AudienceMember.broadcast_id == broadcast.id
    )
    return tx.session.scalar(families) or 0


def _audience(broadcast: Broadcast, channels: list[str], ordinary: bool) -> Select[Any]:
    """Each guardian once, with the contact point in place 1, or none if that is not usable."""
    people = guardian_ids(broadcast.board_id, broadcast.audience).subquery("people")
    best = ContactPoint.id.is_(None), GuardianContact.rank, ContactPoint.id
    place = func.row_number().over(partition_by=Guardian.id, order_by=best)
    # All in one pass with outer joins: joined to a ranking of its own, SQLite would search
    # that ranking anew for each guardian.
    ranked = (
        select(Guardian.id, Guardian.family_id, Guardian.board_id)
        .add_columns(ContactPoint.id.label("contact_id"), place.label("place"))
        .join(people, people.c.guardian_id == Guardian.id)
        .outerjoin(GuardianContact, GuardianContact.guardian_id == Guardian.id)
        .outerjoin(ContactPoint, _usable(broadcast, channels, ordinary))
        .subquery("ranked")
    )
    of = ranked.c
    return select(literal(broadcast.id), of.id, of.family_id, of.contact_id, of.board_id).where(
        of.place == 1
    )


def _usable(broadcast: Broadcast, channels: list[str], ordinary: bool) -> ColumnElement[bool]:
    """Whether a guardian's contact point may be used; an emergency reaches who left, too."""
    conditions = [
        ContactPoint.id == GuardianContact.contact_point_id,
        ContactPoint.state == "active",
        ContactPoint.channel.in_(channels),
    ]
    if ordinary:
        conditions.append(~_left(broadcast.school_id or EVERY_SCHOOL))
    return and_(*conditions)


def _left(school_id: int) -> ColumnElement[bool]:
    return (
        select(OptOut.school_id)
        .where(
            OptOut.contact_point_id == GuardianContact.contact_point_id,
            OptOut.school_id == school_id,
        )
        .exists()
    )


def make_deliveries(tx: Transaction, broadcast: Broadcast, cut: Cut) -> Frozen:
    """One delivery for each contact point of the noted audience, cut into chunks."""
    keyed = _keyed(tx, broadcast.id)
    _insert_deliveries(tx, broadcast, keyed)
    chunks = _insert_chunks(tx, broadcast, keyed, cut)
    _assign(tx, broadcast.id, chunks)
    if astray := _not_in_a_chunk(tx, broadcast.id):
        raise AssertionError(f"{astray} deliveries are in no chunk")
    families, guardians, reached = _counts(tx, broadcast.id)
    recipients = sum(span.size for span in chunks)
    return Frozen(families, guardians, guardians - reached, recipients, len(chunks))


def _keyed(tx: Transaction, broadcast_id: int) -> Subquery:
    """Each contact point of the audience with what its chunk must have in common."""
    mine = AudienceMember.broadcast_id == broadcast_id
    # Of two languages at one mailbox, Japanese is the one that both can be expected to read.
    japanese = func.max(case((Guardian.language == "en", 0), else_=1)) == 1
    return (
        select(
            ContactPoint.id,
            ContactPoint.channel,
            ContactPoint.account,
            _lane(tx, mine).label("lane"),
            case((japanese, "ja"), else_="en").label("variant"),
        )
        .join(AudienceMember, AudienceMember.contact_point_id == ContactPoint.id)
        .join(Guardian, Guardian.id == AudienceMember.guardian_id)
        .where(mine)
        .group_by(ContactPoint.id, ContactPoint.channel, ContactPoint.account, ContactPoint.domain)
        .subquery("keyed")
    )


def _lane(tx: Transaction, mine: ColumnElement[bool]) -> ColumnElement[str]:
    """The lane of a contact point in SQL; which domains there are is asked first."""
    domains = (
        select(ContactPoint.domain)
        .join(AudienceMember, AudienceMember.contact_point_id == ContactPoint.id)
        .where(mine, ContactPoint.channel == MAIL)
        .distinct()
    )
    lanes: dict[str, list[str]] = {}
    for domain in sorted(tx.session.scalars(domains)):
        lanes.setdefault(lane_of(domain), []).append(domain)
    lanes.pop(OTHER_LANE, None)
    known = [(ContactPoint.domain.in_(names), lane) for lane, names in lanes.items()]
    return case((ContactPoint.channel != MAIL, ContactPoint.channel), *known, else_=OTHER_LANE)


def _insert_deliveries(tx: Transaction, broadcast: Broadcast, keyed: Subquery) -> None:
    """In the order of the keys, so that each chunk is one range of delivery IDs."""
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


def _insert_chunks(tx: Transaction, broadcast: Broadcast, keyed: Subquery, cut: Cut) -> list[_Span]:
    spans = tx.session.execute(_spans(broadcast.id, keyed, cut.limits)).all()
    chunks = [
        Chunk(
            board_id=broadcast.board_id,
            broadcast_id=broadcast.id,
            channel=span.channel,
            account=span.account,
            lane=span.lane,
            variant=span.variant,
            priority=cut.priority,
            size=span.size,
            not_before=tx.now,
            deadline=cut.deadline,
        )
        for span in spans
    ]
    tx.session.add_all(chunks)
    tx.flush()
    return [
        _Span(chunk.id, span.first, span.last, span.size)
        for chunk, span in zip(chunks, spans, strict=True)
    ]


def _spans(broadcast_id: int, keyed: Subquery, limits: Mapping[str, int]) -> Select[Any]:
    """First and last delivery of each chunk; the lanes take turns, so that none waits last."""
    key = (keyed.c.channel, keyed.c.account, keyed.c.lane, keyed.c.variant)
    number = func.row_number().over(partition_by=key, order_by=Delivery.id)
    limit = case(*((keyed.c.channel == name, size) for name, size in limits.items()), else_=1)
    numbered = (
        select(Delivery.id.label("delivery_id"), *key, ((number - 1) // limit).label("part"))
        .join(keyed, keyed.c.id == Delivery.contact_point_id)
        .where(Delivery.broadcast_id == broadcast_id)
        .subquery("numbered")
    )
    of = numbered.c
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
        .order_by(of.part, of.channel, of.account, of.lane, of.variant)
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
        tx.session.execute(text("ANALYZE audience_members, chunks, deliveries"))
