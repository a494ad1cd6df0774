"""Writing and editing broadcasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from actions import audit, boards, staff
from actions.previews import ref_of
from actions.records import closed, record, record_refused
from actions.telling import authorship, tell_taken_back
from domain import follow_ups
from domain.approval import Authorship, may
from domain.audience import OF_BROADCAST, Part, parts_from_json, tidy
from domain.broadcasts import Relation, State, Verb, next_state
from domain.cards import CardRef
from domain.content import (
    BODY_LIMIT,
    IMAGES_LIMIT,
    SUBJECT_LIMIT,
    Content,
    clean_line,
    clean_text,
    is_emergency,
    with_emergency,
    with_privacy,
    without_emergency,
)
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from storage import broadcasts, schools
from storage.database import Transaction
from storage.reminding import is_reminder
from storage.tables import Broadcast

# What others have decided on, or were asked to.
if TYPE_CHECKING:
    from domain.images import PreparedImage


_HANDED_IN = frozenset({State.PENDING, State.APPROVED})


@dataclass(frozen=True, slots=True)
class Saved:
    ref: CardRef


def save_draft(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    content: Content,
    attachment_ids: Sequence[int] = (),
    editing: CardRef | None = None,
) -> Saved | Refusal:
    """Save a new broadcast, or an edit; every edit makes it a draft and kills its cards.

    `editing` is the version that the editor has before them: where another is the newest now,
    the edit is refused, so that nobody's text is overwritten unseen.

    The content's images are those of `attachment_ids`, in this order.
    """
    actor = staff.as_of_now(tx, actor)
    row = _row(tx, actor, editing)
    if isinstance(row, Refusal):
        return row
    refused = _may_edit(tx, actor, school_id, row, editing)
    checked = refused or _checked(tx, actor, school_id, content, attachment_ids, row)
    if isinstance(checked, Refusal):
        record_refused(tx, actor, school_id, row.id if row else None, Verb.EDIT, checked)
        return checked
    if row is None:
        row = broadcasts.add(tx, actor.board_id, school_id, actor.staff_id, checked)
    else:
        if State(row.state) in _HANDED_IN:
            tell_taken_back(tx, row, actor.staff_id)
        broadcasts.rewrite(tx, row, actor.staff_id, checked)
    broadcasts.set_attachments(tx, row.id, _once(attachment_ids))
    record(tx, audit.staff(actor.staff_id), row, Verb.EDIT)
    return Saved(ref_of(row))


def attach(tx: Transaction, board_id: int, image: PreparedImage) -> int:
    """Keep an image until a draft takes it up; returns its ID."""
    return broadcasts.add_attachment(tx, board_id, image).id


def _row(tx: Transaction, actor: Actor, editing: CardRef | None) -> Broadcast | Refusal | None:
    if editing is None:
        return None
    row = broadcasts.lock(tx, editing.broadcast_id)
    if row is None or row.board_id != actor.board_id:
        return refuse("unknown_broadcast")
    return row


def _may_edit(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    row: Broadcast | None,
    editing: CardRef | None,
) -> Refusal | None:
    new = Authorship(school_id, frozenset(), None)
    if refused := may(actor, Verb.EDIT, authorship(row) if row else new):
        return refused
    if row is not None and ref_of(row) != editing:
        return refuse("stale_card")
    if row is not None and is_reminder(row):
        return refuse("reminder_is_not_edited")
    if row is not None and next_state(State(row.state), Verb.EDIT) is None:
        return closed(tx, row)
    if row is not None and row.school_id != school_id:
        return refuse("wrong_audience")
    return None


def _checked(
    tx: Transaction,
    actor: Actor,
    school_id: int | None,
    content: Content,
    attachment_ids: Sequence[int],
    row: Broadcast | None,
) -> Content | Refusal:
    """The content as it is saved, or what is wrong with it."""
    if len(_once(attachment_ids)) > IMAGES_LIMIT:
        return refuse("too_many_images", most=IMAGES_LIMIT)
    if not is_in_reach(tx, actor.board_id, school_id, content.audience):
        return refuse("wrong_audience")
    if not _continues_truly(tx, content):
        return refuse("wrong_audience")
    images = broadcasts.usable_attachments(
        tx, actor.board_id, _once(attachment_ids), row.id if row else None
    )
    if images is None:
        return refuse("unknown_image")
    subject, body = clean_line(content.subject), clean_text(content.body)
    audience = tidy(content.audience)
    cleaned = replace(content, subject=subject, body=body, audience=audience, images=images)
    return _refused_text(cleaned) or _with_privacy(tx, actor.board_id, cleaned)


def _with_privacy(tx: Transaction, board_id: int, content: Content) -> Content:
    """What the board chose now: an approval holds for what people were to receive then."""
    privacy = boards.settings(tx, board_id).privacy
    return replace(content, options=with_privacy(_options(tx, board_id, content), privacy))


def _options(tx: Transaction, board_id: int, content: Content) -> Mapping[str, Any]:
    """A draft is no emergency, for only sending it first makes it one; unless it follows one.

    And that only as long as it is about such a thing, and to the same people: what is made of it
    later must not reach those who left.
    """
    follows = follow_ups.read(content.options)
    origin = broadcasts.find(tx, follows.origin_id) if follows else None
    if follows is None or origin is None or origin.board_id != board_id:
        return without_emergency(content.options)
    same = tidy(content.audience) == _audience_after(origin, follows.relation)
    stays = follow_ups.stays_emergency(content.purpose, follows.relation, same)
    if stays and is_emergency(origin.options):
        return with_emergency(content.options)
    return without_emergency(content.options)


def _continues_truly(tx: Transaction, content: Content) -> bool:
    """Whether parts of an earlier broadcast are named only by what follows it.

    They may be few, so nothing else goes to them than what sets right, replaces or reminds.
    """
    if not any(part.kind in OF_BROADCAST for part in content.audience):
        return True
    follows = follow_ups.read(content.options)
    origin = broadcasts.find(tx, follows.origin_id) if follows else None
    if follows is None or origin is None:
        return False
    return tidy(content.audience) == _audience_after(origin, follows.relation)


def _audience_after(origin: Broadcast, relation: Relation) -> tuple[Part, ...]:
    return follow_ups.audience_after(origin.id, parts_from_json(origin.audience), relation)


def _refused_text(content: Content) -> Refusal | None:
    if not content.subject:
        return refuse("no_subject")
    if not content.body:
        return refuse("no_body")
    if len(content.subject) > SUBJECT_LIMIT:
        return refuse("long_subject", most=SUBJECT_LIMIT)
    if len(content.body) > BODY_LIMIT:
        return refuse("long_body", most=BODY_LIMIT)
    return None


def is_in_reach(
    tx: Transaction, board_id: int, school_id: int | None, parts: Sequence[Part]
) -> bool:
    """Whether it names somebody, and nobody whom this place may not write to."""
    names_somebody = any(not part.excluded for part in parts)
    return names_somebody and all(_may_name(tx, board_id, school_id, part) for part in parts)


def _may_name(tx: Transaction, board_id: int, school_id: int | None, part: Part) -> bool:
    if part.kind in OF_BROADCAST:
        earlier = broadcasts.find(tx, part.id)
        of_whom = (earlier.board_id, earlier.school_id) if earlier else None
        return of_whom == (board_id, school_id)
    if school_id is None:
        return _is_of_city(tx, board_id, part)
    return _is_of_school(tx, school_id, part)


def _is_of_city(tx: Transaction, board_id: int, part: Part) -> bool:
    if part.kind == "school":
        return any(school.id == part.id for school in schools.schools_of(tx, board_id))
    if part.kind == "group":
        group = schools.group(tx, part.id)
        return group is not None and (group.board_id, group.school_id) == (board_id, None)
    return part.kind == "city"


def _is_of_school(tx: Transaction, school_id: int, part: Part) -> bool:
    if part.kind == "group":
        group = schools.group(tx, part.id)
        return group is not None and group.school_id == school_id
    return part.kind == "school" and part.id == school_id


def _once(ids: Sequence[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))
