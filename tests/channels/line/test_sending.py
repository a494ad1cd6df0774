"""A chunk is one multicast: every row of what LINE may answer, and what it means for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from channels.line.channel import LineChannel
from domain.outcomes import Accepted, Outcome, Refused, Split, TryLater, Unknown
from tests.channels.line.kit import ACCOUNT, KEY, Log, chunk, person
from tests.channels.line.line_server import (
    ACCEPTED_ID,
    REQUEST_ID,
    HangsUp,
    LineServer,
    Says,
    StaysSilent,
)

MONTHLY = {"message": "You have reached your monthly limit."}
RATE = {"message": "The API rate limit has been exceeded. Try again later."}


def sent(channel: LineChannel, addresses: list[str] | int) -> dict[int, Outcome]:
    log = Log()
    channel.send(chunk(addresses), log)
    return log.outcomes


def test_one_request_names_everybody_and_carries_the_key(
    channel: LineChannel, line: LineServer
) -> None:
    line.will(Says(headers={REQUEST_ID: "r-1"}))
    log = Log()
    channel.send(chunk(3), log)

    assert log.outcomes == {n: Accepted("r-1") for n in (1, 2, 3)}
    assert [what for _, what in log.lines] == ["intent"] * 3 + ["outcome"] * 3
    (seen,) = line.seen
    assert (seen.method, seen.path) == ("POST", "/v2/bot/message/multicast")
    assert seen.headers["x-line-retry-key"] == str(KEY)
    assert seen.headers["authorization"] == "Bearer long-lived"
    assert seen.json["to"] == [person(0), person(1), person(2)]
    assert "明日は延期です。" in seen.json["messages"][0]["text"]


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (Says(200, b"no json", {REQUEST_ID: "r"}), Accepted("r")),
        (Says(200, b""), Accepted("")),
        (Says(200, b"{}", {"content-type": "text/x; charset=odd-1"}), Unknown("no_answer")),
        (
            Says(409, {"message": "already accepted"}, {REQUEST_ID: "r2", ACCEPTED_ID: "r1"}),
            Accepted("r1"),
        ),
        (Says(429, MONTHLY), TryLater("quota", timedelta(minutes=30))),
        (Says(429, RATE), TryLater("rate", timedelta(seconds=3))),
        (Says(429, b""), TryLater("rate", timedelta(seconds=3))),
        (Says(401, {"message": "Authentication failed"}), TryLater("no_access")),
        (Says(403, {"message": "Not allowed"}), TryLater("no_access")),
        (Says(404, {"message": "Not found"}), TryLater("unexpected", timedelta(minutes=1))),
        (
            Says(302, b"", {"location": "http://127.0.0.1:1/"}),
            TryLater("unexpected", timedelta(minutes=1)),
        ),
        (Says(413, {"message": "Request exceeds the max size"}), Refused("too_large")),
        (Says(500, {"message": "Internal error"}), Unknown("server_error")),
        (Says(503, b"<html>\xff</html>"), Unknown("no_answer")),
        (HangsUp(after_reading=True), Unknown("no_answer")),
        (HangsUp(after_reading=False), Unknown("no_answer")),
    ],
)
def test_one_answer_is_everybodys(
    channel: LineChannel, line: LineServer, says: Says | HangsUp, outcome: Outcome
) -> None:
    line.will(says)
    assert sent(channel, 3) == {1: outcome, 2: outcome, 3: outcome}
    assert len(line.seen) == (0 if says == HangsUp(after_reading=False) else 1)


def test_no_answer_in_time_is_unknown(hasty: LineChannel, line: LineServer) -> None:
    line.will(StaysSilent())
    assert sent(hasty, 2) == {1: Unknown("no_answer"), 2: Unknown("no_answer")}


def test_nobody_listens() -> None:
    channel = LineChannel([ACCOUNT], "http://127.0.0.1:1")
    assert sent(channel, 2) == {1: TryLater("unreachable"), 2: TryLater("unreachable")}
    channel.close()


@pytest.mark.parametrize(
    "body",
    [
        {"message": "The property, 'to[1]', in the request body is invalid"},
        {"message": "1 error(s)", "details": [{"message": "invalid", "property": "to[1]"}]},
        {"message": "1 error(s)", "details": [{"message": "Unknown ID: to[1]"}, "odd", None]},
    ],
)
def test_a_named_recipient_is_refused_and_the_others_are_tried_again(
    channel: LineChannel, line: LineServer, body: Any
) -> None:
    line.will(Says(400, body))
    assert sent(channel, 3) == {1: Split(0), 2: Refused("bad_address"), 3: Split(0)}


def test_a_single_named_recipient(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(400, {"details": [{"property": "to[0]"}]}))
    assert sent(channel, 1) == {1: Refused("bad_address")}


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Failed to send messages"},
        {"message": "to[7] is invalid"},
        {"message": "x", "details": [{"property": "messages[0].to[1]"}, {"property": "to"}]},
        b"",
        ["to[1]"],
        {"message": 5, "details": 6},
    ],
)
def test_nobody_is_named_so_the_halves_are_tried_apart(
    channel: LineChannel, line: LineServer, body: Any
) -> None:
    line.will(Says(400, body))
    assert sent(channel, 3) == {1: Split(0), 2: Split(0), 3: Split(1)}


def test_a_single_recipient_who_is_not_named(channel: LineChannel, line: LineServer) -> None:
    line.will(Says(400, {"message": "Failed to send messages"}))
    assert sent(channel, 1) == {1: Refused("bad_request")}


@pytest.mark.parametrize("place", ["messages[0].text", "/body/contents/0/action/uri"])
def test_a_fault_in_the_message_itself_is_not_looked_for_in_halves(
    channel: LineChannel, line: LineServer, place: str
) -> None:
    line.will(Says(400, {"details": [{"message": "bad", "property": place}]}))
    assert sent(channel, 2) == {1: Refused("bad_request"), 2: Refused("bad_request")}


@pytest.mark.parametrize("bad", ["", "U123", "u" + "0" * 32, "U" + "A" * 32, person(1) + "\n"])
def test_what_is_no_user_id_is_refused_before_asking(
    channel: LineChannel, line: LineServer, bad: str
) -> None:
    assert sent(channel, [person(1), bad]) == {1: Split(0), 2: Refused("bad_address")}
    assert not line.seen


def test_stopping_sends_nothing(channel: LineChannel, line: LineServer) -> None:
    log = Log(stopping=True)
    channel.send(chunk(2), log)
    assert not log.lines
    assert not line.seen


def test_a_lost_lease_sends_nothing(channel: LineChannel, line: LineServer) -> None:
    class LeaseLost(Exception):
        pass

    with pytest.raises(LeaseLost):
        channel.send(chunk(2), Log(raising=LeaseLost()))
    assert not line.seen


def test_the_same_chunk_is_the_same_request(channel: LineChannel, line: LineServer) -> None:
    sent(channel, 2)
    sent(channel, 2)
    first, second = line.seen
    assert first.body == second.body
    assert first.headers["x-line-retry-key"] == second.headers["x-line-retry-key"]


def test_an_account_that_is_no_more(channel: LineChannel, line: LineServer) -> None:
    log = Log()
    channel.send(chunk(1, account="gone"), log)
    assert log.outcomes == {1: TryLater("no_access")}
    assert not line.seen
