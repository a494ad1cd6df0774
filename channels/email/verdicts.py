"""What an SMTP reply means for the recipient.

Japanese carriers use one code for several things, so the phase and the words decide before
the enhanced code (RFC 3463), and that before the basic one.  The first rule that fits wins.
A refusal that is about us and not about the recipient only defers: no family may be struck
off because our relay is set up wrongly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from domain.outcomes import Accepted, Outcome, Refused, TryLater

Phase = Literal["mail", "rcpt", "data", "dot"]
ANY = frozenset[Phase](("mail", "rcpt", "data", "dot"))
BEFORE_BODY = frozenset[Phase](("mail", "rcpt", "data"))
MAIL = frozenset[Phase](("mail",))
DOT = frozenset[Phase](("dot",))


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table: where it looks, what it looks for, and what that means."""

    codes: str
    enhanced: str
    words: str
    reason: str
    later: bool
    phases: frozenset[Phase] = ANY

    def fits(self, phase: Phase, code: int, enhanced: str, text: str) -> bool:
        return (
            phase in self.phases
            and re.fullmatch(self.codes, str(code)) is not None
            and re.fullmatch(self.enhanced, enhanced) is not None
            and re.search(self.words, text, re.IGNORECASE) is not None
        )


def _later(codes: str, enhanced: str, words: str, reason: str) -> Rule:
    return Rule(codes, enhanced, words, reason, later=True)


def _refused(codes: str, enhanced: str, words: str, reason: str) -> Rule:
    return Rule(codes, enhanced, words, reason, later=False)


_ABOUT_US = (
    Rule("5..", ".*", "size|too (large|big)", "too_large", later=False, phases=MAIL),
    Rule("552", ".*", "", "too_large", later=False, phases=MAIL),
    Rule("530|535|538", ".*", "", "relay_needs_login", later=True, phases=BEFORE_BODY),
    _later("5..", ".*", r"rela(y|ying)\b.*(den|refus|not permitted|prohibit)", "relay_denied"),
    _later("5..", ".*", "(not permitted|unable|not allowed) to relay", "relay_denied"),
)
_WORDS = (
    _later("4..|553", ".*", r"VS98-IP|\[?(TSS|IPTS)\d+", "too_busy"),  # yahoo.co.jp's throttles
    _later("4..", ".*", "gr[ae]y.?list", "greylisted"),
    _later("4..|552|550", ".*", "mailbox.*full|over ?quota|quota exceeded", "mailbox_full"),
    _later("552", "(?!5\\.3\\.4|5\\.2\\.3).*", "too much mail data|^$", "mailbox_full"),  # docomo
    _later("4..", ".*", "too many|throttl|rate limit|too fast|busy", "too_busy"),
    # docomo says this at the end of DATA, and au without an address, when it was the
    # recipient's own filter: the address is good and must not be struck off.
    Rule("550", ".*", "unknown user|user unknown", "filtered", later=False, phases=DOT),
    _refused("550", ".*", r"^\s*:\s*user unknown", "filtered"),
    _refused("5..", ".*", "line too long|message too (large|big)|exceeds.*size", "too_large"),
    _refused("5..", ".*", r"user unknown|unknown user|no such (user|mailbox)", "unknown_user"),
    _refused("5..", ".*", r"(user|recipient|account|does) (does )?not exist", "unknown_user"),
    _refused(
        "5..", ".*", r"invalid (recipient|mailbox)|unknown (recipient|mailbox)", "unknown_user"
    ),
    _refused("5..", ".*", r"\bspam\b|\bjunk\b|unsolicited", "spam"),
    _refused("5..", ".*", r"dmarc|\bspf\b|dkim|block(ed|list)|black ?list|policy", "policy"),
)
_CODES = (
    _later("4..", r"4\.2\.2", "", "mailbox_full"),
    _later("...", r"5\.2\.2", "", "mailbox_full"),
    _later("4..", r"4\.3\.2|4\.4\.5|4\.7\.0|4\.7\.28", "", "too_busy"),
    _later("421", ".*", "", "too_busy"),
    _later("4..", ".*", "", "temporary"),
    _refused("5..", r"5\.1\.1|5\.1\.6|5\.1\.10|5\.2\.1", "", "unknown_user"),
    _refused("5..", r"5\.1\.[23]|5\.6\.7", "", "bad_address"),
    _refused("5..", r"5\.3\.4|5\.2\.3", "", "too_large"),
    _later("552", ".*", "", "mailbox_full"),
    Rule("5..", ".*", "", "sender_refused", later=True, phases=MAIL),
    _refused("5..", r"5\.7\..*", "", "policy"),
    Rule("501|553", ".*", "", "bad_address", later=False, phases=BEFORE_BODY),
    _refused("5..", ".*", "", "refused"),
)
RULES = (*_ABOUT_US, *_WORDS, *_CODES)

_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b\s*")
_REFERENCE = re.compile(r"(?:queued as|\bids?=)\s*<?([\w.-]+)", re.IGNORECASE)


def verdict(phase: Phase, code: int, text: str) -> Outcome:
    """Judge a reply; a 2xx counts as accepted only after the final dot."""
    if 200 <= code < 300 and phase == "dot":
        found = _REFERENCE.search(text)
        return Accepted(found[1] if found else "")
    match = _ENHANCED.match(text)
    enhanced = match[1] if match else ""
    words = text[match.end() :] if match else text
    for rule in RULES:
        if rule.fits(phase, code, enhanced, words):
            # The words may name the recipient, so that only the numbers are kept.
            detail = f"{code} {enhanced}".strip()
            return TryLater(rule.reason) if rule.later else Refused(rule.reason, detail)
    return TryLater("unclear")
