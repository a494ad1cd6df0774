"""Mail: many people, one SMTP relay, and nothing that comes in yet."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from channels.email.channel import EmailChannel, MailWays
from channels.email.session import Timeouts
from domain.outcomes import Accepted, Outcome
from tests.channels.contract.rig import Shown
from tests.smtp_standin import SmtpStandin

FROM = "連絡網 <renraku@city.example.jp>"
_LATE = 1.0


@dataclass
class EmailRig:
    """Carriers drop in silence what a reader has blocked; the relay has taken it by then."""

    standin: SmtpStandin
    name: str = "email"
    blocked: Outcome = Accepted()  # noqa: RUF009 - frozen
    headlines: bool = False

    def channel(self, patience: float = 10) -> EmailChannel:
        quick = Timeouts(connect=10, command=10, answer=patience, quit=1)
        return EmailChannel(MailWays(self.standin.url, 1, timeouts=quick), FROM)

    def addresses(self, count: int) -> list[str]:
        return [f"guardian{number}@example.jp" for number in range(1, count + 1)]

    def shown(self, address: str) -> list[Shown]:
        mails = [mail for mail in self._mails() if address in mail["to"]]
        return [Shown(_text(mail), pictures=len(mail["images"])) for mail in mails]

    def reached(self, text: str) -> Counter[str]:
        return Counter(to for mail in self._mails() if text in _text(mail) for to in mail["to"])

    def refused_address(self) -> str:
        self._fault("gone@example.jp", "rcpt", "550 5.1.1 User unknown")
        return "gone@example.jp"

    def throttles(self) -> None:
        self._fault("", "rcpt", "450 4.7.1 Too many messages, slow down")

    def falls_silent(self, *, accepting: bool) -> None:
        """The relay cannot be late without having the message; before that it hangs up."""
        if accepting:
            self.standin.fault(phase="dot", delay=_LATE)
        else:
            self.standin.fault(phase="dot", drop="before")

    def recovers(self) -> None:
        self.standin.end_faults()

    def blocks(self, address: str) -> None:
        self._fault(address, "dot", "250 2.0.0 Ok")

    def _fault(self, address: str, phase: str, reply: str) -> None:
        self.standin.fault(match=re.escape(address), phase=phase, reply=reply)

    def _mails(self) -> list[dict[str, Any]]:
        """Oldest first."""
        newest = self.standin.messages(limit=1000)
        return [self.standin.message(mail["sequence"]) for mail in reversed(newest)]


def _text(mail: dict[str, Any]) -> str:
    return f"{mail['subject']}\n{mail['text']}"
