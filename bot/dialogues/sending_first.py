"""What the emergency dialogue does outside its script: reading what is ready, and sending."""

from __future__ import annotations

from actions import boards, broadcasts, emergencies, staff, templates, tries
from actions.previews import audience_words, button, current_ref, sender_name
from bot.dialogues import drafting
from bot.dialogues.drafting import ref_from_json, ref_to_json
from bot.steps import Json, Scene
from bot.talk import STAYS
from domain.audience import parts_from_json
from domain.broadcasts import Purpose
from domain.cards import CardRef, CardVerb
from domain.content import HEADLINE, Content
from domain.copies import subject_line
from domain.refusals import Refusal, refuse
from domain.roles import Actor
from domain.speech import Speech, words_to_json
from domain.wording import LANGUAGES, Words, render, say
from storage.database import Transaction
from storage.tables import Broadcast

REASONS = ("safety", "absent")
REASON_LIMIT = 200
_DRAFT = "ref"
_SHOWN_TEMPLATES = 6
# Families read what the school writes, whatever language the person who sends it reads.
_LANGUAGE = LANGUAGES[0]


def places(tx: Transaction, scene: Scene) -> Json:
    """Effect: where this person may send first; who may nowhere is refused, and noted."""
    found = drafting.places(tx, scene)
    if found:
        return found
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        tries.no_staff(tx, scene.contact_id, "send_first", 0)
    else:
        emergencies.refused_nowhere(tx, actor)
    return {"refused": words_to_json(say("emergency.not_staff"))}


def templates_for(place: int, purpose: str, tx: Transaction, scene: Scene) -> Json:
    """Effect: the ready texts of this place, and of the board, that are for this purpose."""
    offered = templates.offered(tx, scene.board_id, [place] if place else [])
    fitting = [row for row in offered if row.purpose == purpose]
    return [{"id": row.id, "name": row.name} for row in fitting[:_SHOWN_TEMPLATES]]


def ready_text(purpose: str, chosen: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: subject and body of a ready text, before its slots are filled in."""
    if "preset" in chosen:
        stem = f"preset.{purpose}.{chosen['preset']}"
        words = (say(f"{stem}.subject"), say(f"{stem}.body"))
        return {"text": [render(each, _LANGUAGE) for each in words]}
    row = templates.find(tx, scene.board_id, chosen["template"])
    if row is None:
        return {"refused": words_to_json(say("template.gone"))}
    return {"text": [row.subject, row.body]}


def shown(place: int, content: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: what is about to go out, and to how many families."""
    row = Broadcast(board_id=scene.board_id, school_id=place or None, audience=content["audience"])
    parts = parts_from_json(content["audience"])
    families = broadcasts.count(tx, scene.board_id, parts)
    facts = say(
        "emergency.facts",
        sender=sender_name(tx, row),
        purpose=say(f"broadcast.purpose.{content['purpose']}"),
        audience=audience_words(tx, row),
        families=families,
    )
    subject = subject_line(content["subject"], emergency=True)
    text = say("broadcast.preview.content", subject=subject, body=content["body"])
    lately = emergencies.sent_lately(tx, scene.board_id, place or None)
    words: list[Words] = [facts, text, *_privacy(tx, scene.board_id), *lately]
    return {"words": [words_to_json(each) for each in words], "families": families}


def _privacy(tx: Transaction, board_id: int) -> list[Words]:
    is_headline = boards.settings(tx, board_id).privacy == HEADLINE
    return [say("broadcast.preview.headline")] if is_headline else []


def send(place: int, content: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: save what was shown, and send it in the same transaction.

    If it is refused, the draft stays: an ordinary one, that can be taken up and approved.
    """
    actor = staff.actor_of(tx, scene.contact_id)
    if actor is None:
        return {"refused": words_to_json(refuse("not_allowed").words)}
    sent = _sent(place, content, tx, scene, actor)
    if isinstance(sent, Refusal):
        return {"refused": words_to_json(sent.words)}
    scene.memory.pop(STAYS, None)
    return _sent_speech(tx, sent).to_json()


def _sent(
    place: int, content: Json, tx: Transaction, scene: Scene, actor: Actor
) -> emergencies.SentFirst | Refusal:
    wanted = Content(
        purpose=Purpose(content["purpose"]),
        subject=content["subject"],
        body=content["body"],
        audience=parts_from_json(content["audience"]),
    )
    draft = _draft(tx, scene)
    saved = broadcasts.save_draft(tx, actor, place or None, wanted, (), draft)
    if isinstance(saved, Refusal):
        return saved
    scene.memory.update({_DRAFT: ref_to_json(saved.ref), STAYS: "compose.kept"})
    return emergencies.send_first(tx, actor, saved.ref, _reason_text(content["reason"]))


def _draft(tx: Transaction, scene: Scene) -> CardRef | None:
    """What an earlier try left; None if somebody has changed it since."""
    if _DRAFT not in scene.memory:
        return None
    ref = ref_from_json(scene.memory[_DRAFT])
    return ref if current_ref(tx, ref.broadcast_id, ref.version) == ref else None


def _reason_text(reason: Json) -> str:
    if reason is None:
        return ""
    if isinstance(reason, str):
        return render(say(f"emergency.reason.{reason}"), _LANGUAGE)
    typed: str = reason["typed"]
    return typed


def _sent_speech(tx: Transaction, sent: emergencies.SentFirst) -> Speech:
    told = say("emergency.told_count", count=sent.told) if sent.told else say("emergency.told_none")
    return Speech(
        words=(say("emergency.sent", families=sent.families), told),
        buttons=tuple(button(tx, sent.ref, verb) for verb in (CardVerb.REPORT, CardVerb.WITHDRAW)),
    )
