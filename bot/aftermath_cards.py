"""Cards about what was sent already: taking it back, what follows it, sending it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bot.dialogues.drafting import ref_to_json
from bot.steps import Begin
from bot.talk import Talk
from domain.broadcasts import Relation, State
from domain.cards import CardRef, CardVerb
from domain.roles import Actor
from domain.wording import Words, say
from storage.tables import Broadcast


def _withdraw(talk: Talk, actor: Actor, ref: CardRef) -> Words | None:  # noqa: ARG001 - a Press
    talk.begin(Begin("withdraw", given={"ref": ref_to_json(ref)}), talk.set_aside("withdraw"))
    return None


def _resend(talk: Talk, actor: Actor, ref: CardRef) -> Words | None:  # noqa: ARG001 - a Press
    talk.begin(Begin("resend", given={"ref": ref_to_json(ref)}), talk.set_aside("resend"))
    return None


def _correct(talk: Talk, actor: Actor, ref: CardRef) -> Words | None:  # noqa: ARG001 - a Press
    return _follow(talk, ref, Relation.CORRECTION)


def _replace(talk: Talk, actor: Actor, ref: CardRef) -> Words | None:  # noqa: ARG001 - a Press
    return _follow(talk, ref, Relation.REPLACEMENT)


PRESSES: Mapping[CardVerb, Callable[[Talk, Actor, CardRef], Words | None]] = MappingProxyType(
    {
        CardVerb.WITHDRAW: _withdraw,
        CardVerb.CORRECT: _correct,
        CardVerb.REPLACE: _replace,
        CardVerb.RESEND: _resend,
    }
)


def opened_words(row: Broadcast) -> Words:
    """What is answered to 本文を見る: where the text is, or that it was withdrawn."""
    if row.state == State.WITHDRAWN:
        return say("recall.opened")
    return say("broadcast.open", subject=row.subject)


def _follow(talk: Talk, ref: CardRef, relation: Relation) -> Words | None:
    """It ends in composing, so it waits until nothing else is open."""
    if talk.set_aside("follow_up") is not None:
        return say("bot.busy")
    given = {"relation": relation.value, "ref": ref_to_json(ref)}
    talk.begin(Begin("follow_up", given=given))
    return None
