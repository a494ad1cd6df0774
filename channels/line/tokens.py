"""Channel access tokens: one that lives long, or stateless ones of 15 minutes.

Messaging API, "Channel access token": a stateless token is valid for 15 minutes and cannot be
revoked; it is kept for ten, so that none runs out on the way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from channels.line.answers import Answered
from domain.outcomes import TryLater, Unknown

_KEPT_SECONDS = 600.0
# After a failure everybody who waits gets the same answer, instead of asking one by one.
_FAILURE_SECONDS = 3.0


class Tokens(Protocol):
    """Where an account gets the token for its next request."""

    def get(self) -> str | TryLater:
        """A token, or why there is none now."""

    def forget(self, token: str) -> None:
        """LINE refused this token: ask for another one."""


class LongLived:
    """The token that somebody copied from the console."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get(self) -> str | TryLater:
        return self._token

    def forget(self, token: str) -> None:
        """There is no other one; the operator must give us one."""


class Stateless:
    """Tokens by `issue` (which asks LINE), fetched by one thread at a time.

    `monotonic` counts seconds.
    """

    def __init__(
        self, issue: Callable[[], Answered | TryLater | Unknown], monotonic: Callable[[], float]
    ) -> None:
        self._issue = issue
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: str | TryLater = ""
        self._until = float("-inf")

    def get(self) -> str | TryLater:
        with self._lock:
            if self._monotonic() >= self._until:
                self._held = _token(self._issue())
                kept = _KEPT_SECONDS if isinstance(self._held, str) else _FAILURE_SECONDS
                self._until = self._monotonic() + kept
            return self._held

    def forget(self, token: str) -> None:
        with self._lock:
            if self._held == token:
                self._until = float("-inf")


def _token(said: Answered | TryLater | Unknown) -> str | TryLater:
    """Asking for a token sends nobody anything: what is unknown may simply be asked again."""
    if not isinstance(said, Answered) or said.status >= 500:
        return TryLater("unreachable")
    token = said.text("access_token") if said.good else ""
    # A token goes into a header: what does not belong there is no token.
    usable = token.isascii() and token.isprintable() and token
    return token if usable else TryLater("no_access")
