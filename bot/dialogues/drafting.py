"""What composing does outside its script: effects on drafts, and reading them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from actions import broadcasts, previews, staff
from bot import pictures
from bot.dialogues.audience import CITY_PLACE, answers_for
from bot.phrases import DONE
from bot.steps import Json, Misread, Scene, SentPicture
from bot.talk import STAYS
from bot.words import vocabulary
from domain.approval import Authorship, may
from domain.audience import parts_from_json
from domain.broadcasts import Purpose, Verb
from domain.cards import CardRef, CardVerb
from domain.content import Content, wants_confirmation, with_confirmation
from domain.folding import fold_word
from domain.images import NotAnImage
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_write
from domain.speech import Speech, words_to_json
from domain.when import Verdict, read_when
from domain.wording import catalogue, say
from storage import boards, schools
from storage import broadcasts as stored
from storage.database import Transaction
from storage.tables import Broadcast

NOW = "now"
_DRAFT = "ref"
_EXTRAS = "extras"


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


# The content.


def attach(tx: Transaction, scene: Scene, sent: SentPicture) -> Json:
    """Effect: keep an image that was sent; its ID, or why it cannot be used."""
    image = pictures.taken(sent)
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
    draft = _draft(scene)
    whole = _content(content, _content_before(tx, draft))
    saved = broadcasts.save_draft(tx, actor, place or None, whole, content["images"], draft)
    if isinstance(saved, Refusal):
        return _not_done(tx, saved, draft)
    scene.memory.update(memory_of(saved.ref))
    return {"ref": ref_to_json(saved.ref)}


def _draft(scene: Scene) -> CardRef | None:
    """The version that this dialogue has before it: what it saved last or was begun with."""
    return ref_from_json(scene.memory[_DRAFT]) if _DRAFT in scene.memory else None


def _not_done(tx: Transaction, refusal: Refusal, draft: CardRef | None) -> Json:
    """Why nothing was done; where somebody else was faster, with a way to what they made."""
    row = stored.find(tx, draft.broadcast_id) if draft else None
    if row is None or refusal.code != "stale_card":
        return {"refused": words_to_json(refusal.words)}
    newest = previews.button(tx, previews.ref_of(row), CardVerb.EDIT)
    return {"meanwhile": Speech(words=(say("compose.meanwhile"),), buttons=(newest,)).to_json()}


def _content_before(tx: Transaction, draft: CardRef | None) -> Content | None:
    row = stored.find(tx, draft.broadcast_id) if draft else None
    return stored.content_of(tx, row) if row is not None else None


def _content(content: Mapping[str, Json], before: Content | None) -> Content:
    """What was answered; what this dialogue does not ask stays as it was."""
    extras = content["extras"]
    made = Content(
        purpose=Purpose(content["purpose"]),
        subject=content["subject"],
        body=content["body"],
        audience=parts_from_json(content["audience"]),
        send_at=_moment(content["at"]),
        valid_until=_moment(extras["until"]),
    )
    options = before.options if before else {}
    return replace(made, options=with_confirmation(options, extras["confirm"]))


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def extras(tx: Transaction, scene: Scene) -> Json:
    """Effect: what is chosen only by who looks for it: until when it is true, and 確認しました."""
    if _EXTRAS in scene.memory:
        return scene.memory[_EXTRAS]
    draft = _draft(scene)
    before = _content_before(tx, draft)
    until = before.valid_until if before else None
    confirm = bool(before and wants_confirmation(before.options))
    return {"until": until.isoformat() if until else None, "confirm": confirm}


def set_extra(name: str, value: Json, tx: Transaction, scene: Scene) -> Json:
    """Effect: note one of the extras for the next saving."""
    scene.memory[_EXTRAS] = {**extras(tx, scene), name: value}
    return True


def preview(tx: Transaction, scene: Scene) -> Json:
    """Effect: the draft as families will receive it."""
    ref = ref_from_json(scene.memory[_DRAFT])
    shown = broadcasts.preview(tx, ref.broadcast_id)
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
        return _not_done(tx, done, ref_from_json(ref))
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
        *answers_for(place, content.audience),
        ("subject", content.subject),
        ("body", content.body),
        *sent,
        (f"image.{len(sent)}", DONE),
        ("when", at or NOW),
        *([("when.read", {"at": at})] if at else []),
        ("save", {"ref": ref_to_json(previews.ref_of(row))}),
    ]


def memory_of(ref: CardRef) -> dict[str, Json]:
    """What a dialogue remembers that goes on with this version of a broadcast."""
    return {_DRAFT: ref_to_json(ref), STAYS: "compose.kept"}


def memory_after(answers: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    """What a dialogue remembers that begins with the answers of `answers_of`."""
    _, saved = answers[-1]
    return memory_of(ref_from_json(saved["ref"]))
