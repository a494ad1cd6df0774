"""Opening the database and its transactions, the same on SQLite and PostgreSQL.

SQLite: WAL, `synchronous=FULL` (NORMAL may lose a commit at power loss, which here means a
message sent twice), and every writing transaction takes the write lock when it begins, so
that none fails half-way because another wrote first; writers wait in turn (storage.turnstile).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session

from storage.turnstile import Turnstile
from storage.vault import Vault

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Transaction:
    """An open transaction: what every action and query gets.

    `now` is read once when the transaction begins, so that everything in it agrees.
    """

    session: Session
    vault: Vault
    now: datetime
    secret: bytes = field(repr=False)

    def flush(self) -> None:
        """Send pending inserts, so that new rows get their IDs."""
        self.session.flush()

    def forget(self) -> None:
        """Send what is pending and forget what was read, as if the transaction began here."""
        self.session.flush()
        self.session.expunge_all()


class Database:
    """One database with its keys and clock; safe to share between threads, not processes."""

    def __init__(self, url: str, vault: Vault, secret: bytes, clock: Clock = system_clock) -> None:
        self.url = url
        self.vault = vault
        self.clock = clock
        self._secret = secret
        self.engine = _engine(url)
        self._turnstile = _turnstile(url)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that writes; commits at the end, rolls back on an exception."""
        with (
            self._turn(),
            Session(self.engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            if self.is_sqlite:
                session.execute(text("BEGIN IMMEDIATE"))
            yield self._transaction(session)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A consistent view that writes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.execute(text("BEGIN"))
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            try:
                yield self._transaction(session)
            finally:
                # A rollback would forget what was read: the rows stay usable afterwards.
                session.expunge_all()
                session.rollback()

    def close(self) -> None:
        self.engine.dispose()
        if self._turnstile is not None:
            self._turnstile.close()

    def _turn(self) -> AbstractContextManager[None]:
        """The turn to write, where only one may; taken before the clock is read."""
        return self._turnstile.passed() if self._turnstile is not None else nullcontext()

    def _transaction(self, session: Session) -> Transaction:
        return Transaction(session, self.vault, self.clock(), self._secret)


def _turnstile(url: str) -> Turnstile | None:
    path = make_url(url).database if make_url(url).get_backend_name() == "sqlite" else None
    return Turnstile(path) if path and path != ":memory:" else None


def _engine(url: str) -> Engine:
    """Parameters are hidden from error messages, because those are logged."""
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(
            url, pool_size=10, max_overflow=10, pool_pre_ping=True, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # autocommit here means that the driver begins nothing by itself: BEGIN is ours.
    engine = create_engine(
        url, connect_args={"timeout": 10, "isolation_level": None}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """Our statements are short and many: compiling one takes longer than running it."""
    connection.execute("SET jit = off")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=10000",
        "cache_size=-2000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
