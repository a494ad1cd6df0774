"""Whoever falls silent within a dialogue is reminded of it once, by day, before it ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from actions import boards
from bot.steps import Flow
from bot.talk import Talk
from domain.moments import moment
from domain.wording import say
from storage import boards as stored_boards
from storage import dialogues, people, replies
from storage.database import Database, Transaction

# Nobody is reminded before they have slept over it.
_EARLIEST = timedelta(days=1)
# Telephones lie beside beds.
_FIRST_HOUR, _LAST_HOUR = 7, 21

log = structlog.get_logger()


def remind_all(database: Database, flows: Mapping[str, Flow]) -> int:
    """Remind everybody who is to be reminded now; return how many.

    Each in a transaction of their own, so that one script that is broken holds up nobody.
    """
    held = [name for name, flow in flows.items() if flow.reminder or not flow.passing]
    with database.reading() as tx:
        silent = dialogues.silent(tx, held, _EARLIEST)
    return sum(_remind(database, flows, each) for each in silent if _is_time(tx.now, each))


def _is_time(now: datetime, silent: dialogues.Silent) -> bool:
    """Whether half the time has passed after which the answers are deleted."""
    return now >= silent.since + (silent.until - silent.since) / 2


def _remind(database: Database, flows: Mapping[str, Flow], silent: dialogues.Silent) -> bool:
    try:
        with database.writing() as tx:
            return remind(tx, flows, silent)
    except Exception as error:
        log.error("reminder.failed", dialogue=silent.id, error=type(error).__name__)
    return False


def remind(tx: Transaction, flows: Mapping[str, Flow], silent: dialogues.Silent) -> bool:
    """Say that a dialogue waits, and ask its question again; False if there is no call for it."""
    contact = people.lock_contact(tx, silent.contact_point_id)
    if not _is_day(tx, contact.board_id):
        return False
    if not dialogues.note_reminded(tx, silent):
        return False
    allowed = boards.settings(tx, contact.board_id).allows(contact.channel)
    if contact.state != "active" or not allowed:
        return False
    talk = Talk(tx, contact.id, flows)
    stored = talk.active()
    at = talk.open(stored) if stored else None
    if at is not None:
        zone = stored_boards.board(tx, contact.board_id).zone
        time = moment(silent.until, zone)
        talk.say(say(at.flow.reminder or "bot.reminder", time=time))
        talk.repeat(at)
    for message in talk.messages():
        replies.queue(tx, contact.id, message)
    return True


def _is_day(tx: Transaction, board_id: int) -> bool:
    zone = ZoneInfo(stored_boards.board(tx, board_id).zone)
    return _FIRST_HOUR <= tx.now.astimezone(zone).hour < _LAST_HOUR
