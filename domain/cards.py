"""Cards: buttons about one version of one broadcast, which work during any conversation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from domain import tokens
from domain.folding import DASHES, fold, fold_word
from domain.wording import LANGUAGES, Text, render, say

_KIND = "card"
_TYPED = re.compile(rf"(.+?)\s*(\d{{1,18}})\s*[{re.escape(DASHES)}]\s*(\d{{1,9}})")


class CardVerb(IntEnum):
    """What a card's button does; the numbers stand in tokens and never change.

    OPEN and CONFIRM are for whoever a broadcast was sent to, all others are for staff.
    """

    APPROVE = 1
    RETURN = 2
    REJECT = 3
    CANCEL = 4
    SHOW = 5
    EDIT = 6
    OPEN = 7
    ACKNOWLEDGE = 8
    REMARK = 9
    CONFIRM = 10
    WITHDRAW = 11
    CORRECT = 12
    REPLACE = 13
    REMIND = 14
    RESEND = 15
    REPORT = 16


@dataclass(frozen=True, slots=True)
class CardRef:
    """One version of a broadcast; `mark` are the first 48 bits of its content's hash."""

    broadcast_id: int
    version: int
    mark: int


def mark_of(content_hash: str) -> int:
    return int(content_hash[:12], 16)


def card_token(key: bytes, ref: CardRef, verb: CardVerb) -> str:
    return tokens.seal(key, _KIND, ref.broadcast_id, ref.version, ref.mark, verb)


def read_card(key: bytes, token: str) -> tuple[CardRef, CardVerb] | None:
    """What a pressed button means; None if the token is not a card of ours."""
    numbers = tokens.unseal(key, _KIND, token)
    if numbers is None or len(numbers) != 4 or numbers[3] not in set(CardVerb):
        return None
    return CardRef(*numbers[:3]), CardVerb(numbers[3])


def label(verb: CardVerb) -> Text:
    """What stands on a card's button."""
    return say(f"broadcast.card.{verb.name.lower()}")


def typed_form(ref: CardRef, verb: CardVerb) -> Text:
    """What may be typed where no buttons are shown: 「承認 12-3」."""
    number = f"{ref.broadcast_id}-{ref.version}"
    return say("broadcast.card.typed", label=label(verb), number=number)


def read_typed(text: str) -> tuple[CardVerb, int, int] | None:
    """Verb, broadcast and version of a card's typed form, in any language and width."""
    match = _TYPED.fullmatch(fold(text).rstrip("。.、 "))
    verb = _labels().get(fold_word(match[1])) if match else None
    return (verb, int(match[2]), int(match[3])) if match and verb else None


def _labels() -> dict[str, CardVerb]:
    return {
        fold_word(render(label(verb), language)): verb
        for verb in CardVerb
        for language in LANGUAGES
    }
