"""What the dialogue about ready texts does outside its script."""

from __future__ import annotations

from collections.abc import Mapping

from actions import staff, templates
from bot.dialogues import drafting
from bot.dialogues.audience import CITY_PLACE
from bot.steps import Json, Scene
from domain.broadcasts import Purpose
from domain.refusals import Refusal, refuse
from domain.speech import words_to_json
from domain.wording import Text, say
from storage import broadcasts as stored
from storage import schools
from storage.database import Transaction
from storage.tables import Template

# As many as can be taken in at a glance; the newest of what was sent.
_LISTED, _SENT = 30, 8
_NAME = 40


def listed(tx: Transaction, scene: Scene) -> Json:
    """Effect: the templates that this person may use, those of the board marked as such."""
    places = [place["id"] for place in drafting.places(tx, scene)]
    rows = templates.offered(tx, scene.board_id, [place for place in places if place])
    many = len(places) > 1
    return [{"id": row.id, "words": words_to_json(_line(tx, row, many))} for row in rows[:_LISTED]]


def _line(tx: Transaction, row: Template, many: bool) -> Text:
    name = row.name[:_NAME]
    if row.school_id is None:
        return say("template.of_board", name=name)
    if many:
        return say("template.of_school", name=name, school=schools.school(tx, row.school_id).name)
    return say("bot.name", name=name)


def found(template_id: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: one template; `place` is where it is used, None where that is to be asked."""
    actor = staff.actor_of(tx, scene.contact_id)
    row = templates.find(tx, scene.board_id, template_id)
    places = [place["id"] for place in drafting.places(tx, scene)]
    if actor is None or row is None or row.school_id not in (None, *places):
        return {"refused": words_to_json(say("template.gone"))}
    mine = templates.may_change(actor, row)
    of_city = CITY_PLACE if mine else None
    return {
        "id": row.id,
        "name": row.name,
        "purpose": row.purpose,
        "subject": row.subject,
        "body": row.body,
        "mine": mine,
        "place": of_city if row.school_id is None else row.school_id,
    }


def sent(place: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: what was sent from a place, to make a template of."""
    rows = templates.sent_texts(tx, scene.board_id, place or None, _SENT)
    return [{"id": row.id, "subject": row.subject[:_NAME]} for row in rows]


def copied(place: int, broadcast_id: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: the words of something that was sent from this place."""
    row = stored.broadcast(tx, broadcast_id)
    if (row.board_id, row.school_id or CITY_PLACE) != (scene.board_id, place):
        raise LookupError(f"broadcast {broadcast_id} was not sent from {place}")
    return {"purpose": row.purpose, "subject": row.subject, "body": row.body}


def save(
    place: int,
    wording: Mapping[str, Json],
    template_id: int | None,
    tx: Transaction,
    scene: Scene,
) -> Json:
    """Effect: keep a template, or its new words."""
    actor = staff.actor_of(tx, scene.contact_id)
    words = templates.Wording(
        wording["name"], Purpose(wording["purpose"]), wording["subject"], wording["body"]
    )
    refusal = refuse("not_allowed")
    done = templates.save(tx, actor, place or None, words, template_id) if actor else refusal
    return {"refused": words_to_json(done.words)} if isinstance(done, Refusal) else {"id": done}


def remove(template_id: int, tx: Transaction, scene: Scene) -> Json:
    """Effect: take a template away."""
    actor = staff.actor_of(tx, scene.contact_id)
    done = templates.remove(tx, actor, template_id) if actor else refuse("not_allowed")
    return {"refused": words_to_json(done.words)} if done else True
