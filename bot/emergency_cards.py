"""The buttons of an emergency's report: taking note of it, and saying something to it."""

from __future__ import annotations

from actions import emergencies
from bot.dialogues.drafting import ref_to_json
from bot.phrases import lines
from bot.steps import Begin
from bot.talk import Talk
from domain.cards import CardRef
from domain.refusals import Refusal
from domain.roles import Actor
from domain.wording import Words, say


def acknowledge(talk: Talk, actor: Actor, ref: CardRef) -> Words:
    """Note that somebody has seen the report, and answer with the case as it stands."""
    done = emergencies.acknowledge(talk.tx, actor, ref)
    if isinstance(done, Refusal):
        return done.words
    case = emergencies.case_words(talk.tx, ref.broadcast_id)
    return lines([say("emergency.acknowledged"), *case])


def remark(talk: Talk, actor: Actor, ref: CardRef) -> None:  # noqa: ARG001 - as every press
    """Ask for the remark in a dialogue of its own; the one that is open goes on afterwards."""
    talk.begin(Begin("remark", given={"ref": ref_to_json(ref)}), talk.set_aside("remark"))
