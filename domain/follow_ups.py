"""A broadcast that follows an earlier one says so in its options, which an approval binds to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.audience import Part
from domain.broadcasts import EMERGENCIES, Purpose, Relation, State
from domain.content import SUBJECT_LIMIT, is_emergency, with_emergency
from domain.wording import render, say

_RELATION = "relation"
_ORIGIN = "origin"

# What has an audience that was reached, or may still reach one, can be followed.
FOLLOWED = frozenset({State.APPROVED, State.SENDING, State.SENT, State.WITHDRAWN})
# Only what went out can be wrong in anybody's hands.
CORRECTED = FOLLOWED - {State.APPROVED}


@dataclass(frozen=True, slots=True)
class Follows:
    """Which broadcast one follows, and how."""

    relation: Relation
    origin_id: int


def with_origin(options: Mapping[str, Any], follows: Follows) -> dict[str, Any]:
    return {**options, _RELATION: follows.relation.value, _ORIGIN: follows.origin_id}


def read(options: Mapping[str, Any]) -> Follows | None:
    """What a broadcast with these options follows; None if it stands for itself."""
    if _ORIGIN not in options:
        return None
    return Follows(Relation(options[_RELATION]), options[_ORIGIN])


def options_after(options: Mapping[str, Any], follows: Follows) -> dict[str, Any]:
    """The options of what follows a broadcast with these.

    What reached also those who had left ordinary broadcasts is set right for them, too.
    """
    kept = with_emergency({}) if is_emergency(options) else {}
    return with_origin(kept, follows)


def is_followed(state: State, relation: Relation) -> bool:
    """Whether a broadcast in this state can be followed so."""
    return state in (CORRECTED if relation is Relation.CORRECTION else FOLLOWED)


def audience_after(row_id: int, audience: tuple[Part, ...], relation: Relation) -> tuple[Part, ...]:
    """Whom what follows a broadcast with this audience goes to, unless it is chosen anew."""
    if relation is Relation.CORRECTION:
        return (Part("reached", row_id),)
    return (Part("unconfirmed", row_id),) if relation is Relation.REMINDER else audience


def stays_emergency(purpose: Purpose, relation: Relation, same_audience: bool) -> bool:
    """Whether what follows an emergency still is one: about the same, and to the same people.

    A reminder never is: it was sent first once, and this is approved before it goes out.
    """
    return purpose in EMERGENCIES and relation is not Relation.REMINDER and same_audience


def subject_after(subject: str, relation: Relation) -> str:
    """「遠足は中止です」 as 「【訂正】遠足は中止です」, marked once however often it is done."""
    for each in (Relation.CORRECTION, Relation.REPLACEMENT):
        subject = subject.removeprefix(_marked("", each))
    room = SUBJECT_LIMIT - len(_marked("", relation))
    return _marked(subject[:room], relation)


def _marked(subject: str, relation: Relation) -> str:
    """In Japanese, because that is what families read whoever writes to them."""
    return render(say(f"recall.subject.{relation.value}", subject=subject), "ja")
