"""Taps: what a button about something other than a broadcast does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from actions import staff, tries
from bot import admission_taps, lane_taps
from bot.talk import Talk
from domain.roles import Actor
from domain.taps import Tap, TapVerb
from domain.wording import Words

Press = Callable[[Talk, Actor, Tap], Words | None]
"""Does what a tap says, and returns the words that answer it; None where it has spoken itself."""

TAPS: Mapping[TapVerb, Press] = MappingProxyType(
    {
        TapVerb.ADMIT: admission_taps.admit,
        TapVerb.DECLINE: admission_taps.decline,
        TapVerb.ADMIT_ALL: admission_taps.admit_all,
        TapVerb.REVIEW: admission_taps.review,
        TapVerb.RESUME_LANE: lane_taps.resume,
    }
)


def tap(talk: Talk, pressed: Tap) -> None:
    """Do what a tap's button says; the dialogue that is open goes on afterwards."""
    actor = staff.actor_of(talk.tx, talk.contact_id)
    if actor is None:
        verb = pressed.verb.name.lower()
        talk.say(tries.no_staff(talk.tx, talk.contact_id, verb, pressed.number).words)
    else:
        words = TAPS[pressed.verb](talk, actor, pressed)
        if words is None:
            return
        talk.say(words)
    stored = talk.active()
    if stored is not None:
        talk.resume(stored)
