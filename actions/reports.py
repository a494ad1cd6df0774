"""The report on a broadcast: who was reached, and by what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from actions.classes_meant import classes_meant
from actions.previews import button, ref_of
from actions.telling import still_in_office
from actions.telling import tell as tell_staff
from domain.cards import CardVerb
from domain.speech import Speech
from domain.wording import Plain, Words, say
from storage import broadcasts, reports, schools
from storage.database import Transaction
from storage.reports import ClassTally, Tally

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

    One whose message is on its way, or only lies in its web chat, is `waiting`: nobody knows yet.
    Of those, `full` have a full mailbox, which is tried for up to three days.
    """

    total: int
    not_reached: int
    waiting: int
    full: int

    @property
    def reached(self) -> int:
        return self.total - self.not_reached - self.waiting


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """The families of one class; those that `name` no class are members of a club, or the like.

    `accepted` are the reached ones, who may have confirmed or not.
    """

    school: str
    name: str
    families: int
    confirmed: int
    accepted: int
    waiting: int
    not_reached: int

    def as_dict(self) -> dict[str, Any]:
        """Its names for scripts, where a class is called so."""
        return {"class" if name == "name" else name: each for name, each in asdict(self).items()}


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
        families=_family_counts(reports.tally(tx, broadcast_id)),
        doubtful=reports.count_doubtful(tx, broadcast_id),
    )


def tell(tx: Transaction, broadcast_id: int) -> None:
    """Send the report to all who wrote the broadcast and to who approved it."""
    row = broadcasts.broadcast(tx, broadcast_id)
    involved = {*row.author_ids, row.submitted_by, row.decided_by}
    speech = Speech(
        words=report_words(report(tx, broadcast_id), row.subject),
        buttons=(button(tx, ref_of(row), CardVerb.REPORT),),
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
    if families.waiting > families.full:
        words.append(say("broadcast.report.waiting", count=families.waiting - families.full))
    words += full_words(families)
    if families.not_reached:
        words.append(say("broadcast.report.not_reached", count=families.not_reached))
    words += channel_words(made.channels)
    if made.doubtful:
        words.append(say("broadcast.report.doubtful", count=made.doubtful))
    return tuple(words)


def full_words(families: FamilyCounts) -> list[Words]:
    """A line about the families whose mailbox is full, where there are any."""
    return [say("report.full", count=families.full)] if families.full else []


def channel_words(channels: Mapping[str, ChannelCounts]) -> list[Words]:
    """A line for each channel: how many were written to, and what came of it."""
    return [
        say("broadcast.report.channel", channel=_channel(name), **counts.as_dict())
        for name, counts in channels.items()
    ]


def _channel(name: str) -> Words:
    return say(f"channel.{name}") if name in _NAMED_CHANNELS else Plain(name)


def by_class(tx: Transaction, broadcast_id: int) -> tuple[ClassCounts, ...]:
    """The families by class; one with children in two classes counts in both.

    Those without a child in any of them come last.
    """
    row = broadcasts.broadcast(tx, broadcast_id)
    classes = classes_meant(tx, row)
    found = [_class_counts(each) for each in reports.by_class(tx, row, classes)]
    others = reports.in_no_class(tx, row, classes)
    if others.families:
        found.append(_class_counts(ClassTally(0, "", "", others)))
    return tuple(found)


def count_confirmed(tx: Transaction, broadcast_id: int) -> int:
    """How many families have confirmed a broadcast."""
    return reports.tally(tx, broadcast_id).confirmed


def _class_counts(found: ClassTally) -> ClassCounts:
    of = _family_counts(found.tally)
    return ClassCounts(
        school=found.school,
        name=found.name,
        families=of.total,
        confirmed=found.tally.confirmed,
        accepted=of.reached,
        waiting=of.waiting,
        not_reached=of.not_reached,
    )


def _family_counts(found: Tally) -> FamilyCounts:
    not_reached = found.families - found.reached - found.waiting
    return FamilyCounts(found.families, not_reached, found.waiting, found.full)


def _counts(states: dict[str, int]) -> ChannelCounts:
    return ChannelCounts(
        recipients=sum(states.values()),
        accepted=states.get("accepted", 0),
        refused=sum(states.get(state, 0) for state in _REFUSED),
        unknown=states.get("unknown", 0),
        waiting=sum(states.get(state, 0) for state in _WAITING),
    )
