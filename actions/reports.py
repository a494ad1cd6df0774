"""The report on a broadcast: who was reached, and by what."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actions.telling import still_in_office
from actions.telling import tell as tell_staff
from domain.speech import Speech
from domain.wording import Plain, Words, say
from storage import broadcasts, reports, schools
from storage.database import Transaction

_WAITING = ("waiting", "placed")
# Whom no try reached until the deadline was not reached: nobody took the message.
_REFUSED = ("refused", "expired")
_NAMED_CHANNELS = frozenset({"email", "webchat", "line", "telegram"})


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    recipients: int
    accepted: int
    refused: int
    unknown: int
    waiting: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FamilyCounts:
    """A family is reached when a provider took the message for one of its guardians.

    One whose message only lies in its web chat is `waiting`: nobody knows yet.
    """

    total: int
    not_reached: int
    waiting: int

    @property
    def reached(self) -> int:
        return self.total - self.not_reached - self.waiting


@dataclass(frozen=True, slots=True)
class Report:
    """`school` is the school's code, None for a city-wide broadcast.

    `doubtful` counts messages sent again although an earlier try may have been accepted:
    each is a possible double.
    """

    id: int
    school: str | None
    state: str
    purpose: str
    due_at: str | None
    recipients: int
    channels: dict[str, ChannelCounts]
    families: FamilyCounts
    doubtful: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def report(tx: Transaction, broadcast_id: int) -> Report:
    """Raises LookupError for a broadcast that does not exist."""
    row = broadcasts.broadcast(tx, broadcast_id)
    channels = {
        name: _counts(states) for name, states in reports.by_channel(tx, broadcast_id).items()
    }
    return Report(
        id=row.id,
        school=schools.school(tx, row.school_id).code if row.school_id else None,
        state=row.state,
        purpose=row.purpose,
        due_at=row.due_at.isoformat() if row.due_at else None,
        recipients=sum(counts.recipients for counts in channels.values()),
        channels=channels,
        families=_families(tx, broadcast_id),
        doubtful=reports.count_doubtful(tx, broadcast_id),
    )


def tell(tx: Transaction, broadcast_id: int) -> None:
    """Send the report to all who wrote the broadcast and to who approved it."""
    row = broadcasts.broadcast(tx, broadcast_id)
    involved = {*row.author_ids, row.submitted_by, row.decided_by}
    speech = Speech(
        words=report_words(report(tx, broadcast_id), row.subject),
        subject=say("broadcast.report.subject", subject=row.subject),
    )
    tell_staff(tx, still_in_office(tx, row, involved), speech)


def report_words(made: Report, subject: str) -> tuple[Words, ...]:
    """The paragraphs of a report as staff read it."""
    families = made.families
    total, reached = families.total, families.reached
    words: list[Words] = [
        say("broadcast.report.families", subject=subject, total=total, reached=reached)
    ]
    if families.waiting:
        words.append(say("broadcast.report.waiting", count=families.waiting))
    if families.not_reached:
        words.append(say("broadcast.report.not_reached", count=families.not_reached))
    for name, counts in made.channels.items():
        channel = say(f"channel.{name}") if name in _NAMED_CHANNELS else Plain(name)
        words.append(say("broadcast.report.channel", channel=channel, **counts.as_dict()))
    if made.doubtful:
        words.append(say("broadcast.report.doubtful", count=made.doubtful))
    return tuple(words)


def _families(tx: Transaction, broadcast_id: int) -> FamilyCounts:
    total = reports.count_families(tx, broadcast_id)
    reached = reports.count_reached(tx, broadcast_id)
    waiting = reports.count_waiting(tx, broadcast_id)
    return FamilyCounts(total, not_reached=total - reached - waiting, waiting=waiting)


def _counts(states: dict[str, int]) -> ChannelCounts:
    return ChannelCounts(
        recipients=sum(states.values()),
        accepted=states.get("accepted", 0),
        refused=sum(states.get(state, 0) for state in _REFUSED),
        unknown=states.get("unknown", 0),
        waiting=sum(states.get(state, 0) for state in _WAITING),
    )
