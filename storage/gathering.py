"""Storing what comes in for many requests in one transaction.

In a storm every webhook would wait for a transaction of its own, one after the other, behind
the turns that write as well.  So whoever waits for the turn to write takes along what others
brought meanwhile; each is answered only after the commit that holds its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from storage import inbox
from storage.database import Database
from storage.inbox import Arrival


@dataclass(slots=True)
class _Brought:
    """What one request brought, and what became of it."""

    arrivals: Sequence[Arrival]
    stored: bool = False
    error: BaseException | None = field(default=None, repr=False)


class Gathering:
    """One board's inbox as many threads fill it."""

    def __init__(self, database: Database, board_id: int) -> None:
        self._database = database
        self._board_id = board_id
        self._writing = Lock()
        self._adding = Lock()
        self._waiting: list[_Brought] = []

    def store(self, arrivals: Sequence[Arrival]) -> None:
        """Return when these are committed; raises what the database raised, storing nothing."""
        mine = _Brought(arrivals)
        with self._adding:
            self._waiting.append(mine)
        with self._writing:
            if not (mine.stored or mine.error):
                self._store_all()
        if not mine.stored:
            raise mine.error or RuntimeError("not stored")

    def _store_all(self) -> None:
        taken: list[_Brought] = []
        try:
            with self._database.writing() as tx:
                # Only now: more may have come while this transaction waited for its turn.
                with self._adding:
                    taken, self._waiting = self._waiting, []
                inbox.store_all(
                    tx, self._board_id, [one for each in taken for one in each.arrivals]
                )
        except BaseException as error:
            # Whatever it is, nothing was committed: nobody may be told otherwise.
            self._failed(taken, error)
            return
        for each in taken:
            each.stored = True

    def _failed(self, taken: list[_Brought], error: BaseException) -> None:
        """Of one transaction that failed; if it did not even begin, of all who wait for it."""
        if not taken:
            with self._adding:
                taken, self._waiting = self._waiting, []
        for each in taken:
            each.error = error
