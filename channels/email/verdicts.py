"""What an SMTP reply means for the recipient.

Japanese carriers use one code for several things, so the phase and the words decide before
the enhanced code (RFC 3463), and that before the basic one.  The table is in refusal_texts.
A refusal that is about us and not about the recipient only defers: no family may be struck
off because our relay is set up wrongly.
"""

from __future__ import annotations

import re
from functools import lru_cache

from channels.email.refusal_texts import LATER, RULES, Phase, Rule
from domain.outcomes import Accepted, Outcome, Refused, TryLater

__all__ = ["Phase", "verdict"]

_NAMELESS = Accepted("")
# What the usual servers say word for word after the dot, so that nothing need be looked for in it.
_PLAIN = frozenset(("2.0.0 Ok", "2.0.0 OK", "Ok", "OK", "ok", "2.0.0 ok", "Message accepted", ""))
_QUEUED = "queued as "
_NAME_LIMIT = 100
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b\s*")
_REFERENCE = re.compile(rf"(?:queued as|\bids?=)\s*<?([\w.-]{{1,{_NAME_LIMIT}}})", re.IGNORECASE)
# Whoever's address: <a@b>, "a b"@c and a@b, and what stands in brackets alone.
_ADDRESS = re.compile(
    r"""<[^<>@]*@[^<>]*>|"[^"]*"@[\w.-]*|(?<![^\s<>(),;:"])[^\s<>(),;:"]*@[\w.-]*"""
)
_BRACKETED = re.compile(r"<[^<>\s@]*>")
# docomo's words, and others', with the address or its local part at the end.
_NAMED = re.compile(
    r"\b((?:unknown|no such|invalid) (?:user|recipient|mailbox|address)|user unknown"
    r"|too much mail data)[: (]{1,3}\S+$",
    re.MULTILINE,
)
# Nobody's reply is longer where it means something (RFC 5321 §4.5.3.1.5 allows 512).
_LONGEST = 1000


def verdict(phase: Phase, code: int, text: str, lane: str = "") -> Outcome:
    """Judge a reply; a 2xx counts as accepted only after the final dot.

    `lane` is the recipient's (domain.lanes), where some sentences mean something else.  Called for
    every message: the usual acceptance is to cost next to nothing.
    """
    if code == 250 and phase == "dot":
        return _NAMELESS if text in _PLAIN else _accepted(text[:_LONGEST])
    return _refusal(phase, code, text[:_LONGEST], lane)


def _accepted(text: str) -> Accepted:
    at = text.find(_QUEUED)
    if at >= 0:
        name = text[at + len(_QUEUED) :].split(None, 1)
        return Accepted(name[0].strip("<>.,;")[:_NAME_LIMIT]) if name else _NAMELESS
    found = _REFERENCE.search(text)
    return Accepted(found[1]) if found else _NAMELESS


def _refusal(phase: Phase, code: int, text: str, lane: str) -> Outcome:
    if 200 <= code < 300 and phase == "dot":
        return _accepted(text)
    match = _ENHANCED.match(text)
    enhanced = match[1] if match else ""
    words = _without_names((text[match.end() :] if match else text).lower())
    for rule in _rules(phase, lane):
        if rule.fits(str(code), enhanced, words):
            # The words may name the recipient, so that only the numbers are kept.
            detail = f"{code} {enhanced}".strip()
            return TryLater(rule.reason) if rule.reason in LATER else Refused(rule.reason, detail)
    return TryLater("unclear")


def _without_names(words: str) -> str:
    """The words alone: whoever is busy.mom@ or sports99@ says nothing of the server.

    Something stays in the place of each, because to name none means something with au.
    """
    if "@" in words:
        words = _ADDRESS.sub("@", words)
    if "<" in words:
        words = _BRACKETED.sub("<>", words)
    return _NAMED.sub(r"\1 @", words)


@lru_cache(maxsize=512)
def _rules(phase: Phase, lane: str) -> tuple[Rule, ...]:
    """The rules that can fit a reply in this phase and lane, in their order."""
    return tuple(
        rule for rule in RULES if phase in rule.phases and (not rule.lanes or lane in rule.lanes)
    )
