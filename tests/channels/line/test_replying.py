"""Answers: by the reply token while it is good, else by push under the answer's own key."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid5

import pytest

from channels.base import Answer
from channels.line.channel import LineChannel
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from tests.channels.answers import answer as made
from tests.channels.line.kit import KEY, person
from tests.channels.line.line_server import (
    ACCEPTED_ID,
    REQUEST_ID,
    HangsUp,
    LineServer,
    Says,
    StaysSilent,
)

REPLY, PUSH = "/v2/bot/message/reply", "/v2/bot/message/push"
SPENT = Says(400, {"message": "Invalid reply token"})


def answer(*texts: str, token: str = "t") -> Answer:
    return made(person(1), *(texts or ("はい",)), account="line", key=KEY, token=token)


def test_by_the_token_and_without_a_key(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(headers={REQUEST_ID: "r"}))
    assert channel.reply(answer()) == Accepted("r")
    (seen,) = line.seen
    assert seen.path == REPLY
    assert seen.json == {"replyToken": "t", "messages": [{"type": "text", "text": "はい"}]}
    # LINE answers 400 to a reply with a retry key.
    assert "x-line-retry-key" not in seen.headers


def test_without_a_token_by_push(channel: LineChannel, line: LineServer) -> None:
    assert channel.reply(answer(token="")) == Accepted("")
    (seen,) = line.seen
    assert seen.path == PUSH
    assert seen.json["to"] == person(1)
    assert seen.headers["x-line-retry-key"] == str(KEY)


def test_a_spent_token_turns_into_a_push(channel: LineChannel, line: LineServer) -> None:
    line.will(SPENT, Says(headers={REQUEST_ID: "p"}))
    assert channel.reply(answer()) == Accepted("p")
    assert line.paths() == [REPLY, PUSH]


def test_a_push_that_was_taken_before_counts(channel: LineChannel, line: LineServer) -> None:
    line.will(SPENT, Says(409, headers={ACCEPTED_ID: "first"}))
    assert channel.reply(answer()) == Accepted("first")


@pytest.mark.parametrize("token", ["t", ""])
@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (Says(400, {"message": "The request body has 1 error(s)"}), Refused("bad_request")),
        (Says(401), TryLater("no_access")),
        (Says(429), TryLater("rate", timedelta(seconds=3))),
        (
            Says(429, {"message": "You have reached your monthly limit."}),
            TryLater("quota", timedelta(minutes=30)),
        ),
        (Says(500), Unknown("server_error")),
        (HangsUp(), Unknown("no_answer")),
    ],
)
def test_whatever_else_line_says(
    channel: LineChannel, line: LineServer, token: str, says: Says | HangsUp, outcome: Outcome
) -> None:
    line.will(says)
    assert channel.reply(answer(token=token)) == outcome
    assert len(line.seen) == 1


def test_a_reply_without_an_answer_is_unknown(hasty: LineChannel, line: LineServer) -> None:
    line.will(StaysSilent())
    assert hasty.reply(answer()) == Unknown("no_answer")
    assert line.paths() == [REPLY]


def test_a_long_answer_goes_on_by_push_under_keys_of_its_own(
    channel: LineChannel, line: LineServer
) -> None:
    assert channel.reply(answer(*map(str, range(11)))) == Accepted("")
    assert line.paths() == [REPLY, PUSH, PUSH]
    assert [len(seen.json["messages"]) for seen in line.seen] == [5, 5, 1]
    keys = [seen.headers.get("x-line-retry-key") for seen in line.seen]
    assert keys == [None, str(uuid5(KEY, "2")), str(uuid5(KEY, "3"))]


def test_what_did_not_get_through_is_said(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(), Says(500), Says())
    assert channel.reply(answer(*map(str, range(11)))) == Unknown("server_error")
    assert line.paths() == [REPLY, PUSH]


def test_nothing_to_say_and_nobody_to_say_it_to(channel: LineChannel, line: LineServer) -> None:
    assert channel.reply(answer(" ")) == Accepted()
    assert channel.reply(made("Uxyz", "はい", account="line")) == Refused("bad_address")
    assert channel.reply(made(person(1), "はい", account="gone")) == TryLater("no_access")
    assert not line.seen
