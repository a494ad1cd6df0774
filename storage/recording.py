"""Recording: what providers said of a leased chunk's deliveries, and what follows from it.

Everything here is safe to do twice: an outcome changes a delivery only while that is open and
in the chunk that was leased.  All outcomes of one request to a keyed provider come in one call
(see delivery.recorder), so that no part of a split chunk is torn in two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select, update

from domain import deliveries as rules
from domain.deliveries import Change, Moment, State, Tried
from domain.outcomes import Accepted, Outcome, Placed, TryLater
from storage import chunks, rerouting
from storage.chunks import OPEN_ROW
from storage.database import Transaction
from storage.ledger import Again, Lease, held_chunk
from storage.tables import Chunk, ContactPoint, Delivery

# A channel that parts nobody from nobody would be asked without end and without a pause.
_NOT_PARTED = timedelta(minutes=1)
# What a channel says of an account that is gone, or that refuses our key; and after how many
# tries those who have another way get the message by that.
_SHUT, _SHUT_AFTER = "no_access", 4

Outcomes = Sequence[tuple[int, Outcome]]


def record(tx: Transaction, held: Lease, outcomes: Outcomes, again: Again) -> bool:
    """Write down what became of deliveries of a leased chunk.

    Returns False, recording nothing, if the lease was lost: somebody else sends them now.
    """
    chunk = held_chunk(tx, held.chunk_id, held.epoch, held.worker)
    if chunk is None:
        return False
    record_in(tx, chunk, outcomes, again)
    return True


def record_in(tx: Transaction, chunk: Chunk, outcomes: Outcomes, again: Again) -> None:
    """Write down outcomes in a chunk whose lease was looked at before."""
    changes = _changes(tx, chunk, outcomes, again)
    over = _waiting_for(rules.QUOTA, outcomes, changes)
    # An account that is shut may be open again soon; one that stays shut is no way to anybody.
    shut = _waiting_for(_SHUT, outcomes, changes) if chunk.epoch >= _SHUT_AFTER else []
    now = {one: change for one, change in changes.items() if one not in {*over, *shut}}
    _apply(tx, chunk.id, now)
    _follow_refusals(tx, chunk, changes, again)
    # Only now: whoever was just refused is no other way for anybody.
    for one in rerouting.move_over_quota(tx, chunk, over, again.limits):
        changes[one] = Change(State.REFUSED, rules.QUOTA)
    for one in rerouting.move_elsewhere(tx, chunk, shut, again.limits):
        changes[one] = Change(State.REFUSED, _SHUT)
    _apply(tx, chunk.id, {one: changes[one] for one in (*over, *shut)})
    _put_down_again(tx, chunk, changes, again)


def _changes(tx: Transaction, chunk: Chunk, outcomes: Outcomes, again: Again) -> dict[int, Change]:
    """What the outcomes make of deliveries; the first one of each counts.

    Only those that are accepted or placed need no look at what was before.
    """
    moment = Moment(tx.now, chunk.deadline, again.jitter, chunk.keyed)
    tried = _tried(tx, chunk.id, [one for one, outcome in outcomes if not _is_over(outcome)])
    changes: dict[int, Change] = {}
    for one, outcome in outcomes:
        if _is_over(outcome) or one in tried:
            changes.setdefault(one, rules.settle(outcome, tried.get(one, Tried()), moment))
    return changes


def _is_over(outcome: Outcome) -> bool:
    return isinstance(outcome, Accepted | Placed)


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


def _put_down_again(
    tx: Transaction, chunk: Chunk, changes: Mapping[int, Change], again: Again
) -> None:
    by_time: dict[datetime, list[int]] = defaultdict(list)
    by_part: dict[int, list[int]] = defaultdict(list)
    for one, change in changes.items():
        if change.part is not None:
            by_part[change.part].append(one)
        elif change.again_at is not None:
            by_time[change.again_at].append(one)
    for ids in by_part.values():
        at = tx.now if len(ids) < chunk.size else tx.now + _NOT_PARTED
        chunks.move(tx, chunks.new_chunk(tx, chunk, at, len(ids)), chunk.id, ids)
    if chunk.keyed:
        # They stay together, or their key would name others than it did.
        chunk.not_before = max([chunk.not_before, *by_time])
        return
    for at, ids in by_time.items():
        limit = _limit(chunk, again, len(ids))
        chunks.move(tx, chunks.chunk_for(tx, chunk, at, len(ids), limit), chunk.id, ids)


def _limit(chunk: Chunk, again: Again, least: int) -> int:
    """The largest chunk of the channel; of one that is off, as many as there are."""
    rule = again.limits.get(chunk.channel)
    return rule.size if rule else least
