"""Freezing a due broadcast: from approved to sending, its audience and chunks written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from actions import audit, boards, broadcasts, withdrawals
from domain import approved_audiences, deliveries
from domain.approved_audiences import Change
from domain.audience import continues, parts_from_json
from domain.board_settings import BoardSettings
from domain.broadcasts import Verb, has_outgrown
from domain.content import is_emergency
from domain.deliveries import ORDINARY, URGENT, ChunkRule
from domain.quotas import Use
from storage import approved_audiences as approvals
from storage import freezing, overflow
from storage.database import Transaction
from storage.freezing import Cut, Frozen
from storage.reach import Reach
from storage.tables import Broadcast


@dataclass(frozen=True, slots=True)
class Outgrown:
    """The audience is no longer the one that was approved; somebody must decide again."""

    families: int
    approved: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What holds for one freezing: the channels that are on, and what the board chose."""

    rules: Mapping[str, ChunkRule]
    settings: BoardSettings
    reach: Reach


def freeze(
    tx: Transaction, broadcast_id: int, rules: Mapping[str, ChunkRule]
) -> Frozen | Outgrown | None:
    """Freeze a broadcast if it is due; None if another worker was faster or it was called off.

    `rules` are the channels that are on, with how each is cut: a guardian who can only be
    reached by another one, or by one that the board does not use, counts as not reached.
    """
    if withdrawals.falls_with_its_origin(tx, broadcast_id):
        return None
    broadcast = freezing.claim(tx, broadcast_id)
    if broadcast is None or _has_lapsed(broadcast, tx):
        return None
    settings = boards.settings(tx, broadcast.board_id)
    channels = tuple(name for name in rules if settings.allows(name))
    plan = _Plan(rules, settings, Reach(channels, ordinary=not is_emergency(broadcast.options)))
    families = freezing.note_audience(tx, broadcast, plan.reach)
    approved = broadcast.approved_families
    if approved is not None and (changed := _exchanged(tx, broadcast, families, plan.settings)):
        freezing.forget_audience(tx, broadcast)
        broadcasts.outgrow(tx, broadcast_id, families, changed)
        return Outgrown(families, approved)
    return _start(tx, broadcast, plan)


def _exchanged(
    tx: Transaction, broadcast: Broadcast, families: int, settings: BoardSettings
) -> Change | None:
    """What became of an audience that its approval no longer speaks for; None if it still does.

    Part of an earlier audience may be small, and grows smaller by itself: who confirmed
    meanwhile needs no reminder.
    """
    approved, percent = broadcast.approved_families or 0, settings.outgrow_percent
    changed = approvals.change_of(tx, broadcast)
    if changed is None:
        grown = has_outgrown(families, approved, percent)
        return Change(came=families - approved, went=0) if grown else None
    if continues(parts_from_json(broadcast.audience)):
        only_came = replace(changed, went=0)
        return changed if approved_audiences.is_another(only_came, approved, percent) else None
    is_another = approved_audiences.is_another(changed, approved, percent)
    return changed if is_another or families < settings.min_families else None


def _has_lapsed(broadcast: Broadcast, tx: Transaction) -> bool:
    """Whether it is too late; the tick that expires broadcasts closes it."""
    return broadcast.valid_until is not None and broadcast.valid_until <= tx.now


def _start(tx: Transaction, broadcast: Broadcast, plan: _Plan) -> Frozen:
    needed = _fit(tx, broadcast, plan)
    _note_further_ways(tx, broadcast, plan, needed)
    freezing.start(tx, broadcast)
    withdrawals.supersede(tx, broadcast)
    frozen = freezing.make_deliveries(tx, broadcast, _cut(tx, broadcast, plan, needed))
    details = {
        "families": frozen.families,
        "recipients": frozen.recipients,
        "not_reached": frozen.not_reached,
    }
    if moved := sum(use.moved for use in needed):
        details["moved_by_quota"] = moved
    note(tx, broadcast, Verb.START, details)
    return frozen


def _fit(tx: Transaction, broadcast: Broadcast, plan: _Plan) -> list[Use]:
    """Move those whom a monthly quota does not suffice for, unless the board sends all the same.

    Under `refuse` too: when it was submitted it did fit, and what was approved since must not
    be lost because others used the quota up in between.
    """
    if plan.settings.over_quota == "send":
        return []
    needed = overflow.uses(tx, broadcast, plan.reach)
    if any(use.moved for use in needed):
        freezing.forget_audience(tx, broadcast)
        overflow.note_fitting(tx, broadcast, plan.reach, needed)
    return needed


def _note_further_ways(
    tx: Transaction, broadcast: Broadcast, plan: _Plan, needed: list[Use]
) -> None:
    """For those who are reached by all their ways; but not by one that the quota is short of."""
    are_any = freezing.note_further_ways(tx, broadcast, plan.reach)
    if are_any and any(use.moved for use in needed):
        overflow.drop_further(tx, broadcast, plan.reach, needed)


def _cut(tx: Transaction, broadcast: Broadcast, plan: _Plan, needed: list[Use]) -> Cut:
    keep_trying = timedelta(hours=plan.settings.keep_trying_hours)
    return Cut(
        rules=plan.rules,
        priority=ORDINARY if plan.reach.ordinary else URGENT,
        deadline=deliveries.deadline(tx.now, keep_trying, broadcast.valid_until),
        beyond=overflow.first_beyond(tx, broadcast, plan.reach, needed),
    )


def note(tx: Transaction, broadcast: Broadcast, verb: Verb, details: Mapping[str, int]) -> None:
    """Put what the system did with a broadcast on its audit chain."""
    chain = audit.chain_of(broadcast.board_id, broadcast.school_id)
    audit.record(tx, chain, audit.SYSTEM, verb.value, f"broadcast:{broadcast.id}", details)
