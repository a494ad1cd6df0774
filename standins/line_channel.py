"""The account itself, its people, its webhook, link tokens and stateless access tokens.

Sources are sections of https://developers.line.biz/en/reference/messaging-api/ unless another
page is named.
"""

from __future__ import annotations

import html
import json
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from standins.line_account import (
    LINK_TOKEN_SECONDS,
    STATELESS_SECONDS,
    Account,
    Person,
    can_get,
    iso,
)
from standins.line_checks import Refusal
from standins.line_door import Call
from standins.line_webhooks import Webhooks

# What the page says in the end: title, text and HTTP status.
_DIALOG: dict[str, tuple[str, str, int]] = json.loads(
    Path(__file__).with_name("line_dialog.json").read_text()
)
_NONCE = re.compile(r"[\x21-\x7e]{10,255}")
_PAGE = """<!doctype html><html lang="ja"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<body style="font-family:sans-serif;margin:2em"><h1>{title}</h1><p>{text}</p></body></html>"""


def info(account: Account, call: Call) -> dict[str, Any]:
    """#get-bot-info."""
    return {
        "userId": account.user_id,
        "basicId": account.settings.basic_id,
        "displayName": "LINE stand-in",
        "chatMode": "bot",
        "markAsReadMode": "auto",
    }


def profile(account: Account, call: Call) -> dict[str, Any]:
    """#get-profile: 404 for whoever is unknown or has blocked the account."""
    person = _reachable(account, call)
    return {"userId": person.id, "displayName": f"LINE {person.id[1:5]}", "language": "ja"}


def content(account: Account, call: Call) -> web.Response:
    """#get-content: 404 for an unknown message, 410 for one that was unsent."""
    message = call.parts["message"]
    data = account.contents.get(message)
    if data is None:
        gone = message in account.contents
        raise Refusal(410 if gone else 404, "Gone" if gone else "Not found")
    kind = "image/png" if data.startswith(b"\x89PNG") else "image/jpeg"
    return web.Response(body=data, content_type=kind)


def loading(account: Account, call: Call) -> web.Response:
    """#display-a-loading-indicator: 5 to 60 seconds, in steps of 5."""
    seconds = call.json().get("loadingSeconds", 20)
    if seconds not in range(5, 61, 5):
        detail = {"message": "Must be a multiple of 5 up to 60", "property": "loadingSeconds"}
        raise Refusal(400, "The request body has 1 error(s)", [detail])
    return web.json_response({}, status=202)


def issue_link_token(account: Account, call: Call) -> dict[str, Any]:
    """#issue-link-token: ten minutes, once."""
    person = _reachable(account, call)
    token = secrets.token_urlsafe(24)
    account.link_tokens[token] = (person.id, account.clock.now() + LINK_TOKEN_SECONDS)
    return {"linkToken": token}


def issue_stateless_token(account: Account, call: Call) -> web.Response:
    """#issue-stateless-channel-access-token, by channel ID and secret: valid 15 minutes."""
    form = dict(parse_qsl(call.body.decode("latin-1")))
    if form.get("grant_type") != "client_credentials":
        return _oauth_error("Invalid 'grant_type'.")
    settings = account.settings
    given = form.get("client_id", ""), form.get("client_secret", "")
    if given != (settings.channel_id, settings.secret):
        return _oauth_error("Invalid 'client_credentials'.")
    token = secrets.token_urlsafe(120)
    account.stateless[token] = account.clock.now() + STATELESS_SECONDS
    answer = {"token_type": "Bearer", "access_token": token, "expires_in": STATELESS_SECONDS}
    return web.json_response(answer)


class WebhookDesk:
    """The endpoints that make LINE call the bot."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    def set_endpoint(self, account: Account, call: Call) -> dict[str, Any]:
        """#set-webhook-endpoint-url: https, at most 500 characters."""
        account.webhook = _endpoint(call.json().get("endpoint"))
        return {}

    def endpoint(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-webhook-endpoint-information."""
        if not account.webhook:
            raise Refusal(404, "Webhook endpoint not found")
        return {"endpoint": account.webhook, "active": True}

    async def test(self, account: Account, call: Call) -> dict[str, Any]:
        """#test-webhook-endpoint: a signed call without events."""
        given = call.json().get("endpoint") if call.body else None
        if not given and not account.webhook:
            raise Refusal(404, "Webhook endpoint not found")
        before, account.webhook = account.webhook, _endpoint(given) if given else account.webhook
        try:
            status = await self._webhooks.post(*self._webhooks.sealed([]))
        finally:
            account.webhook = before
        fine = status is not None and 200 <= status < 300
        return {
            "success": fine,
            "timestamp": iso(account.clock.now()),
            "statusCode": status or 0,
            "reason": "OK" if fine else "ERROR_STATUS_CODE" if status else self._webhooks.failure,
            "detail": str(status) if status else "Failure to connect",
        }

    async def account_link(self, account: Account, call: Call) -> web.Response:
        """The page that finishes account linking: docs/messaging-api/linking-accounts/.

        LINE looks whether whoever opens it is the one for whom the link token was issued. Here
        that is so unless `as` names another.  Whatever comes of it, the token is used up; the
        event says "ok", or "failed" and then has neither a source nor a reply token
        (#account-link-event).  With a token that is late or used there is no event.
        """
        token, nonce = call.query.get("linkToken", ""), call.query.get("nonce", "")
        owner, expires = account.link_tokens.pop(token, ("", 0.0))
        if not owner or expires < account.clock.now():
            return _page("late")
        if not _NONCE.fullmatch(nonce):
            return _page("nonce")
        who = call.query.get("as") or owner
        fine = who == owner
        link = {"result": "ok" if fine else "failed", "nonce": nonce}
        event = self._webhooks.event("accountLink", who, answerable=fine, link=link)
        if not fine:
            del event["source"]
        await self._webhooks.send(event)
        if fine:
            return _page("done")
        return _page("another")


def _reachable(account: Account, call: Call) -> Person:
    person = account.people.get(call.parts["person"])
    if person is None or not can_get(person):
        raise Refusal(404, "Not found")
    return person


def _endpoint(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("https://") or len(value) > 500:
        raise Refusal(400, "Invalid webhook endpoint URL")
    return value


def _oauth_error(description: str) -> web.Response:
    error = {"error": "invalid_request", "error_description": description}
    return web.json_response(error, status=400)


def _page(name: str) -> web.Response:
    title, text, status = _DIALOG[name]
    body = _PAGE.format(title=html.escape(title), text=html.escape(text))
    return web.Response(text=body, status=status, content_type="text/html")
