"""What composing does outside its script: effects on drafts, and reading them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from actions import broadcasts, previews, staff
from bot import pictures
from bot.phrases import DONE
from bot.steps import Json, Misread, Scene
from bot.talk import STAYS
from bot.words import vocabulary
from domain.approval import Authorship, may
from domain.audience import CITY, Part
from domain.broadcasts import Purpose, Verb
from domain.cards import CardRef
from domain.content import Content
from domain.folding import fold_word
from domain.images import NotAnImage
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.speech import words_to_json
from domain.when import Verdict, read_when
from domain.wording import catalogue, say
from storage import boards, schools
from storage import broadcasts as stored
from storage.database import Transaction
from storage.tables import Broadcast, Group, School

# The place of what is written for the city; schools have their own numbers.
CITY_PLACE = 0
WHOLE = "whole"
NOW = "now"
_DRAFT = "draft"


def means_done(text: str) -> bool:
    return fold_word(text) in vocabulary("bot.word.done")


# Where somebody may write, and to whom.


def places(tx: Transaction, scene: Scene) -> Json:
    """Effect: the schools (0: the city) that this person may write for."""
    actor = staff.actor_of(tx, scene.contact_id)
    ids = {grant.school_id for grant in actor.grants} if actor else set()
    return [
        {"id": place or CITY_PLACE, "name": _name_of(tx, scene, place)}
        for place in sorted(ids, key=lambda place: place or CITY_PLACE)
        if actor and may_write(actor, place)
    ]


def _name_of(tx: Transaction, scene: Scene, place: int | None) -> str:
    if place is None:
        return boards.board(tx, scene.board_id).name
    return schools.school(tx, place).name


def groups(place: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: the parts an audience can be made of: groups of a school, schools of the city."""
    rows: Iterable[Group | School]
    if place == CITY_PLACE:
        rows = schools.schools_of(tx, scene.board_id)
    else:
        rows = schools.groups_of(tx, place)
    return [{"id": row.id, "name": row.name} for row in rows]


def _parts(place: int, audience: Sequence[Json]) -> tuple[Part, ...]:
    if WHOLE in audience:
        return (Part("school", place) if place else CITY,)
    return tuple(Part("group" if place else "school", each) for each in audience)


def _picked(place: int, parts: Iterable[Part]) -> list[Json]:
    """The answers that an audience stands for: the reverse of `_parts`."""
    whole = Part("school", place) if place else CITY
    return [WHOLE if part == whole else part.id for part in parts]


# The content.


def attach(tx: Transaction, scene: Scene, raw: bytes) -> Json:
    """Effect: keep an image that was sent; its ID, or why it cannot be used."""
    image = pictures.prepared(raw)
    if isinstance(image, NotAnImage):
        return Misread(say(f"compose.image.{image.reason}"))
    return broadcasts.attach(tx, scene.board_id, image)


def reading(text: str, tx: Transaction, scene: Scene) -> Json:
    """Effect: the moment that a typed time means now, or what is doubtful about it."""
    zone = ZoneInfo(boards.board(tx, scene.board_id).zone)
    read = read_when(text, tx.now, zone)
    if read.verdict is Verdict.OK and read.at is not None:
        return {"at": read.at.isoformat()}
    key = f"compose.when.{read.reason}"
    known = key if key in catalogue("ja") else "compose.when.unclear"
    return {"at": None, "doubt": words_to_json(say(known))}


def save(place: int, content: Mapping[str, Json], tx: Transaction, scene: Scene) -> Json:
    """Effect: save the draft of this dialogue, the same one however often it is changed."""
    actor = _actor(tx, scene)
    if actor is None:
        return {"refused": words_to_json(refuse("not_allowed").words)}
    draft = scene.memory.get(_DRAFT)
    whole = _content(place, content, _content_before(tx, draft))
    saved = broadcasts.save_draft(tx, actor, place or None, whole, content["images"], draft)
    if isinstance(saved, Refusal):
        return {"refused": words_to_json(saved.words)}
    scene.memory.update(memory_of(saved.ref.broadcast_id))
    return {"ref": ref_to_json(saved.ref)}


def _content_before(tx: Transaction, draft: int | None) -> Content | None:
    row = stored.find(tx, draft) if draft is not None else None
    return stored.content_of(tx, row) if row is not None else None


def _content(place: int, content: Mapping[str, Json], before: Content | None) -> Content:
    """What was answered; what this dialogue does not ask stays as it was."""
    made = Content(
        purpose=Purpose(content["purpose"]),
        subject=content["subject"],
        body=content["body"],
        audience=_parts(place, content["audience"]),
        send_at=datetime.fromisoformat(content["at"]) if content["at"] else None,
    )
    if before is None:
        return made
    return replace(made, options=before.options, valid_until=before.valid_until)


def preview(tx: Transaction, scene: Scene) -> Json:
    """Effect: the draft as families will receive it."""
    shown = broadcasts.preview(tx, scene.memory[_DRAFT])
    return {
        "words": [words_to_json(words) for words in broadcasts.preview_words(shown)],
        "pictures": list(shown.picture_ids),
    }


# What becomes of it.


def submit(ref: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: ask for approval of exactly the version that was shown."""
    actor = _actor(tx, scene)
    refusal = refuse("not_allowed")
    done = broadcasts.submit(tx, actor, ref_from_json(ref)) if actor else refusal
    if isinstance(done, Refusal):
        return {"refused": words_to_json(done.words)}
    scene.memory.pop(STAYS, None)
    return {"families": done.families, "approvers": done.approvers}


def discard(ref: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: call the draft off."""
    actor = _actor(tx, scene)
    refusal = refuse("not_allowed")
    done = broadcasts.cancel(tx, actor, ref_from_json(ref)) if actor else refusal
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else True


def _actor(tx: Transaction, scene: Scene) -> Actor | None:
    return staff.actor_of(tx, scene.contact_id)


def ref_to_json(ref: CardRef) -> Json:
    return [ref.broadcast_id, ref.version, ref.mark]


def ref_from_json(value: Json) -> CardRef:
    return CardRef(*value)


# Taking up a draft again.


def may_edit(actor: Actor, row: Broadcast) -> bool:
    if row.board_id != actor.board_id:
        return False
    whose = Authorship(row.school_id, frozenset(row.author_ids), row.submitted_by)
    return may(actor, Verb.EDIT, whose) is None


def answers_of(tx: Transaction, broadcast_id: int) -> list[tuple[str, Json]]:
    """The log that composing this broadcast would have left, up to its preview."""
    row = stored.broadcast(tx, broadcast_id)
    place = row.school_id or CITY_PLACE
    content = stored.content_of(tx, row)
    images = stored.attachment_ids(tx, broadcast_id)
    sent = [(f"image.{n}", image) for n, image in enumerate(images)]
    at = content.send_at.isoformat() if content.send_at else None
    return [
        ("place", place),
        ("purpose", content.purpose.value),
        ("audience.0", [*_picked(place, content.audience), DONE]),
        ("subject", content.subject),
        ("body", content.body),
        *sent,
        (f"image.{len(sent)}", DONE),
        ("when", at or NOW),
        *([("when.read", {"at": at})] if at else []),
        ("save", {"ref": ref_to_json(previews.ref_of(row))}),
    ]


def memory_of(broadcast_id: int) -> dict[str, Json]:
    """What a dialogue remembers that goes on with this broadcast."""
    return {_DRAFT: broadcast_id, STAYS: "compose.kept"}
