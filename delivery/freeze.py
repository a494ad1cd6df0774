"""Freezing a due broadcast: from approved to sending, its audience and chunks written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions import audit, boards, broadcasts
from domain import deliveries
from domain.broadcasts import Verb, has_outgrown
from storage import freezing
from storage.database import Transaction
from storage.freezing import Cut, Frozen
from storage.tables import Broadcast

# Lower is sooner.
URGENT, ORDINARY = 1, 5


@dataclass(frozen=True, slots=True)
class Outgrown:
    """The audience grew beyond what was approved; somebody must decide again."""

    families: int
    approved: int


def freeze(
    tx: Transaction, broadcast_id: int, limits: Mapping[str, int]
) -> Frozen | Outgrown | None:
    """Freeze a broadcast if it is due; None if another worker was faster or it was called off.

    `limits` are the channels that are on, with the largest chunk of each: a guardian who can
    only be reached by another one counts as not reached.
    """
    broadcast = freezing.claim(tx, broadcast_id)
    if broadcast is None or _has_lapsed(broadcast, tx.now):
        return None
    emergency = is_emergency(broadcast)
    families = freezing.note_audience(tx, broadcast, list(limits), ordinary=not emergency)
    settings = boards.settings(tx, broadcast.board_id)
    approved = broadcast.approved_families
    if approved is not None and has_outgrown(families, approved, settings.outgrow_percent):
        freezing.forget_audience(tx, broadcast)
        broadcasts.outgrow(tx, broadcast_id, families)
        return Outgrown(families, approved)
    keep_trying = timedelta(hours=settings.keep_trying_hours)
    deadline = deliveries.deadline(tx.now, keep_trying, broadcast.valid_until)
    return _start(tx, broadcast, Cut(limits, URGENT if emergency else ORDINARY, deadline))


def _has_lapsed(broadcast: Broadcast, now: datetime) -> bool:
    """Whether it is too late; the tick that expires broadcasts closes it."""
    return broadcast.valid_until is not None and broadcast.valid_until <= now


def is_emergency(broadcast: Broadcast) -> bool:
    return bool(broadcast.options.get("emergency"))


def _start(tx: Transaction, broadcast: Broadcast, cut: Cut) -> Frozen:
    freezing.start(tx, broadcast)
    frozen = freezing.make_deliveries(tx, broadcast, cut)
    details = {
        "families": frozen.families,
        "recipients": frozen.recipients,
        "not_reached": frozen.not_reached,
    }
    note(tx, broadcast, Verb.START, details)
    return frozen


def note(tx: Transaction, broadcast: Broadcast, verb: Verb, details: Mapping[str, int]) -> None:
    """Put what the system did with a broadcast on its audit chain."""
    chain = audit.chain_of(broadcast.board_id, broadcast.school_id)
    audit.record(tx, chain, audit.SYSTEM, verb.value, f"broadcast:{broadcast.id}", details)
