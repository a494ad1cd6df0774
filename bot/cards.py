"""Cards: buttons about one version of one broadcast, pressed or typed at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from actions import broadcasts, emergencies, outsiders, staff, tries
from actions.previews import button
from actions.records import closed
from bot import aftermath_cards, confirmation_cards, emergency_cards
from bot.dialogues import drafting
from bot.dialogues.drafting import ref_to_json
from bot.steps import Begin
from bot.talk import Talk
from domain import paths
from domain.broadcasts import State, Verb, next_state
from domain.cards import CardRef, CardVerb
from domain.moments import moment
from domain.refusals import Refusal, refuse
from domain.roles import Actor, may_decide, may_write
from domain.speech import Speech, open_page
from domain.wording import Words, say
from storage import boards, pages
from storage import broadcasts as stored
from storage.reminding import is_reminder

Press = Callable[[Talk, Actor, CardRef], Words | None]
"""Does what a card's button says, for a member of staff; None where it has spoken itself."""

_ASKS_A_REASON = (CardVerb.RETURN, CardVerb.REJECT)

# What has a module of its own.
PRESSES: Mapping[CardVerb, Press] = MappingProxyType(
    {
        **aftermath_cards.PRESSES,
        **confirmation_cards.PRESSES,
        CardVerb.ACKNOWLEDGE: emergency_cards.acknowledge,
        CardVerb.REMARK: emergency_cards.remark,
    }
)


def typed(talk: Talk, verb: CardVerb, broadcast_id: int, version: int) -> None:
    """A card typed where no buttons are shown: 「承認 12-3」."""
    ref = broadcasts.current_ref(talk.tx, broadcast_id, version)
    tap(talk, ref or CardRef(broadcast_id, version, 0), verb)


def tap(talk: Talk, ref: CardRef, verb: CardVerb) -> None:
    """Do what a card's button says; the dialogue that is open goes on afterwards."""
    if verb is CardVerb.OPEN:
        _open(talk, ref)
        return
    if verb is CardVerb.CONFIRM:
        _answer(talk, confirmation_cards.confirm(talk, ref))
        return
    actor = staff.actor_of(talk.tx, talk.contact_id)
    if actor is None:
        refusal = tries.no_staff(talk.tx, talk.contact_id, verb.name.lower(), ref.broadcast_id)
        _answer(talk, refusal.words)
    elif away := outsiders.turn_away(talk.tx, actor, ref.broadcast_id, verb.name.lower()):
        _answer(talk, away.words)
    else:
        _press(talk, actor, ref, verb)


def _open(talk: Talk, ref: CardRef) -> None:
    """Show whoever a broadcast was sent to the way to their page of it, and nobody else anything.

    Whatever became of the delivery: a try that nobody answered may have arrived, and the button
    in somebody's hand knows better than the ledger. A broadcast taken back says so on its page.
    """
    delivery_id = pages.delivery_to(talk.tx, ref.broadcast_id, talk.contact_id)
    row = stored.find(talk.tx, ref.broadcast_id)
    if delivery_id is None or row is None:
        _answer(talk, refuse("unknown_broadcast").words)
        return
    path = paths.message(talk.tx.secret, delivery_id)
    button_to_page = open_page(say("broadcast.card.open_page"), path)
    words = aftermath_cards.opened_words(row)
    talk.speak(Speech(words=(words,), buttons=(button_to_page,)))
    _come_back(talk)


def _press(talk: Talk, actor: Actor, ref: CardRef, verb: CardVerb) -> None:
    if verb in PRESSES:
        words = PRESSES[verb](talk, actor, ref)
        if words is not None:
            _answer(talk, words)
    elif verb in _ASKS_A_REASON:
        _ask_reason(talk, ref, verb)
    elif verb is CardVerb.APPROVE:
        _approve(talk, actor, ref)
    elif verb is CardVerb.EDIT:
        _edit(talk, actor, ref)
    elif verb is CardVerb.CANCEL:
        done = broadcasts.cancel(talk.tx, actor, ref)
        _answer(talk, done.words if isinstance(done, Refusal) else say("decide.cancelled"))
    else:
        _show(talk, actor, ref)


def _approve(talk: Talk, actor: Actor, ref: CardRef) -> None:
    done = broadcasts.approve(talk.tx, actor, ref)
    if isinstance(done, Refusal):
        _answer(talk, done.words)
        return
    zone = boards.board(talk.tx, talk.board_id).zone
    talk.speak(
        Speech(
            words=(say("decide.approved", time=moment(done.due_at, zone)),),
            buttons=(button(talk.tx, ref, CardVerb.CANCEL),),
        )
    )
    _come_back(talk)


def _ask_reason(talk: Talk, ref: CardRef, verb: CardVerb) -> None:
    """Ask in a dialogue of its own; one that already asks for a reason gives way to it."""
    given = {"verb": int(verb), "ref": ref_to_json(ref)}
    talk.begin(Begin("decide", given=given), talk.set_aside("decide"))


def _edit(talk: Talk, actor: Actor, ref: CardRef) -> None:
    """Compose on with a broadcast; unlike a decision, this waits until nothing else is open."""
    if talk.set_aside("compose") is not None:
        _answer(talk, say("bot.busy"))
        return
    row = stored.find(talk.tx, ref.broadcast_id)
    if row is None or not drafting.may_edit(actor, row):
        talk.say(refuse("not_allowed").words)
    elif broadcasts.current_ref(talk.tx, row.id, ref.version) != ref:
        talk.say(refuse("stale_card").words)
    elif is_reminder(row):
        talk.say(refuse("reminder_is_not_edited").words)
    elif next_state(State(row.state), Verb.EDIT) is None:
        talk.say(closed(talk.tx, row).words)
    else:
        answers = tuple(drafting.answers_of(talk.tx, row.id))
        talk.begin(Begin("compose", answers=answers, memory=drafting.memory_of(ref)))


def _show(talk: Talk, actor: Actor, ref: CardRef) -> None:
    """Show a broadcast as it stands now, with what may be done to it."""
    shown = _visible(talk, actor, ref.broadcast_id)
    if shown is None:
        _answer(talk, refuse("unknown_broadcast").words)
        return
    if shown.state is State.PENDING and may_decide(actor, shown.school_id):
        talk.speak(broadcasts.card(talk.tx, shown))
    else:
        case = emergencies.case_words(talk.tx, ref.broadcast_id)
        talk.say(*broadcasts.preview_words(shown), *case)
    _come_back(talk)


def _visible(talk: Talk, actor: Actor, broadcast_id: int) -> broadcasts.Preview | None:
    row = stored.find(talk.tx, broadcast_id)
    if row is None or row.board_id != actor.board_id:
        return None
    may_see = may_write(actor, row.school_id) or may_decide(actor, row.school_id)
    return broadcasts.preview(talk.tx, broadcast_id) if may_see else None


def _answer(talk: Talk, words: Words) -> None:
    talk.say(words)
    _come_back(talk)


def _come_back(talk: Talk) -> None:
    stored = talk.active()
    if stored is not None:
        talk.resume(stored)
