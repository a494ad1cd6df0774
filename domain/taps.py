"""Taps: buttons about something other than a broadcast, which work during any conversation.

Like cards they can be typed where no button is shown: 「認める 12」.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from domain import tokens
from domain.folding import fold, fold_word
from domain.wording import LANGUAGES, Text, render, say

_KIND = "tap"
_TYPED = re.compile(r"(.+?)\s*(\d{1,18})")


class TapVerb(IntEnum):
    """What a tap's button does; the numbers stand in tokens and never change.

    ADMIT and DECLINE are about one admission, ADMIT_ALL about all that a school had up to one,
    which REVIEW shows one by one.  RESUME_LANE is about a trouble: the destination of mail that it
    tells of goes on.
    """

    ADMIT = 1
    DECLINE = 2
    ADMIT_ALL = 3
    REVIEW = 4
    RESUME_LANE = 5


@dataclass(frozen=True, slots=True)
class Tap:
    verb: TapVerb
    number: int


def tap_token(key: bytes, tap: Tap) -> str:
    return tokens.seal(key, _KIND, tap.verb, tap.number)


def read_tap(key: bytes, token: str) -> Tap | None:
    """What a pressed button means; None if the token is not a tap of ours."""
    numbers = tokens.unseal(key, _KIND, token)
    if numbers is None or len(numbers) != 2 or numbers[0] not in set(TapVerb):
        return None
    return Tap(TapVerb(numbers[0]), numbers[1])


def label(verb: TapVerb) -> Text:
    """What stands on the button."""
    return say(f"tap.{verb.name.lower()}")


def typed_form(tap: Tap) -> Text:
    """What may be typed where no buttons are shown: 「認める 12」."""
    return say("tap.typed", label=label(tap.verb), number=tap.number)


def read_typed(text: str) -> Tap | None:
    """The tap that somebody typed, in any language and width."""
    match = _TYPED.fullmatch(fold(text).rstrip("。.、 "))
    verb = _labels().get(fold_word(match[1])) if match else None
    return Tap(verb, int(match[2])) if match and verb else None


def _labels() -> dict[str, TapVerb]:
    return {
        fold_word(render(label(verb), language)): verb for verb in TapVerb for language in LANGUAGES
    }
