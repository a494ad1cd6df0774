"""Recording: what providers said of a leased chunk's deliveries, and what follows from it.

Everything here is safe to do twice: an outcome changes a delivery only while that is open and
in the chunk that was leased.  All outcomes of one request to a keyed provider come in one call
(see delivery.recorder), so that no part of a split chunk is torn in two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update

from domain import deliveries as rules
from domain.breaker import LANE_STOPPED
from domain.deliveries import Change, Moment, State, Tried
from domain.outcomes import Accepted, Outcome, Placed, TryLater
from storage import chunks, rerouting, suppressions
from storage.accepting import accept
from storage.chunks import OPEN_ROW
from storage.database import Transaction
from storage.ledger import Again, Lease, release_all, still_held
from storage.people import MAIL
from storage.tables import Broadcast, Chunk, ContactPoint, Delivery

# A channel that parts nobody from nobody would be asked without end and without a pause.
_NOT_PARTED = timedelta(minutes=1)
# What a channel says of an account that is gone, or that refuses our key; and after how many
# tries those who have another way get the message by that.
_SHUT, _SHUT_AFTER = "no_access", 4

Outcomes = Sequence[tuple[int, Outcome]]


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker has to tell of one lease: outcomes in the order they came, and whether it is
    `released` then, and what is left in it waits until `not_before`.
    """

    held: Lease
    outcomes: Outcomes = ()
    released: bool = False
    not_before: datetime | None = None


def record_all(tx: Transaction, told: Collection[Told], again: Again) -> set[tuple[int, int]]:
    """Write down what came of many leases, in a few statements, and give back what is released.

    Returns the chunks and epochs of the leases that were lost: of those nothing was recorded,
    somebody else sends them now.
    """
    if not told:
        return set()
    ours = still_held(tx, [each.held for each in told])
    kept = [each for each in told if (each.held.chunk_id, each.held.epoch) in ours]
    parted = [(each, _parted(each.outcomes)) for each in kept]
    _accept(tx, [(each.held, accepted) for each, (accepted, _) in parted if accepted])
    for each, (_, others) in parted:
        if others:
            chunk = tx.session.get_one(Chunk, each.held.chunk_id, populate_existing=True)
            _record_others(tx, chunk, others, again)
    release_all(tx, {each.held: each.not_before for each in kept if each.released})
    return {(each.held.chunk_id, each.held.epoch) for each in told} - ours


def record_in(tx: Transaction, chunk: Chunk, outcomes: Outcomes, again: Again) -> None:
    """Write down outcomes in a chunk whose lease was looked at before."""
    accepted, others = _parted(outcomes)
    if accepted:
        _accept(tx, [(chunk, accepted)])
    if others:
        _record_others(tx, chunk, others, again)


def _parted(outcomes: Outcomes) -> tuple[dict[int, str], list[tuple[int, Outcome]]]:
    """The references of what was accepted, and all the rest; the first outcome of each counts."""
    accepted: dict[int, str] = {}
    others: dict[int, Outcome] = {}
    for one, outcome in outcomes:
        if one in others:
            continue
        if isinstance(outcome, Accepted):
            accepted.setdefault(one, rules.reference_kept(outcome.reference))
        elif one not in accepted:
            others[one] = outcome
    return accepted, list(others.items())


def _accept(tx: Transaction, told: Sequence[tuple[Lease | Chunk, Mapping[int, str]]]) -> None:
    if not told:
        return
    tx.flush()
    accept(tx, {_number(held): accepted for held, accepted in told})
    mailed = [one for held, accepted in told if held.channel == MAIL for one in accepted]
    suppressions.note_accepted(tx, mailed)


def _number(held: Lease | Chunk) -> int:
    return held.chunk_id if isinstance(held, Lease) else held.id


