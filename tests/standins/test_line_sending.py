"""What the LINE stand-in takes and refuses when the bot sends; each test names its rule."""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.line_standin import LineStandin, line_standin
from tests.standins.line_bot import Bot, line_bot

TEXT = [{"type": "text", "text": "遠足のお知らせ"}]
STRANGER = "U" + "0" * 32
LIMIT = "You have reached your monthly limit."


@pytest.fixture
def bot(line: LineStandin) -> Iterator[Bot]:
    with line_bot() as bot:
        line.webhook(url=bot.url)
        yield bot


def push(line: LineStandin, to: str, messages: Any = TEXT, **headers: str) -> Any:
    return line.api("POST", "/v2/bot/message/push", {"to": to, "messages": messages}, **headers)


def multicast(line: LineStandin, to: list[str], messages: Any = TEXT, **headers: str) -> Any:
    body = {"to": to, "messages": messages}
    return line.api("POST", "/v2/bot/message/multicast", body, **headers)


def reply(line: LineStandin, token: str, messages: Any = TEXT, **headers: str) -> Any:
    body = {"replyToken": token, "messages": messages}
    return line.api("POST", "/v2/bot/message/reply", body, **headers)


def test_multicast_reaches_friends_and_drops_the_others_silently(line: LineStandin) -> None:
    friend, blocking = line.friends(2)
    line.act(blocking, "block", silent=True)
    status, body, headers = multicast(line, [friend, blocking, STRANGER])
    assert (status, body) == (200, {})
    assert headers["x-line-request-id"]
    assert line.received("遠足") == {friend: (1, 0), blocking: (1, 1), STRANGER: (1, 1)}
    assert [entry["messages"] for entry in line.chat(friend)] == [TEXT]
    assert line.chat(blocking) == []
    assert line.stats()["accepted"] == 3
    assert line.stats()["dropped"] == 2


def test_push_answers_with_the_messages_sent_and_drops_silently_too(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    status, body, _headers = push(line, friend)
    assert status == 200
    assert set(body["sentMessages"][0]) == {"id", "quoteToken"}
    assert push(line, STRANGER)[0] == 200
    assert [entry["via"] for entry in line.chat(friend)] == ["push"]


@pytest.mark.parametrize("token", ["wrong", "", "line-access-token2"])
def test_a_wrong_access_token_is_refused(line: LineStandin, token: str) -> None:
    status, body, headers = line.api("GET", "/v2/bot/info", token=token)
    assert status == 401
    assert "Authentication failed" in body["message"]
    assert headers["x-line-request-id"]


def test_a_stateless_token_lives_fifteen_minutes(line: LineStandin) -> None:
    form = "grant_type=client_credentials&client_id=1234567890&client_secret=line-channel-secret"
    kind = {"Content_Type": "application/x-www-form-urlencoded"}
    status, body, _headers = line.api("POST", "/oauth2/v3/token", form.encode(), token="", **kind)
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 900)
    assert line.api("GET", "/v2/bot/info", token=body["access_token"])[0] == 200
    line.advance(901)
    assert line.api("GET", "/v2/bot/info", token=body["access_token"])[0] == 401
    wrong = form.replace("line-channel-secret", "guess").encode()
    assert line.api("POST", "/oauth2/v3/token", wrong, token="", **kind)[0] == 400


