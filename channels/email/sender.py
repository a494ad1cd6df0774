"""The pool of SMTP connections, shared by all threads that send."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Timer
from time import monotonic

import structlog

from channels.email.connection import Connection, LostError, Reply, Timeouts
from channels.email.relays import Relay
from channels.email.verdicts import verdict
from domain.outcomes import Outcome, TryLater, Unknown

# A relay that could not be reached is asked last for this long, in seconds.
_AVOIDED = 60
# After this many recipients in a row whose connection broke, the rest of the chunk waits.
_ENOUGH = 3

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who sends to whom; `forms` are the spellings of the recipient, tried in order."""

    mail_from: str
    forms: tuple[str, ...]


class NoRelayError(Exception):
    """Not one of the relays could be reached."""


class Sender:
    """The pool.  Each thread that sends borrows one line at a time."""

    def __init__(
        self,
        relays: Sequence[Relay],
        *,
        ehlo_name: str = "",
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        per_connection: int = 100,
        idle: float = 60,
    ) -> None:
        self._relays = tuple(relays)
        self._ehlo_name = ehlo_name or _own_name()
        self._timeouts = timeouts
        self._per_connection = per_connection
        self._idle = idle
        self._lock = Lock()
        self._free: list[Connection] = []
        self._failed_at: dict[Relay, float] = {}
        self._timer: Timer | None = None
        self._closed = False

    @contextmanager
    def line(self) -> Iterator[Line]:
        """Borrow a line for a chunk; what breaks off leaves no half-open transaction behind."""
        line = Line(self)
        try:
            yield line
        except BaseException:
            line.drop()
            raise
        line.give_back()

    def free_connection(self) -> Connection | None:
        """The connection used last among the free ones, which is the likeliest to be alive."""
        with self._lock:
            stale = self._take_stale()
            connection = self._free.pop() if self._free else None
        _quit_all(stale)
        return connection

    def new_connection(self) -> Connection:
        """Connect to the first relay that answers, those that failed lately last."""
        for relay in sorted(self._relays, key=self._is_avoided):
            try:
                return Connection(relay, self._ehlo_name, self._timeouts)
            except (OSError, smtplib.SMTPException) as error:
                self.avoid(relay)
                reason = type(error).__name__
                log.warning("relay_unreachable", host=relay.host, port=relay.port, reason=reason)
        raise NoRelayError

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next chunk, unless it has done its share."""
        if not connection.alive:
            return
        if self.is_spent(connection):
            connection.quit()
            return
        with self._lock:
            kept = not self._closed
            if kept:
                self._free.append(connection)
                self._watch_idle()
        if not kept:
            connection.quit()

    def is_spent(self, connection: Connection) -> bool:
        """Whether a connection has carried as many messages as one should."""
        return connection.messages >= self._per_connection

    def avoid(self, relay: Relay) -> None:
        """Ask this relay last for a while."""
        self._failed_at[relay] = monotonic()

    def close(self) -> None:
        """Say goodbye on all free connections; borrowed ones follow when given back."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
            if self._timer:
                self._timer.cancel()
        _quit_all(free)

    def _is_avoided(self, relay: Relay) -> bool:
        failed_at = self._failed_at.get(relay)
        return failed_at is not None and monotonic() - failed_at < _AVOIDED

    def _take_stale(self) -> list[Connection]:
        oldest = monotonic() - self._idle
        stale = [connection for connection in self._free if connection.used_at < oldest]
        self._free = [connection for connection in self._free if connection.used_at >= oldest]
        return stale

    def _watch_idle(self) -> None:
        """See to it that connections nobody needs any more do not occupy the relay."""
        if self._timer is None:
            self._timer = Timer(self._idle, self._close_idle)
            self._timer.daemon = True
            self._timer.start()

    def _close_idle(self) -> None:
        with self._lock:
            self._timer = None
            stale = self._take_stale()
            if self._free and not self._closed:
                self._watch_idle()
        _quit_all(stale)


class Line:
    """One thread's hold on the pool for the length of a chunk: one connection at a time."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._connection: Connection | None = None
        self._given_up: TryLater | None = None
        self._broken_in_a_row = 0

    def deliver(self, envelope: Envelope, wire: bytes, intent: Callable[[], None]) -> Outcome:
        """Send one message; `intent` is called right before the body leaves.

        A connection that breaks before the body is complete is replaced once.
        """
        if self._given_up:
            return self._given_up
        try:
            outcome = self._deliver(envelope, wire, intent)
        except LostError as lost:
            return self._count_broken(TryLater(lost.reason))
        except NoRelayError:
            self._given_up = TryLater("no_relay")
            return self._given_up
        self._broken_in_a_row = 0
        return outcome

    def _deliver(self, envelope: Envelope, wire: bytes, intent: Callable[[], None]) -> Outcome:
        try:
            return self._attempt(self._connected(), envelope, wire, intent)
        except LostError:
            self._connection = self._sender.new_connection()
        return self._attempt(self._connection, envelope, wire, intent)

    def _attempt(
        self, connection: Connection, envelope: Envelope, wire: bytes, intent: Callable[[], None]
    ) -> Outcome:
        reply = self._offered(connection, envelope, len(wire))
        if reply is None:
            intent()
            reply = connection.hand_over(wire)
        if reply is None:
            return Unknown("no_answer")
        return verdict(reply.phase, reply.code, reply.text)

    def _offered(self, connection: Connection, envelope: Envelope, size: int) -> Reply | None:
        try:
            return connection.offer(envelope.mail_from, envelope.forms, size)
        except LostError:
            # One that broke at its first message speaks against the relay itself.
            if connection.messages <= 1:
                self._sender.avoid(connection.relay)
            raise

    def _connected(self) -> Connection:
        connection = self._connection
        if connection and connection.alive and not self._sender.is_spent(connection):
            return connection
        self.give_back()
        self._connection = self._sender.free_connection() or self._sender.new_connection()
        return self._connection

    def _count_broken(self, outcome: TryLater) -> TryLater:
        self._broken_in_a_row += 1
        if self._broken_in_a_row >= _ENOUGH:
            self._given_up = outcome
        return outcome

    def give_back(self) -> None:
        """Return the connection to the pool."""
        if self._connection:
            self._sender.give_back(self._connection)
            self._connection = None

    def drop(self) -> None:
        """Close the connection, whatever state it is in."""
        if self._connection:
            self._connection.close()
            self._connection = None


def _quit_all(connections: Sequence[Connection]) -> None:
    for connection in connections:
        connection.quit()


def _own_name() -> str:
    """A name for EHLO; a literal where this machine has no full one (RFC 5321 4.1.4)."""
    name = socket.gethostname()
    return name if "." in name else "[127.0.0.1]"