def _record_others(tx: Transaction, chunk: Chunk, outcomes: Outcomes, again: Again) -> None:
    changes = _changes(tx, chunk, outcomes, again)
    over = _waiting_for(rules.QUOTA, outcomes, changes)
    # An account that is shut may be open again soon; one that stays shut is no way to anybody.
    shut = _waiting_for(_SHUT, outcomes, changes) if chunk.epoch >= _SHUT_AFTER else []
    # A destination that a person must let go on: who has another way need not wait for that.
    shut += (stopped := _waiting_for(LANE_STOPPED, outcomes, changes))
    now = {one: change for one, change in changes.items() if one not in {*over, *shut}}
    _apply(tx, chunk.id, now)
    _follow_refusals(tx, chunk, changes, again)
    # Only now: whoever was just refused is no other way for anybody.
    for one in rerouting.move_over_quota(tx, chunk, over, again.limits):
        changes[one] = Change(State.REFUSED, rules.QUOTA)
    for one in rerouting.move_elsewhere(tx, chunk, shut, again.limits):
        changes[one] = Change(State.REFUSED, LANE_STOPPED if one in stopped else _SHUT)
    _apply(tx, chunk.id, {one: changes[one] for one in (*over, *shut)})
    _put_down_again(tx, chunk, changes, again)
    _mark(tx, chunk, outcomes, changes)


def _changes(tx: Transaction, chunk: Chunk, outcomes: Outcomes, again: Again) -> dict[int, Change]:
    """What the outcomes make of deliveries that are open; placing needs no look at what was."""
    full_until = _full_until(tx, chunk, outcomes)
    moment = Moment(tx.now, chunk.deadline, again.jitter, chunk.keyed, full_until)
    tried = _tried(tx, chunk.id, [one for one, outcome in outcomes if not _is_over(outcome)])
    return {
        one: rules.settle(outcome, tried.get(one, Tried()), moment)
        for one, outcome in outcomes
        if _is_over(outcome) or one in tried
    }


def _full_until(tx: Transaction, chunk: Chunk, outcomes: Outcomes) -> datetime | None:
    """How long the full mailboxes among them are tried; a keyed chunk stays together."""
    if chunk.keyed or not any(map(_is_full, (outcome for _, outcome in outcomes))):
        return None
    broadcast = tx.session.get_one(Broadcast, chunk.broadcast_id)
    frozen_at = broadcast.frozen_at or tx.now
    latest = rules.deadline(frozen_at, rules.FULL_LASTS, broadcast.valid_until)
    return max(chunk.deadline, latest)


def _is_full(outcome: Outcome) -> bool:
    return isinstance(outcome, TryLater) and outcome.reason == rules.MAILBOX_FULL


def _is_over(outcome: Outcome) -> bool:
    return isinstance(outcome, Placed)


def _tried(tx: Transaction, chunk_id: int, ids: Sequence[int]) -> dict[int, Tried]:
    if not ids:
        return {}
    query = select(Delivery.id, Delivery.attempts, Delivery.doubtful, Delivery.state).where(
        Delivery.id.in_(ids), Delivery.chunk_id == chunk_id, OPEN_ROW
    )
    return {
        row.id: Tried(row.attempts, row.doubtful, row.state == State.UNKNOWN)
        for row in tx.session.execute(query)
    }


def _waiting_for(reason: str, outcomes: Outcomes, changes: Mapping[int, Change]) -> list[int]:
    """Those put off for this reason; not one of whom an earlier try may have been accepted."""
    found = (
        one
        for one, outcome in outcomes
        if isinstance(outcome, TryLater)
        and outcome.reason == reason
        and one in changes
        and changes[one].state is State.WAITING
    )
    return sorted(set(found))


# Writing.

_COLUMNS = {
    "state": bindparam("to"),
    "reason": bindparam("why"),
    "reference": bindparam("named"),
    "settled_at": bindparam("at"),
    "attempts": Delivery.attempts + 1,
    "doubtful": Delivery.doubtful + bindparam("doubts"),
}
_APPLY = (
    update(Delivery.__table__)  # type: ignore[arg-type]  # a Table, typed as FromClause
    .where(Delivery.chunk_id == bindparam("chunk"), OPEN_ROW)
    .values(**_COLUMNS)
)
_APPLY_TO_ONE = _APPLY.where(Delivery.id == bindparam("delivery"))
_APPLY_TO_ALL = _APPLY.where(Delivery.id.in_(bindparam("deliveries", expanding=True)))


