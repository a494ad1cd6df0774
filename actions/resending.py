"""再送: what was sent goes once more to the families that were not reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions import boards
from actions.moving import move, opened, refused_here
from domain.broadcasts import Relation, State, Verb
from domain.cards import CardRef
from domain.deliveries import deadline
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from storage import broadcasts, quotas, reminding, resending
from storage.database import Transaction
from storage.resending import NotReached
from storage.tables import Broadcast

__all__ = ["NotReached", "Resent", "not_reached", "outdated", "resend", "with_not_reached"]

# Right after it was sent, nothing has changed yet; and whoever presses twice means it once.
PAUSE = timedelta(minutes=3)
# Later, what was approved need not be true any more, and whoever wants it said writes anew.
RECENT = timedelta(days=3)
_FOLLOWED_BY = (Relation.CORRECTION, Relation.REPLACEMENT)
_HANDED_IN = (State.PENDING, State.APPROVED, State.SENDING, State.SENT)
_LISTED = 10


@dataclass(frozen=True, slots=True)
class Resent:
    """How many families can be reached now, and by how many contact points."""

    families: int
    recipients: int


def resend(tx: Transaction, actor: Actor, ref: CardRef) -> Resent | Refusal:
    """Send to every usable way of each family not reached; nobody who was reached gets it twice.

    It needs no new approval: exactly what was approved goes to a part of whom it was approved for.
    """
    row = opened(tx, actor, ref, Verb.RESEND)
    if isinstance(row, Refusal):
        return row
    left = not_reached(tx, row)
    if refused := _refused(tx, row, left):
        return refused_here(tx, actor, row, Verb.RESEND, refused)
    values = {"finished_at": None}
    if lost := move(tx, actor, row, Verb.RESEND, values=values, families=left.can_be):
        return lost
    recipients = resending.put_down(tx, row, _channels(tx, row), _deadline(tx, row))
    return Resent(left.can_be, recipients)


def not_reached(tx: Transaction, row: Broadcast) -> NotReached:
    """The families that a broadcast did not reach, by what stands in their way now."""
    return resending.not_reached(tx, row, _channels(tx, row))


def with_not_reached(tx: Transaction, actor: Actor) -> Sequence[tuple[Broadcast, NotReached]]:
    """The newest broadcasts of this person's places that did not reach everybody."""
    places = {grant.school_id for grant in actor.grants if may_write(actor, grant.school_id)}
    sent = broadcasts.of_places(tx, actor.board_id, places, [State.SENT], tx.now - RECENT)
    still_good = [row for row in sent if not outdated(tx, row)]
    counted = ((row, not_reached(tx, row)) for row in still_good[:_LISTED])
    return [(row, left) for row, left in counted if left.families]


def _refused(tx: Transaction, row: Broadcast, left: NotReached) -> Refusal | None:
    if broadcasts.hash_now(tx, row) != row.content_hash:
        return refuse("content_changed")
    if refused := outdated(tx, row):
        return refused
    if row.finished_at is not None and tx.now - row.finished_at < PAUSE:
        return refuse("resent_just_now", minutes=int(PAUSE.total_seconds()) // 60)
    return None if left.can_be else refuse("nobody_to_resend")


def outdated(tx: Transaction, row: Broadcast) -> Refusal | None:
    """Why what a broadcast says must not be spread any further."""
    if row.valid_until is not None and row.valid_until <= tx.now:
        return refuse("too_late")
    if tx.now - (row.frozen_at or row.created_at) > RECENT:
        return refuse("too_old_to_resend", subject=row.subject, days=RECENT.days)
    root = reminding.root_of(tx, row)
    newer = next(iter(broadcasts.follow_ups_of(tx, root.id, _FOLLOWED_BY, _HANDED_IN)), None)
    if newer is not None:
        return refuse("resend_what_follows", subject=row.subject, newer=newer.subject)
    return None


def _channels(tx: Transaction, row: Broadcast) -> tuple[str, ...]:
    settings = boards.settings(tx, row.board_id)
    return tuple(name for name in quotas.channels(tx) if settings.allows(name))


def _deadline(tx: Transaction, row: Broadcast) -> datetime:
    keep_trying = timedelta(hours=boards.settings(tx, row.board_id).keep_trying_hours)
    return deadline(tx.now, keep_trying, row.valid_until)
