"""What the workers know of mail's destinations, kept in the database for all of them.

A channel paces each destination by itself and stops one whose refusals jump (domain.breaker).
Every few seconds its worker writes down what has changed, and takes over what is stopped, or let
go on, by others: another worker, or a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import structlog

from actions import lanes as actions
from channels.base import Channel, Laned, LaneState
from storage import lane_states
from storage.database import Database, Transaction
from storage.lane_states import Key
from storage.tables import Lane

log = structlog.get_logger()

# Seconds from one round to the next: so long a stop takes to reach the other workers.
_EVERY = 2.0
# How often what nobody sends to any more is looked for.  It is forgotten after three months: what
# was learned of it no longer holds, and thousands of domains' servers come and go.  What is in use
# at a steady pace is written anew before that, by whoever uses it.
_TENDED, _STEADY, _KEPT = timedelta(days=1), timedelta(days=30), timedelta(days=90)
# What is no change worth writing: parts of the rate, of what was measured, and of a share.
_SAME_RATE, _SAME_MEASURE, _SAME_SHARE = 0.1, 0.25, 0.02


class LaneRounds:
    """The thread of a worker that keeps what is known of destinations up to date."""

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self._rounds = [
            _Rounds(database, name, channel)
            for name, channel in channels.items()
            if isinstance(channel, Laned)
        ]

    def load(self) -> None:
        """Tell the channels all that is known; called before anything is sent."""
        for each in self._rounds:
            each.load()

    def run(self, stop: Event) -> None:
        """Look every few seconds until stopped, and once more then: paces learned are kept."""
        while not stop.wait(_EVERY):
            self.look()
        self.look()

    def look(self) -> None:
        for each in self._rounds:
            try:
                each.look()
            except Exception:
                log.exception("lanes_failed")


class _Rounds:
    """One channel's destinations: what was written of them, and which it was told to stop."""

    def __init__(self, database: Database, name: str, channel: Laned) -> None:
        self._database = database
        self._name = name
        self._channel = channel
        self._written: dict[Key, LaneState] = {}
        # Those that everybody knows to be stopped, so that a stop here is told apart as new.
        self._stopped: set[Key] = set()
        self._tended_at: datetime | None = None

    def load(self) -> None:
        with self._database.reading() as tx:
            rows = lane_states.of_channel(tx, self._name)
        self._stopped = {lane_states.key_of(row) for row in rows if row.stopped_at}
        if rows:
            self._channel.set_lanes([_state(row) for row in rows])

    def look(self) -> None:
        mine = {self._key(state): state for state in self._channel.lanes()}
        fresh = {key for key, one in mine.items() if one.stopped and key not in self._stopped}
        with self._database.reading() as tx:
            now = tx.now
            rows = {lane_states.key_of(row): row for row in lane_states.stopped(tx, self._name)}
            told = self._told_elsewhere(mine, rows, fresh)
            told += self._let_go(tx, mine, self._stopped - rows.keys())
        self._write(mine, fresh)
        self._stopped = rows.keys() | fresh
        if told:
            self._channel.set_lanes(told)
        if self._tended_at is None or now - self._tended_at >= _TENDED:
            self._tend(mine)
            self._tended_at = now

    def _key(self, state: LaneState) -> Key:
        return Key(self._name, state.account, state.site, state.egress)

    def _told_elsewhere(
        self, mine: Mapping[Key, LaneState], rows: Mapping[Key, Lane], fresh: set[Key]
    ) -> list[LaneState]:
        """What somebody else stopped since the last look."""
        found = []
        for key, row in rows.items():
            held = mine[key].stopped if key in mine else key in self._stopped
            if not held and key not in fresh:
                found.append(replace(mine.get(key) or _state(row), stopped=True))
        return found

    @staticmethod
    def _let_go(
        tx: Transaction, mine: Mapping[Key, LaneState], keys: Iterable[Key]
    ) -> list[LaneState]:
        """What somebody let go on since the last look.

        What is usual there from then on is as the row says: without it the same share would stop
        the lane again, here or wherever it was not this process that had stopped it.
        """
        rows = {key: lane_states.find(tx, key) for key in keys}
        return [
            replace(mine.get(key) or _state(row), stopped=False, baseline=row.baseline)
            for key, row in rows.items()
            if row is not None
        ]

    def _write(self, mine: Mapping[Key, LaneState], fresh: set[Key]) -> None:
        # The share for which a lane was stopped stays on record while it is.
        changed = [
            key
            for key, state in mine.items()
            if not state.stopped and _differs(self._written.get(key), state)
        ]
        if not changed and not fresh:
            return
        with self._database.writing() as tx:
            for key in changed:
                lane_states.put(tx, key, _values(mine[key]))
            for key in sorted(fresh):
                row = lane_states.stop(tx, key, _values(mine[key]))
                if row is not None:
                    actions.stopped(tx, row)
        self._written.update({key: mine[key] for key in changed})
        for key in fresh:
            log.warning("lane_stopped", site=key.site, share=round(mine[key].share, 3))

    def _tend(self, mine: Mapping[Key, LaneState]) -> None:
        with self._database.writing() as tx:
            for key in lane_states.unchanged(tx, self._name, _STEADY):
                if key in mine and not mine[key].stopped:
                    lane_states.put(tx, key, _values(mine[key]))
            lane_states.forget(tx, self._name, _KEPT)
        self._written = {key: state for key, state in self._written.items() if key in mine}


def _state(row: Lane) -> LaneState:
    return LaneState(
        account=row.account,
        site=row.site,
        egress=row.egress,
        rate=row.rate,
        connections=row.connections,
        measured=row.measured,
        baseline=row.baseline,
        share=row.share,
        stopped=row.stopped_at is not None,
    )


def _values(state: LaneState) -> dict[str, Any]:
    return {
        "rate": state.rate,
        "connections": state.connections,
        "measured": state.measured,
        "baseline": state.baseline,
        "share": state.share,
    }


def _differs(before: LaneState | None, now: LaneState) -> bool:
    if before is None or before.connections != now.connections:
        return True
    pairs: Sequence[tuple[float | None, float | None, float]] = (
        (before.rate, now.rate, _SAME_RATE * (before.rate or 0)),
        (before.measured, now.measured, _SAME_MEASURE * (before.measured or 0)),
        (before.baseline, now.baseline, _SAME_SHARE),
        (before.share, now.share, _SAME_SHARE),
    )
    return any(_is_apart(*pair) for pair in pairs)


def _is_apart(before: float | None, now: float | None, least: float) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(before - now) > least
