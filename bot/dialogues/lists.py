"""What a staff member has lying about: their drafts, and what waits for their decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from actions import broadcasts, staff
from bot.dialogues import drafting
from bot.steps import Begin, Choose, Do, Finish, Given, Json, Option, Say, Scene, Script, Show, flow
from domain.roles import Actor, may_decide
from domain.speech import Speech
from domain.wording import say
from storage import broadcasts as stored
from storage import keeping
from storage.database import Transaction
from storage.tables import Broadcast

_SHOWN_DRAFTS = 10
# With the words before and after them, five messages: what LINE takes in one answer.
_SHOWN_CARDS = 3
_SUBJECT = 30


@flow("drafts", version=1, idle=timedelta(days=1))
def drafts(given: Given) -> Script:  # noqa: ARG001 - every script has it
    mine = yield Do("drafts", _drafts)
    if not mine:
        yield Finish(say("drafts.none"))
    options = [
        Option(draft["id"], say(f"drafts.{draft['state']}", subject=draft["subject"]))
        for draft in mine
    ]
    chosen = yield Choose("draft", say("drafts.which"), *options)
    answers = yield Do("answers", partial(_answers, chosen))
    if not answers:
        yield Finish(say("drafts.gone"))
    log = tuple((key, value) for key, value in answers)
    yield Finish(then=Begin("compose", answers=log, memory=drafting.memory_after(log)))


def _drafts(tx: Transaction, scene: Scene) -> Json:
    actor = staff.actor_of(tx, scene.contact_id)
    rows = _drafts_of(tx, actor) if actor else []
    return [
        {"id": row.id, "state": row.state, "subject": row.subject[:_SUBJECT]}
        for row in rows[:_SHOWN_DRAFTS]
    ]


def _drafts_of(tx: Transaction, actor: Actor) -> Sequence[Broadcast]:
    rows = keeping.kept_by(tx, actor.board_id, actor.staff_id)
    return [row for row in rows if drafting.may_edit(actor, row)]


def _answers(broadcast_id: int, tx: Transaction, scene: Scene) -> Json:
    """The answers to begin with; nothing if the draft is no longer there to be edited."""
    actor = staff.actor_of(tx, scene.contact_id)
    mine = {row.id for row in _drafts_of(tx, actor)} if actor else set()
    return drafting.answers_of(tx, broadcast_id) if broadcast_id in mine else []


@flow("pending", version=1, idle=timedelta(days=1))
def pending(given: Given) -> Script:  # noqa: ARG001 - every script has it
    waiting = yield Do("cards", _cards)
    if not waiting["total"]:
        yield Finish(say("pending.none"))
    yield Say(say("pending.count", count=waiting["total"]))
    for card in waiting["cards"]:
        yield Show(Speech.from_json(card))
    more = waiting["total"] - len(waiting["cards"])
    yield Finish(say("pending.more", count=more) if more else None)


def _cards(tx: Transaction, scene: Scene) -> Json:
    """The cards that wait for this person, the oldest first."""
    actor = staff.actor_of(tx, scene.contact_id)
    places = {g.school_id for g in actor.grants if may_decide(actor, g.school_id)} if actor else ()
    ids = [row.id for place in places for row in stored.pending_of(tx, scene.board_id, place)]
    shown = [broadcasts.preview(tx, each) for each in sorted(ids)[:_SHOWN_CARDS]]
    cards = [broadcasts.card(tx, each).to_json() for each in shown]
    return {"total": len(ids), "cards": cards}
