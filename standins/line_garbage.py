"""Calls to the bot's webhook that it should survive: not from LINE, or not as it knows them."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from standins.line_webhooks import Webhooks

Sealed = tuple[bytes, dict[str, str]]


def _unsigned(webhooks: Webhooks) -> Sealed:
    body, headers = webhooks.sealed([])
    del headers["X-Line-Signature"]
    return body, headers


def _wrongly_signed(webhooks: Webhooks) -> Sealed:
    text = {"type": "text", "id": "1", "text": "garbage"}
    body, _headers = webhooks.sealed([webhooks.event("message", _nobody(), message=text)])
    return body, webhooks.headers(body + b" ")


def _no_json(webhooks: Webhooks) -> Sealed:
    body = b'{"destination": "U", "events": [' + secrets.token_hex(8).encode()
    return body, webhooks.headers(body)


def _unknown_event(webhooks: Webhooks) -> Sealed:
    return webhooks.sealed([webhooks.event("telepathy", _nobody(), thought={"about": "x"})])


def _misshapen(webhooks: Webhooks) -> Sealed:
    return webhooks.sealed([webhooks.event("message", _nobody(), message="no object")])


def _nobody() -> str:
    return "U" + secrets.token_hex(16)


GARBAGE: dict[str, Callable[[Webhooks], Sealed]] = {
    "unsigned": _unsigned,
    "wrong_signature": _wrongly_signed,
    "not_json": _no_json,
    "unknown_event": _unknown_event,
    "misshapen": _misshapen,
}
