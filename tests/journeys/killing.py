"""Real processes to kill: the SMTP stand-in, a worker, and what is known of them from outside."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from commands.house import House
from delivery import journal
from delivery.freeze import freeze
from domain.deliveries import message_id
from settings import Settings
from storage.database import Database
from storage.freezing import Frozen
from storage.planner import gather_statistics
from tests.delivery import city
from tests.journeys.nursery import Born, Nursery
from tests.smtp_standin import SmtpStandin, smtp_standin

CONNECTIONS = 8


@dataclass
class Site:
    """One installation in a folder of its own, with a worker that can be started and killed."""

    folder: Path
    database_url: str
    standin: SmtpStandin
    nursery: Nursery
    process: Born | None = None
    secret: str = "a secret of the kill test, 32 bytes."
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {
            "RENRAKUMO_VAR_DIR": str(self.folder),
            "RENRAKUMO_DATABASE_URL": self.database_url,
            "RENRAKUMO_SECRET_KEY": self.secret,
            "RENRAKUMO_BOARD_CODE": "office",
            "RENRAKUMO_SMTP_URL": self.standin.url,
            "RENRAKUMO_MAIL_FROM": "renraku@example.jp",
            # A quarter is kept for answers.
            "RENRAKUMO_MAIL_CONNECTIONS": str(CONNECTIONS * 5 // 4),
        }

    def open(self) -> Database:
        """The same database as the worker's, with the same keys."""
        settings = Settings(
            var_dir=self.folder, database_url=self.database_url, board_code="office"
        )
        house = House(settings.model_copy(update={"secret_key": None}))
        (self.folder / "secret.key").write_text(self.secret)
        house.prepare()
        return house.database

    def start(self, *words: str) -> None:
        """Another worker; `words` may say which half of the work is its own."""
        log = self.folder / "worker.log"
        whole = os.environ | self.environment
        self.process = self.nursery.start(("worker", *words), whole, log, log)

    def end(self, number: signal.Signals) -> int:
        """Send the worker a signal and bury it; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def clear_away(self) -> None:
        """Leave no process behind, whatever became of the test."""
        if self.is_running():
            self.end(signal.SIGKILL)

    def open_intents(self) -> int:
        """What the journals of dead workers leave uncertain."""
        journals = (self.folder / "journal").glob(f"*{journal.SUFFIX}")
        return sum(
            len(remains.intents) for path in journals for remains in journal.read(path).values()
        )

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()


@contextmanager
def opened(folder: Path, database_url: str, nursery: Nursery) -> Iterator[tuple[Site, Database]]:
    """An installation with its own SMTP stand-in."""
    with smtp_standin() as standin:
        site = Site(folder, database_url, standin, nursery)
        database = site.open()
        try:
            yield site, database
        finally:
            site.clear_away()
            database.close()


def fan_out(database: Database, families: int) -> int:
    """A broadcast to so many families, frozen and ready to be sent."""
    with database.writing() as tx:
        broadcast_id = city.approved(tx, city.found(tx, families))
    with database.writing() as tx:
        assert isinstance(freeze(tx, broadcast_id, city.MAIL), Frozen)
    with database.writing() as tx:
        gather_statistics(tx)
    return broadcast_id


def wait_until_sent(database: Database, site: Site, broadcast_id: int, patience: float) -> None:
    until = time.monotonic() + patience
    while city.broadcast(database, broadcast_id).state != "sent":
        assert site.is_running(), site.log()[-3000:]
        assert time.monotonic() < until, "the broadcast was not finished in time"
        time.sleep(0.05)


@dataclass(frozen=True)
class Audit:
    """The ledger held against what the stand-in really received."""

    recipients: int
    lost: int
    doubled: int
    # Doubles that the ledger does not know of: more than `doubtful` of that delivery.
    unnoticed: int
    doubtful: int
    strangers: int
    states: set[str]


def audit(site: Site, database: Database, broadcast_id: int) -> Audit:
    received = {_name(seen): n for (_, seen), n in site.standin.received().items()}
    rows = city.deliveries(database, broadcast_id)
    secret = site.secret.encode()
    names = {_name(message_id(secret, broadcast_id, row.id, "any")): row for row in rows}
    counts = {name: received.get(name, 0) for name in names}
    return Audit(
        recipients=len(rows),
        lost=sum(count == 0 for count in counts.values()),
        doubled=sum(max(0, count - 1) for count in counts.values()),
        unnoticed=sum(max(0, counts[name] - 1 - row.doubtful) for name, row in names.items()),
        doubtful=sum(row.doubtful for row in rows),
        strangers=len(set(received) - set(names)),
        states={row.state for row in rows},
    )


def _name(found: str) -> str:
    """A Message-ID without its domain, which is a matter of settings."""
    return found.strip("<>").partition("@")[0]
