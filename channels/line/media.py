"""Pictures that people sent: fetched piece by piece, so that no size can fill the memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import quote

from linebot.v3.messaging import ApiException
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from channels.line.accounts import Account
from domain.outcomes import Outcome, Refused, TryLater

MAX_BYTES = 20 * 1024 * 1024
_PIECE = 64 * 1024
_PREPARING_AFTER = timedelta(seconds=5)
# 410: the sender took it back; 404: it is too old (Messaging API reference, "Get content").
_GONE = (404, 410)


def picture(account: Account, message_id: str) -> bytes | Outcome:
    """The bytes of a message's picture, at most 20 MB.

    The SDK's method reads an answer whole before anybody can look at its size, so its client is
    used one step further down.
    """
    authorization = account.authorization()
    if isinstance(authorization, TryLater):
        return authorization
    url = f"{account.servers.data}/v2/bot/message/{quote(message_id, safe='')}/content"
    try:
        return _get(account, url, {"Authorization": authorization})
    except ApiException as error:
        return _failed(error.status)
    except (HTTPError, ValueError):  # ValueError: a token that no header can hold.
        return TryLater("unreachable")


def _get(account: Account, url: str, headers: Mapping[str, str]) -> bytes | Outcome:
    response = account.client.request(
        "GET",
        url,
        headers={**account.client.default_headers, **headers},
        _preload_content=False,
        _request_timeout=account.timeouts.pair,
    )
    try:
        if response.status == 202:  # Still being prepared.
            return TryLater("not_ready", _PREPARING_AFTER)
        return _read(account, response)
    finally:
        # A body that was not read to its end would be read by the next request.
        response.close()
        response.release_conn()


def _read(account: Account, response: BaseHTTPResponse) -> bytes | Outcome:
    deadline = account.monotonic() + account.timeouts.picture
    data = bytearray()
    for piece in response.stream(_PIECE):
        data += piece
        if len(data) > MAX_BYTES:
            return Refused("too_large")
        if account.monotonic() > deadline:
            return TryLater("unreachable")
    return bytes(data)


def _failed(status: int | None) -> Outcome:
    if status in _GONE:
        return Refused("gone")
    if status in (401, 403):
        return TryLater("no_access")
    return TryLater("rate") if status == 429 else TryLater("unreachable")
