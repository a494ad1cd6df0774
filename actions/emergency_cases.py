"""Emergency reports as cases: who sent what and why, whom it reached, and who is asked about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions import reports, telling
from actions.previews import audience_words, button, moment_of, preview, ref_of, sender_name
from domain.cards import CardVerb
from domain.content import is_emergency
from domain.names import addressed
from domain.roles import Actor, approvers, may_decide
from domain.speech import Speech
from domain.wording import Words, render, say
from storage import broadcasts, emergencies, staff
from storage.database import Transaction
from storage.tables import Broadcast, EmergencyReport

_BUTTONS = (CardVerb.ACKNOWLEDGE, CardVerb.REMARK)
_LANGUAGE = "ja"


@dataclass(frozen=True, slots=True)
class Case:
    """One emergency: names are those of staff, `report` is what became of it in figures."""

    broadcast_id: int
    school: str | None
    state: str
    purpose: str
    subject: str
    audience: Words
    sent_by: str
    opened_at: datetime
    reason: str
    reminded_at: datetime | None
    escalated_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    remarks: str
    report: reports.Report

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.broadcast_id,
            "school": self.school,
            "state": self.state,
            "purpose": self.purpose,
            "subject": self.subject,
            "audience": render(self.audience, _LANGUAGE),
            "sent_by": self.sent_by,
            "opened_at": self.opened_at.isoformat(),
            "reason": self.reason,
            "reminded_at": _iso(self.reminded_at),
            "escalated_at": _iso(self.escalated_at),
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_at": _iso(self.acknowledged_at),
            "remarks": self.remarks,
            "reached": self.report.as_dict(),
        }


def case(tx: Transaction, broadcast_id: int) -> Case | None:
    """The case of a broadcast; None for one that was not sent first."""
    report = emergencies.find(tx, broadcast_id)
    if report is None:
        return None
    row = broadcasts.broadcast(tx, broadcast_id)
    figures = reports.report(tx, broadcast_id)
    return Case(
        broadcast_id=row.id,
        school=figures.school,
        state=row.state,
        purpose=row.purpose,
        subject=row.subject,
        audience=audience_words(tx, row),
        sent_by=staff.name_of(tx, report.sent_by),
        opened_at=report.opened_at,
        reason=report.reason,
        reminded_at=report.reminded_at,
        escalated_at=report.escalated_at,
        acknowledged_by=_name(tx, report.acknowledged_by),
        acknowledged_at=report.acknowledged_at,
        remarks=report.remarks,
        report=figures,
    )


def cases(tx: Transaction, board_id: int) -> list[Case]:
    """The newest cases of a board."""
    found = (case(tx, row.broadcast_id) for row in emergencies.newest(tx, board_id))
    return [one for one in found if one is not None]


def case_words(tx: Transaction, broadcast_id: int) -> tuple[Words, ...]:
    """A case in words: who, when, why, and who took note; nothing for an ordinary broadcast."""
    made = case(tx, broadcast_id)
    if made is None:
        return ()
    row = broadcasts.broadcast(tx, broadcast_id)
    return (*_opening(tx, row, made.sent_by, made.opened_at, made.reason), *_ending(tx, row, made))


def _opening(
    tx: Transaction, row: Broadcast, sent_by: str, at: datetime, reason: str
) -> tuple[Words, ...]:
    why = (say("emergency.case.reason", reason=reason),) if reason else ()
    name, time = addressed(sent_by), moment_of(tx, row, at)
    return say("emergency.case.sent", name=name, time=time), *why


def _ending(tx: Transaction, row: Broadcast, made: Case) -> tuple[Words, ...]:
    words: list[Words] = []
    if made.escalated_at is not None:
        time = moment_of(tx, row, made.escalated_at)
        words.append(say("emergency.case.escalated", time=time))
    if made.acknowledged_by is None or made.acknowledged_at is None:
        words.append(say("emergency.case.open"))
    else:
        name, time = addressed(made.acknowledged_by), moment_of(tx, row, made.acknowledged_at)
        words.append(say("emergency.case.acknowledged", name=name, time=time))
    if made.remarks:
        words.append(say("emergency.case.remarks", remarks=made.remarks))
    return tuple(words)


def card(tx: Transaction, row: Broadcast, report: EmergencyReport, heading: Words) -> Speech:
    """The report on an emergency, with the buttons by which somebody takes note of it."""
    shown = preview(tx, row.id)
    facts = say(
        "emergency.facts",
        sender=sender_name(tx, row),
        purpose=say(f"broadcast.purpose.{row.purpose}"),
        audience=shown.audience_words,
        families=shown.families,
    )
    name = staff.name_of(tx, report.sent_by)
    content = say("broadcast.preview.content", subject=row.subject, body=row.body)
    opening = _opening(tx, row, name, report.opened_at, report.reason)
    return Speech(
        words=(heading, *opening, facts, content, say("emergency.card.please")),
        buttons=tuple(button(tx, ref_of(row), verb) for verb in _BUTTONS),
        subject=say("emergency.card.subject", subject=row.subject),
    )


# Who is asked to take note of it.


def asked(tx: Transaction, row: Broadcast, report: EmergencyReport) -> set[int]:
    """Those who have it before them: who decides there, and the board once it was told.

    Who sent it is asked only where there is nobody else.
    """
    found = deciders(tx, row, report)
    if report.escalated_at is not None:
        found |= board_members(tx, row, report)
    return found or _the_sender(tx, row, report)


def deciders(tx: Transaction, row: Broadcast, report: EmergencyReport) -> set[int]:
    """Who decides where it was sent from and can be told, other than who sent it."""
    return _reachable(tx, row, row.school_id, report)


def board_members(tx: Transaction, row: Broadcast, report: EmergencyReport) -> set[int]:
    return _reachable(tx, row, None, report)


def may_take_note(actor: Actor, row: Broadcast, report: EmergencyReport) -> bool:
    """Who decides there, and the board from when it was told."""
    told = report.escalated_at is not None
    return may_decide(actor, row.school_id) or (told and may_decide(actor, None))


def concerns(tx: Transaction, actor: Actor, row: Broadcast) -> bool:
    """Whether a broadcast is an emergency whose report was put before this person."""
    report = emergencies.find(tx, row.id)
    return report is not None and may_take_note(actor, row, report)


def is_case(row: Broadcast) -> bool:
    """Whether a broadcast goes out as an emergency still, and was not taken back since."""
    return is_emergency(row.options)


def _reachable(
    tx: Transaction, row: Broadcast, place: int | None, report: EmergencyReport
) -> set[int]:
    holders = staff.holders(tx, row.board_id, approvers(place), place)
    return {one for one in _with_ways(tx, holders) if one != report.sent_by}


def _the_sender(tx: Transaction, row: Broadcast, report: EmergencyReport) -> set[int]:
    holders = staff.holders(tx, row.board_id, approvers(row.school_id), row.school_id)
    return {one for one in _with_ways(tx, holders) if one == report.sent_by}


def _with_ways(tx: Transaction, holders: Iterable[int]) -> set[int]:
    return {one for one in holders if telling.ways_to(tx, one)}


def _name(tx: Transaction, staff_id: int | None) -> str | None:
    return staff.name_of(tx, staff_id) if staff_id is not None else None


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