def _apply(tx: Transaction, chunk_id: int, changes: Mapping[int, Change]) -> None:
    """One statement for all that became the same (a multicast), one for each that did not."""
    alike: dict[Change, list[int]] = defaultdict(list)
    for one, change in changes.items():
        alike[change].append(one)
    connection = tx.session.connection()
    single = []
    for change, ids in alike.items():
        row = _row(chunk_id, change, tx.now)
        if len(ids) == 1:
            single.append(row | {"delivery": ids[0]})
        else:
            connection.execute(_APPLY_TO_ALL, row | {"deliveries": ids})
    if single:
        connection.execute(_APPLY_TO_ONE, single)


def _row(chunk_id: int, change: Change, now: datetime) -> dict[str, object]:
    return {
        "chunk": chunk_id,
        "to": change.state.value,
        "why": change.reason,
        "named": change.reference,
        "at": now if change.settled else None,
        "doubts": int(change.doubtful),
    }


# What follows.


def _follow_refusals(
    tx: Transaction, chunk: Chunk, changes: Mapping[int, Change], again: Again
) -> None:
    refused = [one for one, change in changes.items() if change.state is State.REFUSED]
    blocked = [one for one in refused if changes[one].reason == rules.BLOCKED]
    if blocked:
        _block(tx, chunk, blocked)
    if refused:
        rerouting.move_refused(tx, chunk, refused, again.limits)


def _block(tx: Transaction, chunk: Chunk, ids: Collection[int]) -> None:
    """Who closed the conversation gets nothing here, until they open it again."""
    theirs = select(Delivery.contact_point_id).where(
        Delivery.id.in_(ids), Delivery.chunk_id == chunk.id
    )
    # Whoever opened it after this chunk was due did so after the refusal, which may be told late.
    older = or_(ContactPoint.state_at.is_(None), ContactPoint.state_at < chunk.not_before)
    chunks.execute(
        tx,
        update(ContactPoint)
        .where(ContactPoint.id.in_(theirs), older)
        .values(state="blocked", state_at=tx.now),
    )


def _mark(tx: Transaction, chunk: Chunk, outcomes: Outcomes, changes: Mapping[int, Change]) -> None:
    """Tell the marks of contact points whom their carrier refused."""
    if chunk.channel != MAIL:
        return
    full = {one: rules.MAILBOX_FULL for one, outcome in outcomes if _is_full(outcome)}
    refused = {
        one: change.reason for one, change in changes.items() if change.state is State.REFUSED
    }
    told = {one: reason for one, reason in (full | refused).items() if one in changes}
    if told:
        suppressions.note_refused(tx, chunk, told)


def _put_down_again(
    tx: Transaction, chunk: Chunk, changes: Mapping[int, Change], again: Again
) -> None:
    by_time: dict[tuple[datetime, chunks.Until], list[int]] = defaultdict(list)
    by_part: dict[int, list[int]] = defaultdict(list)
    for one, change in changes.items():
        if change.part is not None:
            by_part[change.part].append(one)
        elif change.again_at is not None:
            by_time[change.again_at, _until(chunk, change)].append(one)
    for ids in by_part.values():
        at = tx.now if len(ids) < chunk.size else tx.now + _NOT_PARTED
        chunks.move(tx, chunks.new_chunk(tx, chunk, at, len(ids)), chunk.id, ids)
    if chunk.keyed:
        # They stay together, or their key would name others than it did.
        chunk.not_before = max([chunk.not_before, *(at for at, _ in by_time)])
        return
    for (at, until), ids in by_time.items():
        limit = _limit(chunk, again, len(ids))
        to = chunks.chunk_for(tx, chunk, at, until, len(ids), limit)
        chunks.move(tx, to, chunk.id, ids)


def _until(chunk: Chunk, change: Change) -> chunks.Until:
    """Only a full mailbox is given a deadline of its own."""
    if change.deadline is not None:
        return chunks.Until(change.deadline, patient=True)
    return chunks.Until(chunk.deadline, chunk.patient)


def _limit(chunk: Chunk, again: Again, least: int) -> int:
    """The largest chunk of the channel; of one that is off, as many as there are."""
    rule = again.limits.get(chunk.channel)
    return rule.size if rule else least
