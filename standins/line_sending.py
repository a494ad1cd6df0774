"""Sending messages: reply, push, multicast, and what is left of the month's quota.

Sources: https://developers.line.biz/en/reference/messaging-api/ #send-reply-message,
#send-push-message, #send-multicast-message, #get-quota, #get-consumption, #retry-api-request
and docs/messaging-api/retrying-api-request/.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from standins.line_account import RETRY_KEY_SECONDS, Accepted, Account, quote_token, well_formed
from standins.line_checks import Refusal
from standins.line_door import Call
from standins.line_messages import check_messages

RECIPIENTS = 500
_RETRY_KEY = "X-Line-Retry-Key"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROUP = re.compile(r"[CR][0-9a-f]{32}")


def reply(account: Account, call: Call) -> dict[str, Any]:
    """#send-reply-message: once within a minute, free; a retry key is refused with 400."""
    if _RETRY_KEY in call.headers:
        raise Refusal(400, "The retry key is not supported by this API")
    body = call.json()
    check_messages(body)
    person = account.use_reply_token(body.get("replyToken"))
    account.deliver("reply", call.body, [person], call.arrived)
    return _sent_messages(account, body)


def push(account: Account, call: Call) -> dict[str, Any]:
    """#send-push-message: 200 too for those who blocked the account or left LINE."""
    key = _fresh_key(account, call)
    body = call.json()
    check_messages(body)
    to = body.get("to")
    if isinstance(to, str) and _GROUP.fullmatch(to):
        raise Refusal(400, "Failed to send messages")  # the stand-in is in no group
    if not well_formed(to):
        raise invalid_property("'to'")
    if account.refuses_unknown and to not in account.people:
        raise Refusal(400, "Failed to send messages")
    account.refuse_beyond_quota([to])
    account.deliver("push", call.body, [to], call.arrived)
    answer = _sent_messages(account, body)
    _remember(account, call, key, answer)
    return answer


def multicast(account: Account, call: Call) -> dict[str, Any]:
    """#send-multicast-message: up to 500 user IDs; an error means that nobody got it.

    Its conditions say that an ID unknown to the channel is dropped with 200, its table of errors
    that it is a 400: the stand-in does the one or the other (`Account.refuses_unknown`).  What
    happens to a person named twice is not documented: here both count.
    """
    key = _fresh_key(account, call)
    body = call.json()
    check_messages(body)
    to = _recipients(account, body.get("to"))
    account.refuse_beyond_quota(to)
    account.deliver("multicast", call.body, to, call.arrived)
    _remember(account, call, key, {})
    return {}


def validate(account: Account, call: Call) -> dict[str, Any]:
    """#validate-message-objects-of-reply-message and its like."""
    check_messages(call.json())
    return {}


def quota(account: Account, call: Call) -> dict[str, Any]:
    """#get-quota."""
    if account.quota is None:
        return {"type": "none"}
    return {"type": "limited", "value": account.quota}


def consumption(account: Account, call: Call) -> dict[str, Any]:
    """#get-consumption."""
    return {"totalUsage": account.used[account.clock.month()]}


def invalid_property(place: str) -> Refusal:
    """#error-messages; such an answer has no details."""
    return Refusal(
        400, f"The property, {place}, in the request body is invalid (line: -, column: -)"
    )


def first_bad(recipients: Sequence[object]) -> int | None:
    """Where the first is that is no user ID."""
    wrong = (number for number, person in enumerate(recipients) if not well_formed(person))
    return next(wrong, None)


def _recipients(account: Account, to: object) -> list[str]:
    if not isinstance(to, list) or not 1 <= len(to) <= RECIPIENTS:
        detail = {"message": f"Size must be between 1 and {RECIPIENTS}", "property": "to"}
        raise Refusal(400, "The request body has 1 error(s)", [detail])
    bad = first_bad(to)
    if bad is None and account.refuses_unknown:
        bad = next((n for n, person in enumerate(to) if person not in account.people), None)
    if bad is not None:
        raise invalid_property(f"to[{bad}]")
    return to


def _fresh_key(account: Account, call: Call) -> str:
    """The retry key; 400 if it is no UUID, 409 if a request with it has been accepted."""
    key = call.headers.get(_RETRY_KEY, "")
    if key and not _UUID.fullmatch(key):
        raise Refusal(400, "The retry key is invalid")
    key = str(UUID(key)) if key else ""
    known = account.accepted.get(key)
    if known and known.expires > account.clock.now():
        headers = {"x-line-accepted-request-id": known.request_id}
        raise Refusal(409, "The retry key is already accepted", headers=headers, more=known.more)
    return key


def _remember(account: Account, call: Call, key: str, answer: dict[str, Any]) -> None:
    if key:
        expires = account.clock.now() + RETRY_KEY_SECONDS
        account.accepted[key] = Accepted(expires, call.id, answer)


def _sent_messages(account: Account, body: dict[str, Any]) -> dict[str, Any]:
    ids = (account.next_message_id() for _message in body["messages"])
    return {"sentMessages": [{"id": number, "quoteToken": quote_token()} for number in ids]}
