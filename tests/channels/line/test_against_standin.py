"""The channel against the LINE stand-in, which keeps state and refuses as LINE does."""

from __future__ import annotations

import io
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from PIL import Image

from channels.base import Bulk, Button, Message, Picture, Quota, RawRequest
from channels.line.channel import LineChannel
from channels.registry import LineAccount
from domain.outcomes import Accepted, Outcome, Refused, Split, TryLater, Unknown
from tests.channels.answers import answer
from tests.channels.line.kit import BULK, Log, chunk, person
from tests.channels.line.line_server import line_server
from tests.line_standin import SECRET, LineStandin

LONG = "明日は延期です。お弁当を忘れずに🍙。" * 1500


@pytest.fixture
def channel(standin_channel: LineChannel) -> LineChannel:
    return standin_channel


def sent(
    channel: LineChannel, addresses: list[str], key: UUID | None = None, bulk: Bulk = BULK
) -> dict[int, Outcome]:
    log = Log()
    channel.send(chunk(addresses, bulk, key=key or uuid4()), log)
    return log.outcomes


def test_everybody_gets_it_once_although_it_is_sent_twice(
    channel: LineChannel, standin: LineStandin
) -> None:
    friends, key = standin.friends(3), uuid4()
    first = sent(channel, friends, key)
    assert sent(channel, friends, key) == first
    assert isinstance(first[1], Accepted)
    assert first[1].reference
    assert standin.received("遠足の延期") == dict.fromkeys(friends, (1, 0))


def test_hung_up_after_acceptance_and_tried_again(
    channel: LineChannel, standin: LineStandin
) -> None:
    friends, key = standin.friends(2), uuid4()
    standin.fault(path="/multicast", drop="after", times=1)
    assert sent(channel, friends, key) == {1: Unknown("no_answer"), 2: Unknown("no_answer")}
    assert isinstance(sent(channel, friends, key)[1], Accepted)
    assert standin.received("遠足の延期") == dict.fromkeys(friends, (1, 0))


def test_blocked_people_are_accepted_and_dropped(
    channel: LineChannel, standin: LineStandin
) -> None:
    staying, leaving = standin.friends(2)
    standin.act(leaving, "block")
    assert isinstance(sent(channel, [staying, leaving])[2], Accepted)
    assert standin.received("遠足の延期") == {staying: (1, 0), leaving: (1, 1)}


def test_the_month_is_over(channel: LineChannel, standin: LineStandin) -> None:
    friends = standin.friends(300)
    assert isinstance(sent(channel, friends)[1], Accepted)
    assert channel.quota("line") == Quota(500, 300)
    outcome = sent(channel, friends)[1]
    assert isinstance(outcome, TryLater)
    assert outcome.reason == "quota"


@pytest.mark.parametrize("headline_only", [False, True])
@pytest.mark.parametrize("text", ["明日は延期です。", LONG])
@pytest.mark.parametrize("pictures", [0, 2, 5])
def test_every_form_of_a_broadcast_is_taken(
    channel: LineChannel, standin: LineStandin, text: str, pictures: int, headline_only: bool
) -> None:
    picture = Picture("0" * 64, "image/png", 1, 1, b"", b"", *["https://r.example.jp/p"] * 2)
    bulk = replace(BULK, text=text, pictures=(picture,) * pictures, headline_only=headline_only)
    assert isinstance(sent(channel, standin.friends(1), bulk=bulk)[1], Accepted)


def test_every_part_of_a_conversation_is_taken(channel: LineChannel, standin: LineStandin) -> None:
    (friend,) = standin.friends(1)
    buttons = (
        *(Button("👨‍👩‍👧" * n, f"t{n}") for n in range(1, 12)),
        Button("承認" * 20, "approve", lasting=True),
        Button("開く", url="http://127.0.0.1:8000/link/abc"),
    )
    said = answer(friend, Message(LONG, buttons), account="line")
    assert isinstance(channel.reply(said), Accepted)
    assert [len(entry["messages"]) for entry in standin.chat(friend)] == [5, 2]


def test_a_fault_of_ours_is_no_recipients_fault(channel: LineChannel, standin: LineStandin) -> None:
    standin.fault(
        path="/multicast",
        status=400,
        body={"message": "The property, 'to[1]', in the request body is invalid"},
        times=1,
    )
    assert sent(channel, standin.friends(3))[2] == Refused("bad_address")
    standin.fault(path="/multicast", status=400, body={"message": "Failed to send messages"})
    assert sent(channel, standin.friends(2)) == {1: Split(0), 2: Split(1)}


def test_a_wrong_token(standin: LineStandin) -> None:
    channel = LineChannel([LineAccount("line", SECRET, "wrong")], standin.url)
    assert sent(channel, standin.friends(1)) == {1: TryLater("no_access")}
    channel.close()


def test_stateless_tokens(standin: LineStandin) -> None:
    account = LineAccount("line", SECRET, channel_id=standin.channel_id)
    channel = LineChannel([account], standin.url)
    assert isinstance(sent(channel, standin.friends(1))[1], Accepted)
    channel.close()


def test_links(channel: LineChannel, standin: LineStandin) -> None:
    (friend,) = standin.friends(1)
    assert (
        channel.link("line", "登録") == "https://line.me/R/oaMessage/%40renraku/?%E7%99%BB%E9%8C%B2"
    )
    found = channel.account_link("line", friend, "nonce-0123456789")
    assert isinstance(found, str)
    assert found.startswith(f"{standin.url}/dialog/bot/accountLink?linkToken=")
    assert isinstance(channel.account_link("line", person(99), "n"), Refused | TryLater)


def test_what_people_do_arrives_signed_and_readable(
    channel: LineChannel, standin: LineStandin
) -> None:
    (friend,) = standin.friends(1)
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8)).save(drawn, "PNG")
    with line_server() as ours:
        standin.webhook(url=ours.url)
        standin.says(friend, "はい")
        standin.presses(friend, "token-1")
        standin.sends_picture(friend, drawn.getvalue())
        for action in ("sends-sticker", "block", "unblock"):
            standin.act(friend, action)
        raw = [RawRequest(seen.headers, seen.body) for seen in ours.seen]

    assert all(channel.verify(one) for one in raw)
    events = [event for one in raw for event in channel.parse(one)]
    kinds = ["text", "button", "picture", "other", "unfollow", "follow"]
    assert [event.kind for event in events] == kinds
    assert {event.sender for event in events} == {friend}
    assert (events[0].text, events[1].token) == ("はい", "token-1")
    assert channel.fetch("line", events[2].media) == drawn.getvalue()
    assert channel.fetch("line", "999") == Refused("gone")


def test_a_reply_by_its_token_is_free_and_a_spent_one_becomes_a_push(
    channel: LineChannel, standin: LineStandin
) -> None:
    (friend,) = standin.friends(1)
    with line_server() as ours:
        standin.webhook(url=ours.url)
        standin.says(friend, "はい")
        seen = ours.seen[0]
    (event,) = channel.parse(RawRequest(seen.headers, seen.body))
    for text in ("一", "二"):
        said = answer(friend, text, account="line", token=event.answer_token)
        assert isinstance(channel.reply(said), Accepted)
    vias = [entry.get("via") for entry in standin.chat(friend) if entry["from"] == "bot"]
    assert vias == ["reply", "push"]
    assert channel.quota("line") == Quota(500, 1)
