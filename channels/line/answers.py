"""What LINE said to one request, as values: nothing that happens on the wire is an exception."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from linebot.v3.messaging import ApiException, ApiResponse
from urllib3.exceptions import ConnectTimeoutError, HTTPError

from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown

# Messaging API reference, "Error messages": the only thing that tells the two kinds of 429 apart.
_MONTHLY = "monthly limit"
_QUOTA_AFTER = timedelta(minutes=30)
_RATE_AFTER = timedelta(seconds=3)
_ODD_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Answered:
    """LINE's answer; `body` is its JSON, None where there is none, never in a log."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default=None, repr=False)

    @property
    def good(self) -> bool:
        return 200 <= self.status <= 299

    @property
    def message(self) -> str:
        """What LINE says went wrong, empty if it does not."""
        return self.text("message")

    def text(self, name: str) -> str:
        """One text of the body, empty if it is not there."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        return value if isinstance(value, str) else ""


def asked(call: Callable[[], ApiResponse]) -> Answered | TryLater | Unknown:
    """Ask LINE and wait for the answer.

    The SDK raises ApiException for what LINE refused and lets urllib3's errors through; an
    answer that cannot be decoded is a ValueError, or a LookupError for a charset that nobody
    knows.  Only a connection that was never made
    (NewConnectionError is a ConnectTimeoutError) is sure to have brought LINE nothing.
    """
    try:
        response = call()
    except ApiException as error:
        if not error.status:  # TLS failed, perhaps in the middle of the answer.
            return Unknown("no_answer")
        return Answered(error.status, error.headers or {}, _json(error.body))
    except ConnectTimeoutError:
        return TryLater("unreachable")
    except (HTTPError, ValueError, LookupError):
        return Unknown("no_answer")
    return Answered(response.status_code, response.headers or {}, _json(response.raw_data))


def _json(body: object) -> Any:
    try:
        return json.loads(body) if isinstance(body, str | bytes) else None
    except (ValueError, RecursionError):
        return None


def verdict(said: Answered | TryLater | Unknown) -> Outcome:
    """What an answer means for those whom the request named.

    Status codes: Messaging API reference, "Status codes" and "Retry failed requests".  409 says
    that a request with this retry key was accepted before.
    """
    if not isinstance(said, Answered):
        return said
    if said.good:
        return Accepted(said.headers.get("x-line-request-id", ""))
    if said.status == 409:
        return Accepted(said.headers.get("x-line-accepted-request-id", ""))
    return _not_taken(said)


def _not_taken(said: Answered) -> Outcome:
    if said.status >= 500:
        return Unknown("server_error")
    if said.status == 429:
        return _throttled(said.message)
    if said.status in (401, 403):
        return TryLater("no_access")
    if said.status == 413:
        return Refused("too_large")
    # Anything but 400 is about our address of LINE, not about a recipient: a redirect, a 404.
    return Refused("bad_request") if said.status == 400 else TryLater("unexpected", _ODD_AFTER)


def _throttled(message: str) -> TryLater:
    if _MONTHLY in message.lower():
        return TryLater("quota", _QUOTA_AFTER)
    return TryLater("rate", _RATE_AFTER)
