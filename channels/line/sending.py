"""Handing messages to LINE: a chunk by one multicast, an answer by its reply token or by push.

Messaging API, "Retry failed API requests": a request with the same `X-Line-Retry-Key`, asked
again within 24 hours, is taken once; LINE answers the second time with 409.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from typing import Any

from channels.base import Answer, Button, Message, Recipient, SendChunk, SendLog
from channels.line.accounts import Account
from channels.line.answers import Answered, verdict
from channels.line.bulk import broadcast
from channels.line.content import OBJECTS, Object, objects
from channels.line.events import ADDRESS
from domain.outcomes import Accepted, Outcome, Refused, Split, TryLater, Unknown

_MULTICAST = "/v2/bot/message/multicast"
_PUSH = "/v2/bot/message/push"
_REPLY = "/v2/bot/message/reply"
_RETRY_KEY = "X-Line-Retry-Key"
_NAMED = re.compile(r"(?<![.\w])to\[(\d{1,3})\]")


def send(account: Account, chunk: SendChunk, log: SendLog) -> None:
    """One request for the whole chunk, under the chunk's key, and one outcome for each."""
    if log.stopping() or not chunk.recipients:
        return
    people = chunk.recipients
    malformed = {i for i, one in enumerate(people) if not ADDRESS.fullmatch(one.address)}
    if malformed:
        # A chunk is what its key stands for: without these people it is another one.
        _tell(log, people, _apart(len(people), malformed))
        return
    messages = broadcast(chunk.bulk)
    for one in people:
        log.intent(one.delivery_id)
    body = {"to": [one.address for one in people], "messages": messages}
    said = account.ask("POST", _MULTICAST, body, {_RETRY_KEY: str(chunk.key)})
    _tell(log, people, _outcomes(said, len(people)))


def _tell(log: SendLog, people: Sequence[Recipient], outcomes: Sequence[Outcome]) -> None:
    for one, outcome in zip(people, outcomes, strict=True):
        log.outcome(one.delivery_id, outcome)


def _outcomes(said: Answered | TryLater | Unknown, count: int) -> list[Outcome]:
    """One answer, for everybody whom the request named: nobody got it unless it was good."""
    if not isinstance(said, Answered) or said.status != 400:
        return [verdict(said)] * count
    named = {index for index in _named(said) if index < count}
    if named:
        return _apart(count, named)
    if count == 1 or _blames_messages(said):
        return [Refused("bad_request")] * count
    return [Split(0 if index < (count + 1) // 2 else 1) for index in range(count)]


def _apart(count: int, bad: set[int]) -> list[Outcome]:
    return [Refused("bad_address") if i in bad else Split(0) for i in range(count)]


def _named(said: Answered) -> set[int]:
    """The recipients that a 400 names as `to[3]`, in its message or in its details."""
    texts = [said.message]
    for detail in _details(said):
        texts += [str(detail.get("property")), str(detail.get("message"))]
    return {int(index) for text in texts for index in _NAMED.findall(text)}


def _blames_messages(said: Answered) -> bool:
    """Whether a 400 is about the messages alone: then asking in halves ends no better.

    Places inside a Flex message are named from its root: `/body/contents/0/text`.
    """
    properties = [str(detail.get("property")) for detail in _details(said)]
    return bool(properties) and all(name.startswith(("messages", "/")) for name in properties)


def _details(said: Answered) -> list[dict[str, Any]]:
    """Messaging API reference, "Error responses": what is wrong, by property."""
    details = said.body.get("details") if isinstance(said.body, dict) else None
    found = details if isinstance(details, list) else []
    return [detail for detail in found if isinstance(detail, dict)]


def reply(account: Account, answer: Answer) -> Outcome:
    """Answer one person: the first five objects by the reply token, the rest by push.

    If the rest does not get through, the whole answer is tried again without the token: rather
    a line twice than half an answer.
    """
    if not ADDRESS.fullmatch(answer.address):
        return Refused("bad_address")
    made = _few_objects(answer.messages)
    batches = [made[start : start + OBJECTS] for start in range(0, len(made), OBJECTS)]
    outcome: Outcome = Accepted()
    for number, batch in enumerate(batches, start=1):
        outcome = _say(account, answer, batch, number)
        if not isinstance(outcome, Accepted):
            return outcome
    return outcome


def fits(messages: Sequence[Message]) -> bool:
    """Whether one request holds them as they are."""
    return len(objects(messages)) <= OBJECTS


def _few_objects(messages: Sequence[Message]) -> list[Object]:
    """What more than one request would have to hold, drawn together: only the first is free.

    All texts are one and the pictures come last, so that the buttons are in the first request and
    a preview with four pictures is no more than that.  Several cards stay apart: their buttons
    have the same labels.
    """
    if fits(messages) or sum(_has_card(each) for each in messages) > 1:
        return objects(messages)
    text = "\n\n".join(each.text for each in messages if each.text.strip())
    cards = tuple(b for each in messages for b in each.buttons if _stays(b))
    choices = ([b for b in each.buttons if not _stays(b)] for each in reversed(messages))
    open_ones = tuple(next(filter(None, choices), ()))
    pictures = tuple(picture for each in messages for picture in each.pictures)
    return objects([Message(text, cards), Message("", open_ones, pictures)])


def _has_card(message: Message) -> bool:
    return any(_stays(button) for button in message.buttons)


def _stays(button: Button) -> bool:
    return button.lasting or bool(button.url)


def _say(account: Account, answer: Answer, batch: list[Object], number: int) -> Outcome:
    if number == 1 and answer.token:
        said = account.ask("POST", _REPLY, {"replyToken": answer.token, "messages": batch})
        if not _is_spent(said):
            return verdict(said)
    body = {"to": answer.address, "messages": batch}
    return verdict(account.ask("POST", _PUSH, body, {_RETRY_KEY: str(_key(answer, number))}))


def _is_spent(said: Answered | TryLater | Unknown) -> bool:
    """Used, or older than a minute (Messaging API reference, "Reply token")."""
    if not isinstance(said, Answered) or said.status != 400:
        return False
    return "invalid reply token" in said.message.lower()


def _key(answer: Answer, number: int) -> uuid.UUID:
    return answer.key if number == 1 else uuid.uuid5(answer.key, str(number))
