"""Sending again to the families of a frozen audience that were not reached, and to nobody else.

The deliveries are made where somebody asks for it; how each channel's are cut only the workers
know. So they lie in one uncut chunk until a worker cuts it: a broadcast that has it is not
finished, and one that is withdrawn has it closed like any other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Update, bindparam, case, func, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from domain.content import is_emergency, privacy_of, variant
from domain.deliveries import KEY_LASTS, ChunkRule, State
from storage import chunks
from storage.belonging import belonging
from storage.database import Transaction
from storage.inserts import insert_all_new
from storage.lanes import hearing, japanese, lane, usable
from storage.opt_outs import EVERY_SCHOOL
from storage.reached import reached_families
from storage.tables import (
    AudienceMember,
    AudienceWay,
    Broadcast,
    Chunk,
    ContactPoint,
    Delivery,
    Guardian,
    GuardianContact,
)

# The channel of a chunk that is not cut yet.
_UNCUT = ""
# What a delivery is refused for whose channel was turned off before it could be cut.
_CHANNEL_OFF = "channel_off"
# How urgent is what had no chunk at all before.
_ORDINARY = 5
_CLOSED = (State.REFUSED.value, State.EXPIRED.value)


@dataclass(frozen=True, slots=True)
class NotReached:
    """The families not reached: who could be now, who blocks every way they have, all others."""

    can_be: int
    blocked: int
    without_way: int

    @property
    def families(self) -> int:
        return self.can_be + self.blocked + self.without_way


def not_reached(tx: Transaction, broadcast: Broadcast, channels: Collection[str]) -> NotReached:
    """Count the families not reached by what stands in their way now."""
    way = select(GuardianContact.contact_point_id).join(ContactPoint, _usable(broadcast, channels))
    blocked = (
        select(GuardianContact.contact_point_id)
        .join(ContactPoint, ContactPoint.id == GuardianContact.contact_point_id)
        .where(ContactPoint.state == "blocked")
    )
    theirs = GuardianContact.guardian_id == AudienceMember.guardian_id
    per_family = (
        select(
            func.max(
                case((way.where(theirs).exists(), 2), (blocked.where(theirs).exists(), 1), else_=0)
            ).label("best")
        )
        .where(*_left_out(broadcast.id))
        .group_by(AudienceMember.family_id)
        .subquery()
    )
    query = select(per_family.c.best, func.count()).group_by(per_family.c.best)
    counts = dict(tx.session.execute(query).tuples().all())
    return NotReached(counts.get(2, 0), counts.get(1, 0), counts.get(0, 0))


def put_down(
    tx: Transaction, broadcast: Broadcast, channels: Collection[str], deadline: datetime
) -> int:
    """A waiting delivery for every usable way of every family not reached; how many there are.

    One that was closed is opened again, its tries counted on; one that waits because a mailbox is
    full is tried at once, for whoever asks for this may know that there is room again.
    """
    ways = _ways(tx, broadcast, channels)
    _note_ways(tx, broadcast, ways)
    chunk = _uncut_chunk(tx, broadcast, deadline)
    points = sorted({way.contact_point_id for way in ways})
    if points:
        _open_again(tx, broadcast, chunk, points)
        _hurry(tx, chunk, points)
        insert_all_new(tx, Delivery, [_delivery(broadcast, chunk, point) for point in points])
    in_it = select(func.count()).where(Delivery.chunk_id == chunk.id)
    chunk.size = tx.session.scalar(in_it) or 0
    tx.flush()
    return chunk.size


def uncut(tx: Transaction) -> list[int]:
    """The chunks that a worker has yet to cut."""
    query = select(Chunk.id).where(Chunk.state == chunks.READY, Chunk.channel == _UNCUT)
    return list(tx.session.scalars(query))


def cut(tx: Transaction, chunk_id: int, rules: Mapping[str, ChunkRule]) -> int:
    """Cut a chunk into those of each channel, due at once; return how many there are.

    0 if another worker was faster, or if the broadcast was withdrawn meanwhile.
    """
    query = select(Chunk).where(
        Chunk.id == chunk_id, Chunk.state == chunks.READY, Chunk.channel == _UNCUT
    )
    whole = tx.session.scalar(query.with_for_update(skip_locked=True))
    if whole is None:
        return 0
    made = sum(
        _cut_kind(tx, whole, kind, ids, rules[kind.channel])
        for kind, ids in _by_kind(tx, whole).items()
        if kind.channel in rules
    )
    _refuse_rest(tx, whole)
    whole.state = chunks.DONE
    tx.flush()
    return made


# Who, and by which way.


def _left_out(broadcast_id: int) -> tuple[ColumnElement[bool], ...]:
    """The members of the frozen audience in whose family nobody was reached, still there now."""
    still_there = belonging(broadcast_id).subquery("still_there")
    return (
        AudienceMember.broadcast_id == broadcast_id,
        AudienceMember.family_id.not_in(reached_families(broadcast_id)),
        AudienceMember.guardian_id.in_(select(still_there.c.guardian_id)),
    )


def _usable(broadcast: Broadcast, channels: Collection[str]) -> ColumnElement[bool]:
    ordinary = not is_emergency(broadcast.options)
    return usable(channels, broadcast.school_id or EVERY_SCHOOL, ordinary)


@dataclass(frozen=True, slots=True)
class _Way:
    guardian_id: int
    contact_point_id: int


def _ways(tx: Transaction, broadcast: Broadcast, channels: Collection[str]) -> list[_Way]:
    """Each guardian not reached with each usable way, in their own order."""
    query = (
        select(AudienceMember.guardian_id, ContactPoint.id)
        .join(GuardianContact, GuardianContact.guardian_id == AudienceMember.guardian_id)
        .join(ContactPoint, _usable(broadcast, channels))
        .where(*_left_out(broadcast.id))
        .order_by(AudienceMember.guardian_id, GuardianContact.rank, ContactPoint.id)
    )
    return [_Way(*row) for row in tx.session.execute(query).tuples()]


def _note_ways(tx: Transaction, broadcast: Broadcast, ways: Sequence[_Way]) -> None:
    """Write into the audience by what each is reached now: reports look there."""
    first: dict[int, int] = {}
    for way in ways:
        first.setdefault(way.guardian_id, way.contact_point_id)
    further = [way for way in ways if first[way.guardian_id] != way.contact_point_id]
    if first:
        rows = [{"who": who, "way": way} for who, way in first.items()]
        tx.session.connection().execute(_point_to(broadcast.id), rows)
    if further:
        insert_all_new(tx, AudienceWay, [_audience_way(broadcast, way) for way in further])


def _point_to(broadcast_id: int) -> Update:
    return (
        update(AudienceMember.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
        .where(
            AudienceMember.broadcast_id == broadcast_id,
            AudienceMember.guardian_id == bindparam("who"),
        )
        .values(contact_point_id=bindparam("way"))
    )


def _audience_way(broadcast: Broadcast, way: _Way) -> dict[str, int]:
    return {
        "broadcast_id": broadcast.id,
        "guardian_id": way.guardian_id,
        "contact_point_id": way.contact_point_id,
        "board_id": broadcast.board_id,
    }


def _open_again(tx: Transaction, broadcast: Broadcast, chunk: Chunk, points: Sequence[int]) -> None:
    statement = (
        update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
        .where(
            Delivery.broadcast_id == broadcast.id,
            Delivery.contact_point_id == bindparam("point"),
            or_(*(Delivery.state == state for state in _CLOSED)),
        )
        .values(
            state=State.WAITING.value, reason="", reference="", settled_at=None, chunk_id=chunk.id
        )
    )
    tx.session.connection().execute(statement, [{"point": point} for point in points])


def _hurry(tx: Transaction, chunk: Chunk, points: Collection[int]) -> None:
    """Put what waits for full mailboxes into this chunk, unless it is being sent right now."""
    waiting = select(Chunk.id).where(
        Chunk.broadcast_id == chunk.broadcast_id, Chunk.state == chunks.READY, Chunk.patient
    )
    nobodys = tx.session.scalars(waiting.with_for_update(skip_locked=True)).all()
    query = select(Delivery.id, Delivery.contact_point_id).where(
        Delivery.chunk_id.in_(nobodys), chunks.OPEN_ROW
    )
    wanted = set(points)
    theirs = [{"number": one} for one, point in tx.session.execute(query) if point in wanted]
    if theirs:
        tx.session.connection().execute(_put_into(chunk), theirs)


def _put_into(chunk: Chunk) -> Update:
    return (
        update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
        .where(Delivery.id == bindparam("number"))
        .values(chunk_id=chunk.id, reason="")
    )


def _delivery(broadcast: Broadcast, chunk: Chunk, point: int) -> dict[str, object]:
    return {
        "board_id": broadcast.board_id,
        "broadcast_id": broadcast.id,
        "contact_point_id": point,
        "chunk_id": chunk.id,
        "state": State.WAITING.value,
        "attempts": 0,
        "doubtful": 0,
        "reason": "",
        "reference": "",
    }


def _uncut_chunk(tx: Transaction, broadcast: Broadcast, deadline: datetime) -> Chunk:
    """As urgent as the broadcast was when it was frozen."""
    urgency = select(func.min(Chunk.priority)).where(Chunk.broadcast_id == broadcast.id)
    chunk = Chunk(
        board_id=broadcast.board_id,
        broadcast_id=broadcast.id,
        channel=_UNCUT,
        account="",
        lane="",
        variant="",
        priority=tx.session.scalar(urgency) or _ORDINARY,
        state=chunks.READY,
        size=0,
        not_before=tx.now,
        deadline=deadline,
    )
    tx.session.add(chunk)
    tx.flush()
    return chunk


# Cutting.


@dataclass(frozen=True, slots=True, order=True)
class _Kind:
    """What the deliveries of a chunk have in common."""

    channel: str
    account: str
    lane: str
    variant: str


def _by_kind(tx: Transaction, whole: Chunk) -> dict[_Kind, list[int]]:
    privacy = privacy_of(tx.session.get_one(Broadcast, whole.broadcast_id).options)
    heard = hearing(whole.broadcast_id)
    query = (
        select(
            Delivery.id,
            ContactPoint.channel,
            ContactPoint.account,
            ContactPoint.domain,
            ContactPoint.mail_form,
            japanese(),
        )
        .join(ContactPoint, ContactPoint.id == Delivery.contact_point_id)
        .join(heard, heard.c.contact_point_id == ContactPoint.id)
        .join(Guardian, Guardian.id == heard.c.guardian_id)
        .where(Delivery.chunk_id == whole.id, chunks.OPEN_ROW)
        .group_by(Delivery.id, ContactPoint.id)
        .order_by(Delivery.id)
    )
    kinds: dict[_Kind, list[int]] = defaultdict(list)
    for number, channel, account, domain, form, is_japanese in tx.session.execute(query):
        name = variant("ja" if is_japanese else "en", channel, privacy, form)
        kinds[_Kind(channel, account, lane(channel, domain), name)].append(number)
    return kinds


def _cut_kind(
    tx: Transaction, whole: Chunk, kind: _Kind, ids: Sequence[int], rule: ChunkRule
) -> int:
    parts = [ids[start : start + rule.size] for start in range(0, len(ids), rule.size)]
    made = [_chunk(tx, whole, kind, len(part), rule) for part in parts]
    tx.session.add_all(made)
    tx.flush()
    for chunk, part in zip(made, parts, strict=True):
        chunks.move(tx, chunk, whole.id, part)
    return len(made)


def _chunk(tx: Transaction, whole: Chunk, kind: _Kind, size: int, rule: ChunkRule) -> Chunk:
    return Chunk(
        board_id=whole.board_id,
        broadcast_id=whole.broadcast_id,
        channel=kind.channel,
        account=kind.account,
        lane=kind.lane,
        variant=kind.variant,
        priority=whole.priority,
        state=chunks.READY,
        size=size,
        keyed=rule.keyed,
        epoch=0,
        not_before=tx.now,
        deadline=min(whole.deadline, tx.now + KEY_LASTS) if rule.keyed else whole.deadline,
    )


def _refuse_rest(tx: Transaction, whole: Chunk) -> None:
    """What no channel that is on can take any more."""
    chunks.execute(
        tx,
        update(Delivery)
        .where(Delivery.chunk_id == whole.id, chunks.OPEN_ROW)
        .values(state=State.REFUSED.value, reason=_CHANNEL_OFF, settled_at=tx.now),
    )
