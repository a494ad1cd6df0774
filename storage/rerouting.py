"""Rerouting: a guardian whose way was closed gets the broadcast by their next one.

Whoever is reached by all their ways moves only when every one of them was closed: the others are
being tried already, and there is a next one only if a quota had spared it or it came later.

Done where outcomes are recorded, in the same transaction, by a handful of statements however
many deliveries are concerned: nobody is refused here and forgotten there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, or_, select, true, union_all, update
from sqlalchemy.sql.elements import ColumnElement

from domain import broadcasts, content
from domain.board_settings import BoardSettings
from domain.deliveries import KEY_LASTS, ChunkRule, State
from domain.lanes import OTHER, lane_of
from domain.suppression import UNKNOWN_USER
from storage import boards, chunks
from storage.database import Transaction
from storage.inserts import insert_all_new
from storage.lanes import lane, usable
from storage.opt_outs import EVERY_SCHOOL
from storage.people import MAIL
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

Rules = Mapping[str, ChunkRule]

# What ended so at a contact point needs no second try there.
_CLOSED = (State.REFUSED.value, State.EXPIRED.value)


@dataclass(frozen=True, slots=True, order=True)
class _Way:
    """A contact point that somebody moves to."""

    id: int
    channel: str
    account: str
    domain: str
    mail_form: str


@dataclass(frozen=True, slots=True)
class _Member:
    """A guardian in the audience whom a delivery was for."""

    guardian_id: int
    delivery_id: int
    language: str


_Kind = tuple[str, str, str, str]


def move_refused(tx: Transaction, chunk: Chunk, ids: Collection[int], rules: Rules) -> None:
    """Move everybody for whom these refused deliveries were, if they have another way."""
    _move(tx, chunk, ids, rules, _settings(tx, chunk), true())


def move_over_quota(tx: Transaction, chunk: Chunk, ids: Collection[int], rules: Rules) -> set[int]:
    """Move those whom a provider's quota does not suffice for, where the board's rule is so.

    Returns the deliveries that nobody waits for any more.  Whoever has no other way stays: the
    quota may be raised in time.
    """
    if not ids or _settings(tx, chunk).over_quota != "mail":
        return set()
    return move_elsewhere(tx, chunk, ids, rules)


def move_elsewhere(tx: Transaction, chunk: Chunk, ids: Collection[int], rules: Rules) -> set[int]:
    """Move everybody who has a way that is not this account's.

    Returns the deliveries that nobody waits for any more.
    """
    if not ids:
        return set()
    elsewhere = or_(ContactPoint.channel != chunk.channel, ContactPoint.account != chunk.account)
    return _move(tx, chunk, ids, rules, _settings(tx, chunk), elsewhere)


def _settings(tx: Transaction, chunk: Chunk) -> BoardSettings:
    return BoardSettings.from_json(boards.board(tx, chunk.board_id).settings)


def _move(
    tx: Transaction,
    chunk: Chunk,
    ids: Collection[int],
    rules: Rules,
    settings: BoardSettings,
    where: ColumnElement[bool],
) -> set[int]:
    """Returns the deliveries all of whose guardians moved, or need not."""
    broadcast = tx.session.get_one(Broadcast, chunk.broadcast_id)
    if broadcast.state not in broadcasts.GOING_OUT or chunk.deadline <= tx.now:
        return set()
    channels = [name for name in rules if settings.allows(name)]
    everybody = _members(tx, chunk, ids)
    served = _served(tx, broadcast, everybody, where)
    members = [member for member in everybody if member.guardian_id not in served]
    ways = _ways(tx, broadcast, channels, members, where)
    moved = [member for member in members if member.guardian_id in ways]
    if moved:
        _point_to(tx, broadcast, ways)
        _deliver(tx, broadcast, chunk, moved, ways, rules)
    left = {member.delivery_id for member in members if member.guardian_id not in ways}
    return {member.delivery_id for member in everybody} - left


def _members(tx: Transaction, chunk: Chunk, ids: Collection[int]) -> list[_Member]:
    """Found by way of their contact points: the audience has no index on those.

    They are locked, in one order, so that of two workers who close two ways of one guardian the
    second sees what the first did.
    """
    member, way = AudienceMember, AudienceWay
    query = (
        select(Guardian.id, Delivery.id, Guardian.language)
        .select_from(Delivery)
        .join(GuardianContact, GuardianContact.contact_point_id == Delivery.contact_point_id)
        .join(Guardian, Guardian.id == GuardianContact.guardian_id)
        .join(
            member,
            (member.broadcast_id == Delivery.broadcast_id) & (member.guardian_id == Guardian.id),
        )
        .outerjoin(
            way,
            and_(
                way.broadcast_id == Delivery.broadcast_id,
                way.guardian_id == Guardian.id,
                way.contact_point_id == Delivery.contact_point_id,
            ),
        )
        .where(
            Delivery.id.in_(ids),
            Delivery.chunk_id == chunk.id,
            or_(member.contact_point_id == Delivery.contact_point_id, way.guardian_id.is_not(None)),
        )
        .order_by(Guardian.id, Delivery.id)
        .with_for_update(of=member)
    )
    return [_Member(*row) for row in tx.session.execute(query).tuples()]


def _served(
    tx: Transaction, broadcast: Broadcast, members: Sequence[_Member], where: ColumnElement[bool]
) -> set[int]:
    """Those for whom it was or is being tried by another of their ways."""
    numbers = [member.guardian_id for member in members]
    first = select(AudienceMember.guardian_id, AudienceMember.contact_point_id).where(
        AudienceMember.broadcast_id == broadcast.id, AudienceMember.guardian_id.in_(numbers)
    )
    further = select(AudienceWay.guardian_id, AudienceWay.contact_point_id).where(
        AudienceWay.broadcast_id == broadcast.id, AudienceWay.guardian_id.in_(numbers)
    )
    theirs = union_all(first, further).subquery("theirs").c
    query = (
        select(theirs.guardian_id)
        .join(ContactPoint, ContactPoint.id == theirs.contact_point_id)
        .join(
            Delivery,
            (Delivery.broadcast_id == broadcast.id)
            & (Delivery.contact_point_id == ContactPoint.id),
        )
        .where(Delivery.state.not_in(_CLOSED), where)
    )
    return set(tx.session.scalars(query))


def _ways(
    tx: Transaction,
    broadcast: Broadcast,
    channels: Collection[str],
    members: Sequence[_Member],
    where: ColumnElement[bool],
) -> dict[int, _Way]:
    """The next way of each guardian who has one, of those not closed in this broadcast.

    Who was unknown at one address of a destination is not tried at their next one there: a family
    with many dead addresses would look like a carrier that shuts us out (domain.breaker).
    """
    ordinary = not broadcast.options.get("emergency")
    query = (
        select(GuardianContact.guardian_id)
        .add_columns(
            ContactPoint.id,
            ContactPoint.channel,
            ContactPoint.account,
            ContactPoint.domain,
            ContactPoint.mail_form,
            Delivery.id.is_not(None),
        )
        .select_from(GuardianContact)
        .join(ContactPoint, usable(channels, broadcast.school_id or EVERY_SCHOOL, ordinary))
        .outerjoin(
            Delivery,
            and_(
                Delivery.broadcast_id == broadcast.id, Delivery.contact_point_id == ContactPoint.id
            ),
        )
        .where(
            GuardianContact.guardian_id.in_([member.guardian_id for member in members]),
            or_(Delivery.id.is_(None), Delivery.state.not_in(_CLOSED)),
            where,
        )
        .order_by(GuardianContact.guardian_id, GuardianContact.rank, ContactPoint.id)
    )
    found = [
        (guardian_id, _Way(*way), going) for guardian_id, *way, going in tx.session.execute(query)
    ]
    unknown = _unknown(tx, broadcast, {who for who, way, _ in found if way.channel == MAIL})
    ways: dict[int, _Way] = {}
    for guardian_id, way, going in found:
        # What goes there for somebody else who shares it asks nobody once more.
        if going or way.channel != MAIL or (guardian_id, _place(way.domain)) not in unknown:
            ways.setdefault(guardian_id, way)
    return ways


def _unknown(
    tx: Transaction, broadcast: Broadcast, guardian_ids: Collection[int]
) -> set[tuple[int, str]]:
    """Which of these guardians a destination called unknown in this broadcast, and which."""
    if not guardian_ids:
        return set()
    query = (
        select(GuardianContact.guardian_id, ContactPoint.domain)
        .join(ContactPoint, ContactPoint.id == GuardianContact.contact_point_id)
        .join(Delivery, Delivery.contact_point_id == ContactPoint.id)
        .where(
            GuardianContact.guardian_id.in_(guardian_ids),
            ContactPoint.channel == MAIL,
            Delivery.broadcast_id == broadcast.id,
            Delivery.state == State.REFUSED.value,
            Delivery.reason == UNKNOWN_USER,
        )
    )
    return {(who, _place(domain)) for who, domain in tx.session.execute(query).tuples()}


def _place(domain: str) -> str:
    """Where mail for a domain goes: a lane, or the domain itself that has no lane of its own."""
    its_lane = lane_of(domain)
    return domain if its_lane == OTHER else its_lane


def _point_to(tx: Transaction, broadcast: Broadcast, ways: Mapping[int, _Way]) -> None:
    statement = (
        update(AudienceMember.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
        .where(
            AudienceMember.broadcast_id == broadcast.id,
            AudienceMember.guardian_id == bindparam("who"),
        )
        .values(contact_point_id=bindparam("way"))
    )
    rows = [{"who": who, "way": way.id} for who, way in ways.items()]
    tx.session.connection().execute(statement, rows)


# Deliveries for the new ways.


def _deliver(
    tx: Transaction,
    broadcast: Broadcast,
    chunk: Chunk,
    moved: Sequence[_Member],
    ways: Mapping[int, _Way],
    rules: Rules,
) -> None:
    """Make a delivery for each contact point that has none in this broadcast."""
    # In one order, lest two transactions wait for each other.
    points = dict(sorted((way.id, way) for way in ways.values()))
    insert_all_new(tx, Delivery, [_row(broadcast, way_id) for way_id in points])
    languages = _languages(moved, ways)
    privacy = content.privacy_of(broadcast.options)
    kinds: dict[_Kind, list[int]] = defaultdict(list)
    for delivery_id, way_id in _without_chunk(tx, broadcast, points):
        way = points[way_id]
        variant = content.variant(languages[way_id], way.channel, privacy, way.mail_form)
        kinds[way.channel, way.account, lane(way.channel, way.domain), variant].append(delivery_id)
    for kind, ids in kinds.items():
        _cut(tx, chunk, kind, ids, rules[kind[0]])


def _row(broadcast: Broadcast, way_id: int) -> dict[str, object]:
    return {
        "board_id": broadcast.board_id,
        "broadcast_id": broadcast.id,
        "contact_point_id": way_id,
        "state": State.WAITING.value,
        "attempts": 0,
        "doubtful": 0,
        "reason": "",
        "reference": "",
    }


def _without_chunk(
    tx: Transaction, broadcast: Broadcast, points: Collection[int]
) -> Iterator[tuple[int, int]]:
    """The deliveries that were not there before; nobody else sees one without its chunk."""
    query = (
        select(Delivery.id, Delivery.contact_point_id)
        .where(
            Delivery.broadcast_id == broadcast.id,
            Delivery.contact_point_id.in_(points),
            Delivery.chunk_id.is_(None),
        )
        .order_by(Delivery.id)
    )
    yield from tx.session.execute(query).tuples()


def _languages(moved: Sequence[_Member], ways: Mapping[int, _Way]) -> dict[int, str]:
    """Of two languages at one mailbox, Japanese is the one that both can be expected to read."""
    found: dict[int, str] = {}
    for member in moved:
        way_id = ways[member.guardian_id].id
        if member.language != "en":
            found[way_id] = "ja"
        found.setdefault(way_id, "en")
    return found


def _cut(tx: Transaction, like: Chunk, kind: _Kind, ids: Sequence[int], rule: ChunkRule) -> None:
    """Put new deliveries of one kind into chunks that are due at once."""
    for start in range(0, len(ids), rule.size):
        part = ids[start : start + rule.size]
        made = _chunk(tx, like, kind, len(part), rule)
        chunks.execute(
            tx,
            update(Delivery)
            .where(Delivery.id.in_(part), Delivery.chunk_id.is_(None))
            .values(chunk_id=made.id),
        )


def _chunk(tx: Transaction, like: Chunk, kind: _Kind, size: int, rule: ChunkRule) -> Chunk:
    channel, account, its_lane, variant = kind
    chunk = Chunk(
        board_id=like.board_id,
        broadcast_id=like.broadcast_id,
        channel=channel,
        account=account,
        lane=its_lane,
        variant=variant,
        priority=like.priority,
        state=chunks.READY,
        size=size,
        keyed=rule.keyed,
        epoch=0,
        not_before=tx.now,
        deadline=min(like.deadline, tx.now + KEY_LASTS) if rule.keyed else like.deadline,
    )
    tx.session.add(chunk)
    tx.flush()
    return chunk
