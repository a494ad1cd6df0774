"""The button beneath the trouble that a destination of mail stopped."""

from __future__ import annotations

from actions import lanes
from bot.talk import Talk
from domain.refusals import Refusal
from domain.roles import Actor
from domain.taps import Tap
from domain.wording import Words, say


def resume(talk: Talk, actor: Actor, tap: Tap) -> Words:
    done = lanes.resume_told(talk.tx, actor, tap.number)
    if isinstance(done, Refusal):
        return done.words
    return say("lane.resumed", where=lanes.lane_name(done))
