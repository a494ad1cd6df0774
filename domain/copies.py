"""What is said of a broadcast in every copy of it, and to whoever approves it, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.broadcasts import Relation
from domain.cards import CardRef, CardVerb, typed_form
from domain.moments import moment
from domain.wording import LANGUAGES, Plain, Words, render, say

# What readers must know at once; a reminder says it in its own text.
_LEADS = frozenset({Relation.CORRECTION, Relation.REPLACEMENT})


@dataclass(frozen=True, slots=True)
class Origin:
    """The broadcast that another one follows, and how."""

    relation: Relation
    subject: str
    at: datetime


def subject_line(subject: str, *, emergency: bool) -> Words:
    """A subject as it is sent; an emergency is marked, once, whatever its author typed."""
    if not emergency or any(subject.startswith(_mark(language)) for language in LANGUAGES):
        return Plain(subject)
    return say("copy.urgent", subject=subject)


def _mark(language: str) -> str:
    return render(say("copy.urgent", subject=""), language).strip()


def lead(origin: Origin | None, zone: str) -> Words | None:
    """What stands above the text: which earlier message it corrects or replaces."""
    if origin is None or origin.relation not in _LEADS:
        return None
    time = moment(origin.at, zone)
    return say(f"copy.{origin.relation.value}", time=time, subject=origin.subject)


def how_to_confirm(ref: CardRef) -> Words:
    """What stands beneath a text whose readers are asked to press 確認しました in a chat."""
    return say("copy.confirm.chat", typed=typed_form(ref, CardVerb.CONFIRM))


def signature(sender: str, verify_url: str) -> Words:
    """The end of every copy: whose it is, and where to ask whether that is true."""
    return say("copy.verify", sender=sender, url=verify_url)
