"""Settling what dead workers left: their journals first, then leases that ran out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import structlog

from delivery import journal as files
from storage import closing, journals
from storage.closing import Remains
from storage.database import Database
from storage.journals import JournalFile
from storage.ledger import Again

log = structlog.get_logger()

_NOTHING = Remains((), ())


class Recovery:
    """Run at a worker's start and every second after; several workers may run it at once."""

    def __init__(
        self, database: Database, directory: Path, host: str, again: Callable[[], Again]
    ) -> None:
        self._database = database
        self._directory = directory
        self._host = host
        self._again = again
        # Journals that could not be settled, so that each is logged once and not every second.
        self._stuck: set[str] = set()

    def run(self) -> int:
        """Settle everything that can be; return how many deliveries became doubtful."""
        with self._database.reading() as tx:
            known = journals.not_replayed(tx, self._host)
            run_out = closing.any_run_out(tx, self._host)
        doubtful = sum(map(self._inherit_alone, known))
        self._remove_strays({file.path for file in known})
        return doubtful + (self._reclaim() if run_out else 0)

    def _inherit_alone(self, file: JournalFile) -> int:
        """Settle one journal; what keeps that from being done is no reason to leave the others.

        It stays where it is, with the leases that it is about, and is tried again every time: what
        it knows is not lost, and nothing of it is sent twice.
        """
        try:
            doubtful = self._inherit(file)
        except Exception:
            if file.path not in self._stuck:
                log.exception("journal_not_settled", worker=file.worker, path=file.path)
            self._stuck.add(file.path)
            return 0
        self._stuck.discard(file.path)
        return doubtful

    def _inherit(self, file: JournalFile) -> int:
        path = Path(file.path)
        with files.inherited(path) as ours:
            if not ours:
                return 0
            remains = files.read(path) if path.exists() else None
            doubtful = self._settle(file.worker, remains)
            path.unlink(missing_ok=True)
        return doubtful

    def _settle(self, worker: str, remains: dict[files.Key, Remains] | None) -> int:
        with self._database.writing() as tx:
            leases = closing.leases_of(tx, worker)
            doubtful = 0
            for held in leases:
                key = (held.chunk_id, held.epoch)
                # A journal without a word on a chunk: nothing of it was sent.
                left = None if remains is None else remains.get(key, _NOTHING)
                doubtful += closing.inherit(tx, held, left, self._again())
            news = journals.replayed(tx, worker)
        if news:
            log.warning("worker_lost", worker=worker, chunks=len(leases), doubtful=doubtful)
        return doubtful

    def _remove_strays(self, known: set[str]) -> None:
        """Journals no longer in the ledger: their worker died after its last commit."""
        for path in self._directory.glob(f"*{files.SUFFIX}"):
            if str(path) in known:
                continue
            try:
                self._remove_stray(path)
            except OSError:
                if str(path) not in self._stuck:
                    log.exception("journal_not_removed", path=str(path))
                self._stuck.add(str(path))

    def _remove_stray(self, path: Path) -> None:
        with files.inherited(path) as ours:
            if ours and not self._is_known(path):
                path.unlink(missing_ok=True)

    def _is_known(self, path: Path) -> bool:
        with self._database.reading() as tx:
            return any(f.path == str(path) for f in journals.not_replayed(tx, self._host))

    def _reclaim(self) -> int:
        with self._database.writing() as tx:
            doubtful = closing.reclaim(tx, self._host)
        log.warning("leases_ran_out", doubtful=doubtful)
        return doubtful
