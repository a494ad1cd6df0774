"""What a provider tells of a conversation itself: nothing of this is said by the person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from actions import audit, linking
from bot import metrics, outside
from domain.speech import speak
from storage import inbox, people, replies, staff
from storage.database import Transaction
from storage.inbox import InboxItem

log = structlog.get_logger()


def happened_at(item: InboxItem) -> datetime:
    """When the provider says that it happened, and never later than it came in.

    A provider's clock that is ahead would otherwise make everything said next look old.
    """
    return min(item.at, item.received_at)


def is_registered(tx: Transaction, contact_id: int) -> bool:
    """Whether a school's messages reach a contact point, or it is a staff member's."""
    return bool(people.groups_joined(tx, contact_id)) or staff.staff_at(tx, contact_id) is not None


def _close(tx: Transaction, item: InboxItem) -> None:
    """Blocked: nothing more is sent, nothing is said, and the open dialogue stays as it is."""
    contact = people.contact_point(
        tx, item.board_id, item.channel, item.account, item.sender, lock=True
    )
    people.note_closed(contact, happened_at(item))


def _move(tx: Transaction, item: InboxItem) -> None:
    moved = people.move(tx, item.channel, item.account, item.sender, item.text)
    log.info("contact.moved", channel=item.channel, moved=moved)


def not_linked(tx: Transaction, item: InboxItem) -> None:
    """An account link failed, and the event has no sender: the nonce leads to who asked for it."""
    told = linking.failed(tx, item.token)
    if told is not None:
        contact_id, refusal = told
        replies.queue(tx, contact_id, speak(refusal.words), item.id)


def _set_aside(tx: Transaction, item: InboxItem) -> None:
    """Keep an event that nobody here understands, as it came, for a person to look at."""
    chain = audit.chain_of(inbox.park(tx, item.id), None)
    details = {"channel": item.channel}
    audit.record(tx, chain, audit.SYSTEM, "park_event", f"inbox:{item.id}", details)
    metrics.UNKNOWN.labels(item.channel).inc()
    log.warning("event.unknown", channel=item.channel, item=item.id)


# What is done without a word, by the kind of event.
SILENT: Mapping[str, Callable[[Transaction, InboxItem], None]] = {
    "leave": outside.leave,
    "unfollow": _close,
    "moved": _move,
    "unknown": _set_aside,
}