def test_a_retry_key_is_accepted_once_in_a_day(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    key = str(uuid4())
    _status, _body, first = multicast(line, [friend], X_Line_Retry_Key=key)
    status, body, again = multicast(line, [friend], X_Line_Retry_Key=key.upper())
    assert (status, body["message"]) == (409, "The retry key is already accepted")
    assert again["x-line-accepted-request-id"] == first["x-line-request-id"]
    assert again["x-line-request-id"] != first["x-line-request-id"]
    assert line.received() == {friend: (1, 0)}
    line.advance(24 * 60 * 60 + 1)
    assert multicast(line, [friend], X_Line_Retry_Key=key)[0] == 200


def test_a_repeated_push_tells_the_messages_of_the_first(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    key = str(uuid4())
    first = push(line, friend, X_Line_Retry_Key=key)[1]
    assert push(line, friend, X_Line_Retry_Key=key)[1]["sentMessages"] == first["sentMessages"]


def test_a_refused_request_does_not_use_up_its_retry_key(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    key = str(uuid4())
    assert multicast(line, [friend], [], X_Line_Retry_Key=key)[0] == 400
    assert multicast(line, [friend], X_Line_Retry_Key=key)[0] == 200


def test_a_retry_key_is_a_uuid_and_not_for_replies(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    assert push(line, friend, X_Line_Retry_Key="today-1")[0] == 400
    line.says(friend, "hello")
    token = bot.events()[0]["replyToken"]
    assert reply(line, token, X_Line_Retry_Key=str(uuid4()))[0] == 400
    assert reply(line, token)[0] == 200


def test_a_reply_token_works_once_within_its_minute(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    line.says(friend, "one")
    line.says(friend, "two")
    first, second = (event["replyToken"] for event in bot.events())
    assert reply(line, first, [])[0] == 400
    assert reply(line, first)[0] == 200
    refused = reply(line, first)
    assert (refused[0], refused[1]) == (400, {"message": "Invalid reply token"})
    line.advance(61)
    assert reply(line, second)[0] == 400
    assert reply(line, "made up")[0] == 400
    assert [entry["via"] for entry in line.chat(friend)] == ["says", "says", "reply"]


def test_redelivery_gives_the_token_another_minute_up_to_twenty(
    line: LineStandin, bot: Bot
) -> None:
    (friend,) = line.friends(1)
    event = line.says(friend, "one")["event"]
    line.advance(300)
    line.says(friend, "", redelivery=True, event_id=event)
    first, again = bot.events()
    assert (first["deliveryContext"], again["deliveryContext"]) == (
        {"isRedelivery": False},
        {"isRedelivery": True},
    )
    assert first | {"deliveryContext": None} == again | {"deliveryContext": None}
    line.advance(59)
    assert reply(line, again["replyToken"])[0] == 200


def test_a_token_is_dead_twenty_minutes_after_the_event(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    event = line.says(friend, "one")["event"]
    line.advance(20 * 60 + 1)
    line.says(friend, "", redelivery=True, event_id=event)
    assert reply(line, bot.events()[1]["replyToken"])[0] == 400


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (500, 200), (501, 400)])
def test_multicast_takes_up_to_500(line: LineStandin, count: int, status: int) -> None:
    assert multicast(line, line.friends(count) if count else [])[0] == status


def test_a_malformed_id_is_named_and_nobody_gets_anything(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    status, body, _headers = multicast(line, [friend, "U123", STRANGER, friend.upper()])
    invalid = "The property, {}, in the request body is invalid (line: -, column: -)"
    assert (status, body) == (400, {"message": invalid.format("to[1]")})
    assert multicast(line, ["C" + "1" * 32])[1] == {"message": invalid.format("to[0]")}
    assert line.received() == {}
    assert push(line, "U123")[1] == {"message": invalid.format("'to'")}
    assert push(line, "C" + "1" * 32)[1] == {"message": "Failed to send messages"}


def test_unknown_ids_are_refused_if_so_ordered(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    line.control("POST", "/unknown", {"refused": True})
    status, body, _headers = multicast(line, [friend, STRANGER])
    assert status == 400
    assert "to[1]" in body["message"]
    assert push(line, STRANGER)[0] == 400
    assert multicast(line, [friend])[0] == 200


def test_the_monthly_limit_counts_people_reached_and_no_replies() -> None:
    with line_standin("--quota=3") as line, line_bot() as bot:
        line.webhook(url=bot.url)
        friends = line.friends(3)
        line.act(friends[2], "block", silent=True)
        assert line.api("GET", "/v2/bot/message/quota")[1] == {"type": "limited", "value": 3}
        assert multicast(line, friends)[0] == 200
        assert line.api("GET", "/v2/bot/message/quota/consumption")[1] == {"totalUsage": 2}
        refused = multicast(line, friends[:2])
        assert (refused[0], refused[1]) == (429, {"message": LIMIT})
        assert multicast(line, friends[2:])[0] == 200
        assert push(line, friends[0])[0] == 200
        assert push(line, friends[0])[0] == 429
        line.says(friends[0], "hello")
        assert reply(line, bot.events()[0]["replyToken"])[0] == 200
        line.advance(31 * 24 * 60 * 60)
        assert line.api("GET", "/v2/bot/message/quota/consumption")[1] == {"totalUsage": 0}
        assert push(line, friends[0])[0] == 200


def test_no_quota_is_no_limit(line: LineStandin) -> None:
    assert line.api("GET", "/v2/bot/message/quota")[1] == {"type": "none"}


def test_multicast_is_limited_to_200_a_second(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    line.control("POST", "/clock", {"stop": True})
    connection = http.client.HTTPConnection("127.0.0.1", line.port, timeout=5)
    headers = {"Authorization": f"Bearer {line.token}", "Content-Type": "application/json"}
    body = json.dumps({"to": [friend], "messages": TEXT})
    statuses, answer = [], b""
    for _number in range(201):
        connection.request("POST", "/v2/bot/message/multicast", body, headers)
        with connection.getresponse() as response:
            statuses.append(response.status)
            answer = response.read()
    connection.close()
    assert statuses == [200] * 200 + [429]
    assert json.loads(answer)["message"] == (
        "The API rate limit has been exceeded. Try again later."
    )
    assert push(line, friend)[0] == 200
    line.advance(1)
    assert multicast(line, [friend])[0] == 200


def test_bodies_that_are_too_large_or_no_json(line: LineStandin) -> None:
    path = "/v2/bot/message/push"
    status, body, _headers = line.api("POST", path, b"{" + b" " * (2 * 1024 * 1024))
    assert status == 413
    assert "2MB" in body["message"]
    status, body, _headers = line.api("POST", path, b'{"to": ')
    assert status == 400
    assert body["message"].startswith("The request body could not be parsed as JSON (line: 1")
    assert line.api("POST", path, {}, Content_Type="text/plain")[0] == 415
    assert line.api("POST", "/v2/bot/message/narrow", {})[0] == 404


def test_faults_come_in_place_of_the_answer_or_after_it(line: LineStandin) -> None:
    (friend,) = line.friends(1)
    line.fault(path="/push$", status=500, times=1)
    assert push(line, friend)[0] == 500
    line.fault(path="/push$", drop="before", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        push(line, friend)
    assert line.received() == {}
    key = str(uuid4())
    line.fault(path="/push$", drop="after", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        push(line, friend, X_Line_Retry_Key=key)
    assert line.received() == {friend: (1, 0)}
    assert push(line, friend, X_Line_Retry_Key=key)[0] == 409
    assert [fault["times"] for fault in line.control("GET", "/faults")] == [0, 0, 0]
    line.end_faults()
    assert line.control("GET", "/faults") == []


def test_a_fan_out_to_20000_is_quick_and_exactly_counted(line: LineStandin) -> None:
    friends = line.friends(20_000)
    started = time.perf_counter()
    for first in range(0, len(friends), 500):
        assert multicast(line, friends[first : first + 500])[0] == 200
    assert time.perf_counter() - started < 10
    received = line.received("遠足")
    assert len(received) == 20_000
    assert set(received.values()) == {(1, 0)}
    assert line.received("運動会") == {}
