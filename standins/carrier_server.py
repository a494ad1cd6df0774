"""One stand-in carrier at work: it counts what each sender does, and answers by its rules."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from standins.carrier_rules import DELAY, RESET, Carrier, Words
from standins.faults import Fault
from standins.smtp_offers import Offers
from standins.smtp_session import Server, Session

_KIND = re.compile(r'"?(unknown|filtered|full)')
_LONG_AGO = -1e9
# What so many seconds bring may be begun at once.
_SAVED = 0.5
_ANY = re.compile("")
_RELAYING = "554 5.7.1 Relay access denied"
_SYNTAX = "501 5.1.3 Bad recipient address syntax"


@dataclass(slots=True)
class _Visitor:
    """One address that mail comes from: what is open, and what it may still begin now."""

    connections: int = 0
    unknowns: int = 0
    allowance: float = 0.0
    counted_at: float = _LONG_AGO

    def wait(self, now: float, per_second: float) -> float:
        """How long until one more message may begin, in seconds; 0 is now."""
        earned = (now - self.counted_at) * per_second
        self.allowance = min(self.allowance + earned, max(per_second * _SAVED, 1.0))
        self.counted_at = now
        return max(0.0, (1 - self.allowance) / per_second)


class CarrierServer(Server):
    """A carrier's server; `whole` counts for all of them, and has the faults on order."""

    def __init__(self, carrier: Carrier, whole: Server, offers: Offers) -> None:
        super().__init__(whole.mailbox, faults=whole.faults, offers=offers, pieces=whole.pieces)
        self.name = next(iter(carrier.domains.values()))
        self._whole = whole
        self._visitors: defaultdict[str, _Visitor] = defaultdict(_Visitor)
        self.follow(carrier)
        self.clear()

    def clear(self) -> None:
        """Forget what was counted; what is open stays so."""
        self.peak_connections = self.connections
        self.accepted = self.doubles = self.peak_per_second = 0
        self.refused: Counter[str] = Counter()
        self._latest: deque[float] = deque()
        for visitor in self._visitors.values():
            visitor.counted_at = _LONG_AGO
            visitor.unknowns = 0

    def follow(self, carrier: Carrier) -> None:
        """Keep to these rules from now on."""
        self.carrier = carrier
        self.lenient = carrier.local_part != "quoted"

    def stats(self) -> dict[str, Any]:
        """The figures; `refused` counts by reason, also what was only put off or dropped."""
        return {
            "accepted": self.accepted,
            "doubles": self.doubles,
            "refused": dict(self.refused),
            "connections": self.connections,
            "peak_connections": self.peak_connections,
            "peak_per_second": self.peak_per_second,
        }

    def opened(self, session: Session) -> None:
        super().opened(session)
        self._whole.opened(session)
        self._visitors[session.peer].connections += 1

    def closed(self, session: Session) -> None:
        super().closed(session)
        self._whole.closed(session)
        self._visitors[session.peer].connections -= 1

    def take(self, mail_from: str, recipients: tuple[str, ...], raw: bytes) -> int:
        before = self.mailbox.doubles
        sequence = super().take(mail_from, recipients, raw)
        self.accepted += 1
        self.doubles += self.mailbox.doubles - before
        now = time.monotonic()
        self._latest.append(now)
        while self._latest[0] <= now - 1:
            self._latest.popleft()
        self.peak_per_second = max(self.peak_per_second, len(self._latest))
        return sequence

    def fault(self, phase: str, subjects: Sequence[str], session: Session) -> Fault | None:
        """What the carrier's rules say here instead of the usual, else what was ordered."""
        rule = _RULES.get(phase)
        found = rule(self, subjects, session) if rule else None
        return found or super().fault(phase, subjects, session)

    def _connected(self, _: Sequence[str], session: Session) -> Fault | None:
        limit = self.carrier.connections
        if limit is not None and self._visitors[session.peer].connections > limit:
            return self._say("crowded", self.carrier.crowded)
        return None

    def _sender(self, _: Sequence[str], session: Session) -> Fault | None:
        carrier = self.carrier
        if carrier.per_connection is not None and session.messages >= carrier.per_connection:
            return self._say("spent", carrier.spent)
        if carrier.per_second is None:
            return None
        visitor = self._visitors[session.peer]
        wait = visitor.wait(time.monotonic(), carrier.per_second)
        if wait and carrier.beyond != DELAY:
            return self._say("too_fast", carrier.beyond)
        visitor.allowance -= 1
        return Fault(_ANY, "mail", delay=wait) if wait else None

    def _recipient(self, subjects: Sequence[str], session: Session) -> Fault | None:
        path = subjects[0]
        local, _at, domain = path.rpartition("@")
        if not self.carrier.takes(domain.lower()):
            return self._say("misrouted", _RELAYING)
        if local.startswith('"') and self.carrier.local_part == "bare":
            return self._say("quoted", _SYNTAX)
        if self._is_shut_to(session, path):
            return self._say("unknown", self.carrier.unknown.reply, path)
        return self._by_mailbox("rcpt", path)

    def _is_shut_to(self, session: Session, path: str) -> bool:
        """Whether it calls everybody unknown, as it does to who asks for too many that are."""
        visitor, most = self._visitors[session.peer], self.carrier.unknowns
        match = _KIND.match(path)
        visitor.unknowns += match is not None and match[1] == "unknown"
        return self.carrier.blocking or (most is not None and visitor.unknowns > most)

    def _content(self, subjects: Sequence[str], _: Session) -> Fault | None:
        found = self._by_mailbox("dot", subjects[0])
        if found or not self.carrier.delay:
            return found
        return Fault(_ANY, "dot", delay=self.carrier.delay)

    def _by_mailbox(self, phase: str, path: str) -> Fault | None:
        match = _KIND.match(path)
        if match is None:
            return None
        words: Words = getattr(self.carrier, match[1])
        return self._say(match[1], words.reply, path) if words.phase == phase else None

    def _say(self, reason: str, reply: str, path: str = "") -> Fault:
        self.refused[reason] += 1
        if reply == RESET:
            return Fault(_ANY, "", drop="reset before")
        return Fault(_ANY, "", reply=reply.replace("{address}", path))


_RULES: dict[str, Callable[[CarrierServer, Sequence[str], Session], Fault | None]] = {
    "connect": CarrierServer._connected,
    "mail": CarrierServer._sender,
    "rcpt": CarrierServer._recipient,
    "dot": CarrierServer._content,
}
