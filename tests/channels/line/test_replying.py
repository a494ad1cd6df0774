"""Answers: by the reply token while it is good, else by push under the answer's own key."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid5

import pytest

from channels.base import Answer, Button, Message, Picture
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

# Eleven messages.
LONG = "あ" * 5000 * 10 + "い"
PICTURES = tuple(
    Picture(str(n), "image/png", 9, 9, b"", b"", f"https://r.jp/{n}", f"https://r.jp/{n}s")
    for n in range(4)
)


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
    assert channel.reply(answer(LONG)) == Accepted("")
    assert line.paths() == [REPLY, PUSH, PUSH]
    assert [len(seen.json["messages"]) for seen in line.seen] == [5, 5, 1]
    keys = [seen.headers.get("x-line-retry-key") for seen in line.seen]
    assert keys == [None, str(uuid5(KEY, "2")), str(uuid5(KEY, "3"))]


def said(channel: LineChannel, line: LineServer, *messages: Message) -> list[list[str]]:
    """The types of the objects in each request."""
    assert channel.reply(made(person(1), *messages, account="line", key=KEY, token="t")) == (
        Accepted("")
    )
    return [[one["type"] for one in seen.json["messages"]] for seen in line.seen]


def test_a_preview_with_four_pictures_and_its_question_are_free(
    channel: LineChannel, line: LineServer
) -> None:
    preview = Message("件名\n本文", pictures=PICTURES)
    question = Message("どうしますか。", (Button("承認を依頼", "yes"),))
    assert said(channel, line, preview, question) == [["text", *["image"] * 4]]
    first, *_, last = line.seen[0].json["messages"]
    assert first["text"] == "件名\n本文\n\nどうしますか。"
    assert last["quickReply"]["items"][0]["action"]["data"] == "yes"


def test_of_too_much_the_buttons_come_first(channel: LineChannel, line: LineServer) -> None:
    card = Message("件名", (Button("承認", "approve", lasting=True),), PICTURES)
    assert said(channel, line, Message("1件です"), card) == [
        ["text", "flex", "image", "image", "image"],
        ["image"],
    ]


def test_several_cards_stay_apart(channel: LineChannel, line: LineServer) -> None:
    cards = [Message(str(n), (Button("承認", f"{n}", lasting=True),)) for n in range(3)]
    assert said(channel, line, *cards) == [["text", "flex"] * 2 + ["text"], ["flex"]]


def test_what_one_free_answer_holds(channel: LineChannel) -> None:
    assert channel.fits([Message("1", pictures=PICTURES)])
    assert not channel.fits([Message("1", pictures=PICTURES), Message("2")])


def test_what_did_not_get_through_is_said(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(), Says(500), Says())
    assert channel.reply(answer(LONG)) == Unknown("server_error")
    assert line.paths() == [REPLY, PUSH]


def test_nothing_to_say_and_nobody_to_say_it_to(channel: LineChannel, line: LineServer) -> None:
    assert channel.reply(answer(" ")) == Accepted()
    assert channel.reply(made("Uxyz", "はい", account="line")) == Refused("bad_address")
    assert channel.reply(made(person(1), "はい", account="gone")) == TryLater("no_access")
    assert not line.seen
