"""Showing staff the menu of the roles they hold, soon after a role began or ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event

import structlog

from channels.base import Channel, Menus
from domain.menus import Menu
from domain.outcomes import Accepted, Outcome, TryLater
from storage import menus
from storage.database import Database
from storage.menus import Wanted

log = structlog.get_logger()

# Seconds from one round to the next.
_EVERY = 10.0
# The largest number of people that LINE is told of at once; more would be noted late.
_BATCH = 500
# Until LINE is asked again that did not take it, or does not have the menus yet.
_AGAIN = timedelta(minutes=10)

Key = tuple[str, str, Menu]


class MenuRounds:
    """The thread of a worker that keeps what staff are shown in step with their roles."""

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self._database = database
        self._channels = with_menus(channels)
        self._not_before: dict[Key, datetime] = {}

    def run(self, stop: Event) -> None:
        """A round at once, and then every ten seconds until stopped."""
        while self._channels:
            try:
                self.tick()
            except Exception:
                log.exception("menus_failed")
            if stop.wait(_EVERY):
                return

    def tick(self) -> int:
        """Show a menu to all who should see another one; return how many were."""
        with self._database.reading() as tx:
            due = menus.wanted(tx, list(self._channels))
        return sum(self._show(batch) for batch in batches(due))

    def _show(self, batch: Sequence[Wanted]) -> int:
        key, now = _key(batch[0]), self._database.clock()
        if self._not_before.get(key, now) > now:
            return 0
        outcome = show(self._database, self._channels[key[0]], batch)
        if isinstance(outcome, Accepted):
            self._not_before.pop(key, None)
            return len(batch)
        after = outcome.after if isinstance(outcome, TryLater) else None
        self._not_before[key] = now + (after or _AGAIN)
        log.warning("menu_not_shown", channel=key[0], account=key[1], menu=key[2], why=str(outcome))
        return 0


def with_menus(channels: Mapping[str, Channel]) -> dict[str, Menus]:
    """The channels that show each person a menu of their own."""
    return {name: channel for name, channel in channels.items() if isinstance(channel, Menus)}


def batches(due: Iterable[Wanted]) -> Iterator[Sequence[Wanted]]:
    """Those who are shown the same menu of the same account, as many as go at once."""
    together: dict[Key, list[Wanted]] = defaultdict(list)
    for one in due:
        together[_key(one)].append(one)
    for same in together.values():
        for first in range(0, len(same), _BATCH):
            yield same[first : first + _BATCH]


def show(database: Database, channel: Menus, batch: Sequence[Wanted]) -> Outcome:
    """Show a batch its menu and note it; no transaction is open while the provider is asked."""
    _, account, menu = _key(batch[0])
    outcome = channel.show_menu(account, [one.address for one in batch], menu)
    if isinstance(outcome, Accepted):
        with database.writing() as tx:
            menus.note_shown(tx, [one.contact_id for one in batch], menu)
    return outcome


def _key(one: Wanted) -> Key:
    return one.channel, one.account, one.menu
