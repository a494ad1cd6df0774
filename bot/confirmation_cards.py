"""Cards about what became of a broadcast: 確認しました of guardians, and the report of staff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from actions import confirmations, reminders, statuses
from bot.talk import Talk
from domain.cards import CardRef, CardVerb
from domain.refusals import Refusal
from domain.roles import Actor
from domain.wording import Words, say


def confirm(talk: Talk, ref: CardRef) -> Words:
    """For whoever a broadcast was sent to; the newest version of it is the one that went out."""
    done = confirmations.confirm(talk.tx, ref.broadcast_id, talk.contact_id)
    if isinstance(done, Refusal):
        return done.words
    key = "confirmation.again" if done.again else "confirmation.done"
    return say(key, subject=done.subject)


def remind(talk: Talk, actor: Actor, ref: CardRef) -> Words:
    """Ask once more those who have not confirmed."""
    done = reminders.remind(talk.tx, actor, ref)
    if isinstance(done, Refusal):
        return done.words
    return say("confirmation.reminded", families=done.families, approvers=done.approvers)


def report(talk: Talk, actor: Actor, ref: CardRef) -> None:
    """Show the report as it is now."""
    talk.speak(statuses.status(talk.tx, actor, ref.broadcast_id))
    stored = talk.active()
    if stored is not None:
        talk.resume(stored)


# What staff press; 確認しました is anybody's whom it was sent to.
PRESSES: Mapping[CardVerb, Callable[[Talk, Actor, CardRef], Words | None]] = MappingProxyType(
    {CardVerb.REMIND: remind, CardVerb.REPORT: report}
)
