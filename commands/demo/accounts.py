"""The demo's report: the frozen audience against what the stand-ins really received."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from actions import reports
from commands.demo.theatre import Theatre
from domain.addresses import normalise_mail
from domain.deliveries import message_id
from storage import accounts, broadcasts
from storage.tables import Broadcast


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel's line; `lost` and `doubled` are counted at its stand-in."""

    recipients: int
    accepted: int
    refused: int
    unknown: int
    lost: int
    doubled: int


@dataclass(frozen=True, slots=True)
class Account:
    """What came of one broadcast; `seconds` from due to the last outcome."""

    seconds: float
    families: dict[str, int]
    channels: dict[str, Channel]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def is_clean(self) -> bool:
        return not any(line.lost or line.doubled for line in self.channels.values())


def account(theatre: Theatre, broadcast_id: int) -> Account:
    """Count a finished broadcast."""
    with theatre.house.database.reading() as tx:
        report = reports.report(tx, broadcast_id)
        row = broadcasts.broadcast(tx, broadcast_id)
        last = accounts.last_outcome(tx, broadcast_id)
        lines = {name: accounts.lines(tx, broadcast_id, name) for name in report.channels}
    started = row.due_at
    seconds = (last - started).total_seconds() if last and started else 0.0
    channels = {
        name: _channel(counts, _faults(theatre, row, name, lines[name]))
        for name, counts in report.channels.items()
    }
    families = {"total": report.families.total, "not_reached": report.families.not_reached}
    return Account(round(seconds, 2), families, channels)


def _channel(counts: reports.ChannelCounts, faults: tuple[int, int]) -> Channel:
    return Channel(counts.recipients, counts.accepted, counts.refused, counts.unknown, *faults)


def _faults(
    theatre: Theatre, row: Broadcast, channel: str, lines: list[accounts.Line]
) -> tuple[int, int]:
    """How many of the audience never got it, and how many copies there were too many."""
    if channel == "webchat":
        return _displayed_faults(lines), 0
    if channel == "email":
        return _counted(lines, _of_broadcast(theatre, row.id, lines))
    stand_in = {"line": theatre.line, "telegram": theatre.telegram}[channel]
    by_address, _ = stand_in.received(row.subject)
    return _counted(lines, Counter({each.delivery_id: by_address[each.address] for each in lines}))


def _counted(lines: list[accounts.Line], received: Counter[int]) -> tuple[int, int]:
    """Lost and doubled; who was refused here is counted where they were reached instead."""
    lost = sum(1 for line in lines if not received[line.delivery_id] and line.state != "refused")
    return lost, sum(count - 1 for count in received.values() if count > 1)


def _of_broadcast(theatre: Theatre, broadcast_id: int, lines: list[accounts.Line]) -> Counter[int]:
    """How often each delivery's mail arrived, known by its address and Message-ID."""
    secret = theatre.house.settings.secret()
    domain = theatre.house.settings.mail_domain
    arrived: Counter[tuple[str, str]] = Counter()
    for (recipient, name), times in theatre.mailbox.received().items():
        arrived[_mailbox(recipient), name] += times

    def count(line: accounts.Line) -> int:
        name = message_id(secret, broadcast_id, line.delivery_id, domain)
        return arrived[_mailbox(line.address), name]

    return Counter({line.delivery_id: count(line) for line in lines})


def _mailbox(address: str) -> str:
    """The mailbox that an address means, however it is quoted on the way."""
    mail = normalise_mail(address)
    return mail.key if mail else address


def _displayed_faults(lines: list[accounts.Line]) -> int:
    """Web chat has no stand-in: a message lies in our own database until it is displayed.

    So none can be doubled, and lost would be one that neither lies there nor was displayed.
    """
    return sum(1 for line in lines if line.state not in ("placed", "accepted", "waiting"))
