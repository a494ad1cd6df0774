"""Ready texts (定型文): a school's are kept by its writers, the board's are offered to all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions import audit, staff
from domain.broadcasts import Purpose
from domain.content import BODY_LIMIT, SUBJECT_LIMIT, clean_line, clean_text
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.templates import MOST_SLOTS, NAME_LIMIT, slots
from storage import templates
from storage.database import Transaction
from storage.tables import Broadcast, Template

__all__ = [
    "Wording",
    "find",
    "may_change",
    "offered",
    "refused_slots",
    "remove",
    "save",
    "sent_texts",
]


@dataclass(frozen=True, slots=True)
class Wording:
    """What a template says, and what it is called."""

    name: str
    purpose: Purpose
    subject: str
    body: str


def offered(tx: Transaction, board_id: int, school_ids: Sequence[int]) -> Sequence[Template]:
    """The templates of these schools, then the board's, which are offered to all."""
    return templates.offered(tx, board_id, school_ids)


def find(tx: Transaction, board_id: int, template_id: int) -> Template | None:
    return templates.find(tx, board_id, template_id)


def may_change(actor: Actor, row: Template) -> bool:
    return row.board_id == actor.board_id and may_write(actor, row.school_id)


def save(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    wording: Wording,
    template_id: int | None = None,
) -> int | Refusal:
    """Keep a new template, or new words of one; returns its number."""
    actor = staff.as_of_now(tx, actor)
    row = templates.find(tx, actor.board_id, template_id) if template_id else None
    if template_id and row is None:
        return _refused(tx, actor, school_id, template_id, "save", refuse("unknown_template"))
    place = row.school_id if row else school_id
    cleaned = _cleaned(wording)
    refused = None if may_write(actor, place) else refuse("not_allowed")
    refused = refused or _refused_wording(cleaned) or _refused_name(tx, actor, place, cleaned, row)
    if refused:
        return _refused(tx, actor, place, template_id or 0, "save", refused)
    row = row or Template(board_id=actor.board_id, school_id=place)
    if not _written(tx, row, cleaned):
        return _refused(tx, actor, place, template_id or 0, "save", _taken(cleaned))
    digest = audit.digest(tx, f"{row.name}\n{row.subject}\n{row.body}")
    _record(tx, actor, row.school_id, row.id, "save", content=digest)
    return row.id


def remove(tx: Transaction, actor: Actor, template_id: int) -> Refusal | None:
    """Take a template away for good; what was sent with it stays as it is."""
    actor = staff.as_of_now(tx, actor)
    row = templates.find(tx, actor.board_id, template_id)
    if row is None:
        return _refused(tx, actor, None, template_id, "remove", refuse("unknown_template"))
    if not may_change(actor, row):
        return _refused(tx, actor, row.school_id, row.id, "remove", refuse("not_allowed"))
    digest = audit.digest(tx, f"{row.name}\n{row.subject}\n{row.body}")
    _record(tx, actor, row.school_id, row.id, "remove", content=digest)
    templates.remove(tx, row)
    return None


def sent_texts(
    tx: Transaction, board_id: int, school_id: int | None, limit: int
) -> Sequence[Broadcast]:
    """What was sent from a place, newest first: texts that a template can be made of."""
    return templates.sent_texts(tx, board_id, school_id, limit)


def _cleaned(wording: Wording) -> Wording:
    return Wording(
        clean_line(wording.name),
        wording.purpose,
        clean_line(wording.subject),
        clean_text(wording.body),
    )


def _refused_wording(wording: Wording) -> Refusal | None:
    if not wording.name:
        return refuse("no_template_name")
    if len(wording.name) > NAME_LIMIT:
        return refuse("long_template_name", most=NAME_LIMIT)
    if not wording.subject:
        return refuse("no_subject")
    if len(wording.subject) > SUBJECT_LIMIT:
        return refuse("long_subject", most=SUBJECT_LIMIT)
    if not wording.body:
        return refuse("no_body")
    if len(wording.body) > BODY_LIMIT:
        return refuse("long_body", most=BODY_LIMIT)
    return refused_slots(wording.subject, wording.body)


def refused_slots(*texts: str) -> Refusal | None:
    """Each slot is a question to whoever uses the template."""
    too_many = len(slots(*texts)) > MOST_SLOTS
    return refuse("many_slots", most=MOST_SLOTS) if too_many else None


def _refused_name(
    tx: Transaction, actor: Actor, place: int | None, wording: Wording, row: Template | None
) -> Refusal | None:
    """Two templates of one name in one place could not be told apart."""
    same = templates.named(tx, actor.board_id, place, wording.name)
    taken = same is not None and (row is None or same.id != row.id)
    return _taken(wording) if taken else None


def _taken(wording: Wording) -> Refusal:
    return refuse("template_name_taken", name=wording.name)


def _written(tx: Transaction, row: Template, wording: Wording) -> bool:
    """False if somebody gave the name to another a moment ago."""
    row.purpose, row.subject, row.body = wording.purpose.value, wording.subject, wording.body
    return templates.keep(tx, row, wording.name)


def _refused(
    tx: Transaction,
    actor: Actor,
    place: int | None,
    template_id: int,
    what: str,
    refusal: Refusal,
) -> Refusal:
    _record(tx, actor, place, template_id, what, refused=refusal.code)
    return refusal


def _record(
    tx: Transaction,
    actor: Actor,
    place: int | None,
    template_id: int,
    what: str,
    **details: str,
) -> None:
    chain, who = audit.chain_of(actor.board_id, place), audit.staff(actor.staff_id)
    audit.record(tx, chain, who, f"{what}_template", f"template:{template_id}", details)
