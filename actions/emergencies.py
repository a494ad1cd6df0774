"""Sending first and reporting afterwards: an emergency needs nobody's yes, but its case is kept.

An emergency is told to who decides there at once; whoever of them acknowledges it first is
noted. While nobody does, they are reminded, and in the end the board of education is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from actions import audit, boards, reports, staff, telling
from actions.emergency_cases import (
    Case,
    asked,
    board_members,
    card,
    case,
    case_words,
    cases,
    concerns,
    deciders,
    is_case,
    may_take_note,
)
from actions.moving import move, opened, refused_here
from actions.previews import audience_words, moment_of, ref_of
from domain.board_settings import BoardSettings
from domain.broadcasts import EMERGENCIES, Purpose, Verb
from domain.cards import CardRef
from domain.content import clean_text, with_emergency
from domain.emergencies import Step, Waiting, next_step
from domain.names import addressed
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.speech import Speech
from domain.wording import Words, say
from storage import audiences, broadcasts, emergencies, sent_first
from storage.database import Transaction
from storage.emergencies import Patience
from storage.tables import Broadcast, EmergencyReport

__all__ = [
    "REMARK_LIMIT",
    "Case",
    "SentFirst",
    "acknowledge",
    "case",
    "case_words",
    "cases",
    "concerns",
    "due_steps",
    "refused_nowhere",
    "refused_to",
    "remark",
    "send_first",
    "sent_lately",
    "take_step",
    "tell_figures",
]

REMARK_LIMIT = 1000
_SAME_WITHIN = timedelta(minutes=2)
_LATELY = timedelta(minutes=10)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SentFirst:
    """How many families it goes to, and how many people were told of it at once."""

    ref: CardRef
    families: int
    told: int


def send_first(tx: Transaction, actor: Actor, ref: CardRef, reason: str) -> SentFirst | Refusal:
    """Let exactly this version go out at once, ahead of everything else, without an approval.

    It becomes an emergency only here: what is saved as a draft goes the ordinary way.
    """
    sent_first.lock(tx, actor.board_id)
    broadcasts.lock(tx, ref.broadcast_id)
    row = opened(tx, actor, ref, Verb.SEND_FIRST)
    if isinstance(row, Refusal):
        return row
    families = audiences.count_families(tx, row.board_id, row.audience)
    if refused := _refused_sending(tx, row, families):
        return refused_here(tx, actor, row, Verb.SEND_FIRST, refused)
    _make_emergency(tx, row, actor)
    values = {"submitted_by": actor.staff_id, "due_at": tx.now}
    if lost := move(tx, actor, row, Verb.SEND_FIRST, families=families, values=values):
        return lost
    reason = clean_text(reason)[:REMARK_LIMIT]
    report = emergencies.open_case(tx, row, actor.staff_id, reason)
    return SentFirst(ref_of(row), families, _tell_at_once(tx, row, report))


def _refused_sending(tx: Transaction, row: Broadcast, families: int) -> Refusal | None:
    if Purpose(row.purpose) not in EMERGENCIES:
        return refuse("no_emergency_purpose")
    if row.valid_until is not None and row.valid_until <= tx.now:
        return refuse("too_late")
    # However few they are: nobody must be able to stop a warning by making a class look small.
    if not families:
        return refuse("audience_too_small", families=0, least=1)
    return _refused_twice(tx, row)


def _refused_twice(tx: Transaction, row: Broadcast) -> Refusal | None:
    """Two teachers after one earthquake send the same text: families need it once."""
    for report, other in sent_first.since(tx, row.board_id, tx.now - _SAME_WITHIN):
        if other.id != row.id and _what(other) == _what(row):
            name = addressed(staff.name_of(tx, report.sent_by))
            time = moment_of(tx, row, report.opened_at)
            return refuse("emergency_sent_twice", name=name, time=time)
    return None


def _what(row: Broadcast) -> tuple[str, str, list[object]]:
    return row.subject, row.body, row.audience


def sent_lately(tx: Transaction, board_id: int, school_id: int | None) -> Sequence[Words]:
    """What others sent first a moment ago where this would go too, for whom is about to send."""
    return [
        say(
            "emergency.sent_lately",
            minutes=max(1, int((tx.now - report.opened_at).total_seconds()) // 60),
            name=addressed(staff.name_of(tx, report.sent_by)),
            audience=audience_words(tx, other),
            subject=other.subject,
        )
        for report, other in sent_first.since(tx, board_id, tx.now - _LATELY)
        if school_id is None or other.school_id in (None, school_id)
    ][:_SHOWN]


def _make_emergency(tx: Transaction, row: Broadcast, actor: Actor) -> None:
    before = broadcasts.content_of(tx, row)
    content = replace(before, send_at=None, options=with_emergency(before.options))
    if content != before:
        broadcasts.rewrite(tx, row, actor.staff_id, content)


def _tell_at_once(tx: Transaction, row: Broadcast, report: EmergencyReport) -> int:
    """Report to who decides there; where nobody else can be told, to the board."""
    if not deciders(tx, row, report) and board_members(tx, row, report):
        emergencies.note_escalated(tx, report)
    people = asked(tx, row, report)
    telling.tell(tx, people, card(tx, row, report, say("emergency.card.heading")))
    return len(people)


def refused_nowhere(tx: Transaction, actor: Actor) -> Refusal:
    """Refuse staff who may write nowhere (any more), and note that they wanted to."""
    return _refused(tx, actor, None, 0, Verb.SEND_FIRST.value, refuse("not_allowed"))


# Taking note of it.


def acknowledge(tx: Transaction, actor: Actor, ref: CardRef) -> Case | Refusal:
    """Note that somebody answerable has seen the report; the first one counts."""
    found = _opened(tx, actor, ref, "acknowledge")
    if isinstance(found, Refusal):
        return found
    row, report = found
    if not emergencies.acknowledge(tx, report, actor.staff_id):
        return _refused(tx, actor, row.school_id, row.id, "acknowledge", _taken(tx, row, report))
    _record(tx, actor, row, "acknowledge")
    name = addressed(staff.name_of(tx, actor.staff_id))
    _tell_others(tx, actor, row, report, say("emergency.told.acknowledged", **_of(row, name)))
    return _case(tx, row)


def remark(tx: Transaction, actor: Actor, ref: CardRef, text: str) -> Case | Refusal:
    """Add what somebody answerable has to say; who says something has taken note, too."""
    found = _opened(tx, actor, ref, "remark")
    if isinstance(found, Refusal):
        return found
    row, report = found
    text = clean_text(text)[:REMARK_LIMIT]
    emergencies.acknowledge(tx, report, actor.staff_id)
    emergencies.remark(tx, report, text)
    _record(tx, actor, row, "remark", text=audit.digest(tx, text))
    name = addressed(staff.name_of(tx, actor.staff_id))
    words = say("emergency.told.remark", text=text, **_of(row, name))
    _tell_others(tx, actor, row, report, words)
    return _case(tx, row)


def refused_to(
    tx: Transaction, actor: Actor, row: Broadcast | None, ref: CardRef
) -> Refusal | None:
    """Why this person may not take note of this report; None if they may."""
    report = emergencies.find(tx, ref.broadcast_id)
    if row is None or report is None or row.board_id != actor.board_id:
        return refuse("not_allowed")
    if not may_take_note(actor, row, report):
        return refuse("not_allowed")
    if ref_of(row).mark != ref.mark:
        return refuse("stale_card")
    others = deciders(tx, row, report) | board_members(tx, row, report)
    return refuse("own_emergency") if actor.staff_id == report.sent_by and others else None


def _opened(
    tx: Transaction, actor: Actor, ref: CardRef, verb: str
) -> tuple[Broadcast, EmergencyReport] | Refusal:
    row = broadcasts.find(tx, ref.broadcast_id)
    if refusal := refused_to(tx, staff.as_of_now(tx, actor), row, ref):
        ours = row is not None and row.board_id == actor.board_id
        school_id = row.school_id if row is not None and ours else None
        return _refused(tx, actor, school_id, ref.broadcast_id, verb, refusal)
    report = emergencies.find(tx, ref.broadcast_id)
    assert row is not None
    assert report is not None
    return row, report


def _taken(tx: Transaction, row: Broadcast, report: EmergencyReport) -> Refusal:
    assert report.acknowledged_by is not None
    assert report.acknowledged_at is not None
    name = addressed(staff.name_of(tx, report.acknowledged_by))
    time = moment_of(tx, row, report.acknowledged_at)
    return refuse("already_acknowledged", subject=row.subject, name=name, time=time)


def _refused(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    broadcast_id: int,
    verb: str,
    refusal: Refusal,
) -> Refusal:
    chain, who = audit.chain_of(actor.board_id, school_id), audit.staff(actor.staff_id)
    audit.record(tx, chain, who, verb, f"broadcast:{broadcast_id}", {"refused": refusal.code})
    return refusal


def _record(tx: Transaction, actor: Actor, row: Broadcast, verb: str, **details: str) -> None:
    chain = audit.chain_of(row.board_id, row.school_id)
    who, noted = audit.staff(actor.staff_id), {"version": row.version, **details}
    audit.record(tx, chain, who, verb, f"broadcast:{row.id}", noted)


def _of(row: Broadcast, name: Words) -> dict[str, object]:
    return {"subject": row.subject, "name": name}


def _tell_others(
    tx: Transaction, actor: Actor, row: Broadcast, report: EmergencyReport, words: Words
) -> None:
    """Tell all who have the report before them, and who sent it."""
    people = asked(tx, row, report) | telling.still_in_office(tx, row, {report.sent_by})
    subject = say("emergency.card.subject", subject=row.subject)
    telling.tell(tx, people - {actor.staff_id}, Speech(words=(words,), subject=subject))


def _case(tx: Transaction, row: Broadcast) -> Case:
    made = case(tx, row.id)
    assert made is not None
    return made


# What the system does when the time has come.


def due_steps(tx: Transaction) -> list[int]:
    """The broadcasts about which somebody is to be told again now."""
    patience = defaultdict[Patience, list[int]](list)
    for board in emergencies.boards_with_open_cases(tx):
        chosen = BoardSettings.from_json(board.settings)
        minutes = Patience(chosen.acknowledge_minutes, chosen.escalate_minutes)
        patience[minutes].append(board.id)
    return list(emergencies.due(tx, patience)) if patience else []


def take_step(tx: Transaction, broadcast_id: int) -> Step | None:
    """Remind or escalate, if that is still to be done; None if another worker was faster."""
    report = emergencies.find(tx, broadcast_id)
    step = _step(tx, report) if report and report.acknowledged_at is None else None
    if report is None or step is None:
        return None
    row = broadcasts.broadcast(tx, broadcast_id)
    before = asked(tx, row, report)
    take = emergencies.note_reminded if step is Step.REMIND else emergencies.note_escalated
    if not take(tx, report):
        return None
    chain = audit.chain_of(row.board_id, row.school_id)
    audit.record(tx, chain, audit.SYSTEM, f"{step.value}_emergency", f"broadcast:{row.id}")
    _tell_again(tx, row, report, before)
    return step


def _step(tx: Transaction, report: EmergencyReport) -> Step | None:
    if not is_case(broadcasts.broadcast(tx, report.broadcast_id)):
        return None
    chosen = boards.settings(tx, report.board_id)
    return next_step(
        Waiting(report.opened_at, report.reminded_at, report.escalated_at),
        tx.now,
        acknowledge_minutes=chosen.acknowledge_minutes,
        escalate_minutes=chosen.escalate_minutes,
    )


def _tell_again(
    tx: Transaction, row: Broadcast, report: EmergencyReport, before: Iterable[int]
) -> None:
    """Tell those who did not have it yet; where there are none, remind all who have."""
    people = asked(tx, row, report)
    new = people - set(before)
    minutes = int((tx.now - report.opened_at).total_seconds()) // 60
    key = "emergency.card.escalated" if new else "emergency.card.reminder"
    telling.tell(tx, new or people, card(tx, row, report, say(key, minutes=minutes)))


def tell_figures(tx: Transaction, broadcast_id: int) -> bool:
    """Tell those answerable whom it reached; False if they were told before.

    Its authors are told by the ordinary report.
    """
    report = emergencies.find(tx, broadcast_id)
    if report is None or not emergencies.note_reported(tx, report):
        return False
    row = broadcasts.broadcast(tx, broadcast_id)
    told = telling.still_in_office(tx, row, {*row.author_ids, row.submitted_by, row.decided_by})
    figures = reports.report_words(reports.report(tx, broadcast_id), row.subject)
    speech = Speech(
        words=(*figures, *case_words(tx, broadcast_id)),
        subject=say("broadcast.report.subject", subject=row.subject),
    )
    telling.tell(tx, asked(tx, row, report) - told, speech)
    return True
