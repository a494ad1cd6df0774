"""Asking providers what each account may still send in this month, so that it is known before
somebody approves a broadcast.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event

import structlog

from channels.base import Channel, Metered, Quota
from storage import quotas
from storage.database import Database

log = structlog.get_logger()

# Seconds from one round to the next.
_EVERY = 60.0
_UNCOUNTED = Quota(limit=None, used=0)


class Quotas:
    """The thread of a worker that keeps what is known of quotas up to date."""

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self._database = database
        self._channels = channels

    def run(self, stop: Event) -> None:
        """Ask at once, and then once a minute until stopped."""
        while True:
            try:
                ask_all(self._database, self._channels)
            except Exception:
                log.exception("quotas_failed")
            if stop.wait(_EVERY):
                return


def ask_all(database: Database, channels: Mapping[str, Channel]) -> None:
    """Ask for every account, and note the answers; without an answer, what is known stays.

    No transaction is open while a provider is asked.
    """
    answers = {
        (name, account): _ask(channel, account)
        for name, channel in channels.items()
        for account in channel.accounts
    }
    with database.writing() as tx:
        quotas.keep_only(tx, answers)
        for (name, account), quota in answers.items():
            if quota is not None:
                quotas.note(tx, name, account, quota.limit, quota.used)


def _ask(channel: Channel, account: str) -> Quota | None:
    if not isinstance(channel, Metered):
        return _UNCOUNTED
    try:
        return channel.quota(account)
    except Exception:
        log.exception("quota_not_asked", channel=channel.name, account=account)
        return None
