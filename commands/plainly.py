"""What a provider answered to the administrator's command, in plain words."""

from __future__ import annotations

from datetime import timedelta
from math import ceil

from domain.outcomes import Outcome, Refused, TryLater, Unknown

# By the reasons that the channels give (channels/*/verdicts.py, answers.py).
_WORDS = {
    "no_access": "{provider} refused the token: set the right one",
    "unreachable": "nothing answers at {where}",
    "closed": "the connection was closed",
    "no_answer": "{where} did not answer in time: run this again later",
    "server_error": "{provider} has a fault of its own: run this again later",
    "rate": "too many requests: run this again {after}",
    "quota": "this month's messages are used up",
    "unexpected": "{where} answers, but not as {provider} does: is it the right address?",
    "no_menu": "the menus are not there: run `renrakumo line menu sync`",
    "conflict": "another process polls with this token, or a webhook is set",
    "too_large": "{provider} finds it too large",
    "no_secret": "the webhook needs a secret",
}


def plainly(provider: str, where: str, outcome: Outcome) -> str:
    """One sentence; `where` is the provider's address."""
    if not isinstance(outcome, TryLater | Unknown | Refused):
        return f"{provider} did not take it"
    words = _WORDS.get(outcome.reason)
    if words is not None:
        after = outcome.after if isinstance(outcome, TryLater) else None
        return words.format(provider=provider, where=where, after=_in(after))
    detail = outcome.detail if isinstance(outcome, Refused) else ""
    return f"{provider} did not take it: {detail or outcome.reason}"


def _in(after: timedelta | None) -> str:
    if after is None:
        return "later"
    seconds = max(1, ceil(after.total_seconds()))
    return f"in {seconds} s" if seconds < 60 else f"in {ceil(seconds / 60)} minutes"
