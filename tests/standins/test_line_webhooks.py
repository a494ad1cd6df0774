"""How the LINE stand-in tells a bot what people did, how well or badly it does so."""

import json
import re
import threading
import time
from collections.abc import Iterator

import pytest

from tests.line_standin import LineStandin, line_standin
from tests.standins.line_bot import Bot, line_bot

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


@pytest.fixture
def bot(line: LineStandin) -> Iterator[Bot]:
    with line_bot() as bot:
        line.webhook(url=bot.url)
        yield bot


def test_a_text_comes_signed_and_as_documented(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    answer = line.says(friend, "こんにちは")
    ((raw, fine),) = bot.calls
    whole = json.loads(raw)
    (event,) = whole["events"]
    assert fine
    assert "こんにちは".encode() in raw
    assert re.fullmatch("U[0-9a-f]{32}", whole["destination"])
    assert answer == {"event": event["webhookEventId"], "status": 200}
    assert ULID.fullmatch(event["webhookEventId"])
    assert event["source"] == {"type": "user", "userId": friend}
    assert event["mode"] == "active"
    assert event["deliveryContext"] == {"isRedelivery": False}
    assert abs(event["timestamp"] / 1000 - time.time()) < 60
    assert event["message"]["text"] == "こんにちは"
    assert line.chat(friend)[0]["from"] == "person"


def test_postback_sticker_and_picture(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    line.presses(friend, "token", label="はい")
    line.act(friend, "sends-sticker")
    line.sends_picture(friend, b"\x89PNG-picture")
    postback, sticker, picture = bot.events()
    assert postback["postback"] == {"data": "token"}
    assert sticker["message"]["type"] == "sticker"
    assert picture["message"]["contentProvider"] == {"type": "line"}
    assert all(event["replyToken"] for event in bot.events())
    path = f"/v2/bot/message/{picture['message']['id']}/content"
    status, body, headers = line.api("GET", path)
    assert (status, body, headers["content-type"]) == (200, b"\x89PNG-picture", "image/png")
    line.act(friend, "unsends", message=picture["message"]["id"])
    assert line.api("GET", path)[0] == 410
    assert line.api("GET", "/v2/bot/message/1/content")[0] == 404
    assert [entry["via"] for entry in line.chat(friend)] == ["presses", "sticker", "picture"]


def test_follow_block_and_unblock(line: LineStandin, bot: Bot) -> None:
    person = "U" + "a" * 32
    line.act(person, "follow")
    line.act(person, "block")
    line.act(person, "unblock")
    follow, unfollow, back = bot.events()
    assert (follow["type"], follow["follow"]) == ("follow", {"isUnblocked": False})
    assert (unfollow["type"], "replyToken" in unfollow) == ("unfollow", False)
    assert (back["type"], back["follow"]) == ("follow", {"isUnblocked": True})


def test_who_has_blocked_cannot_write(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    line.act(friend, "block", silent=True)
    with pytest.raises(OSError, match="409"):
        line.says(friend, "hello")
    with pytest.raises(OSError, match="404"):
        line.says("U" + "9" * 32, "hello")
    assert bot.calls == []
    assert line.api("GET", f"/v2/bot/profile/{friend}")[0] == 404


def test_duplicates_are_marked_and_the_same_event(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    line.webhook(duplicates=1.0)
    line.says(friend, "a")
    first, again = bot.events()
    assert first["webhookEventId"] == again["webhookEventId"]
    assert again["deliveryContext"] == {"isRedelivery": True}


def test_reordering_swaps_two(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    line.webhook(reorder=True)
    assert line.says(friend, "a")["status"] is None
    assert line.says(friend, "b")["status"] == 200
    later, earlier = bot.events()
    assert (later["message"]["text"], earlier["message"]["text"]) == ("b", "a")
    assert later["timestamp"] >= earlier["timestamp"]
    line.says(friend, "c")
    line.webhook(reorder=False)
    assert len(bot.events()) == 3


def test_several_people_in_one_call(line: LineStandin, bot: Bot) -> None:
    friends = line.friends(3)
    orders = [{"id": friend, "says": f"I am {n}"} for n, friend in enumerate(friends)]
    answer = line.control("POST", "/batch", orders)
    assert len(bot.calls) == 1
    assert [event["source"]["userId"] for event in bot.events()] == friends
    assert answer["events"] == [event["webhookEventId"] for event in bot.events()]


def test_garbage(line: LineStandin, bot: Bot) -> None:
    for kind in ("unsigned", "wrong_signature", "not_json", "unknown_event", "misshapen"):
        assert line.garbage(kind) == 200
    assert [fine for _raw, fine in bot.calls] == [False, False, True, True, True]
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(bot.calls[2][0])
    assert [json.loads(raw)["events"][0]["type"] for raw, _fine in bot.calls[3:]] == [
        "telepathy",
        "message",
    ]


def test_an_event_of_any_type(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    group = {"type": "group", "groupId": "C" + "1" * 32}
    line.act(friend, "event", type="join", source=group, event_id="01HZ")
    (event,) = bot.events()
    assert (event["type"], event["source"], event["webhookEventId"]) == ("join", group, "01HZ")


def test_a_slow_bot_is_not_waited_for() -> None:
    with line_standin("--webhook-seconds=0.1") as line, line_bot() as bot:
        line.webhook(url=bot.url)
        (friend,) = line.friends(1)
        bot.slow = threading.Event()
        assert line.says(friend, "a")["status"] is None
        bot.slow.set()
        assert line.stats()["webhooks"]["failed"] == 1


def test_a_failed_call_is_redelivered_if_asked(line: LineStandin, bot: Bot) -> None:
    (friend,) = line.friends(1)
    line.webhook(redeliver=3, pause=0.01)
    bot.status = 503
    line.says(friend, "a")
    line.wait(lambda stats: stats["webhooks"]["sent"] == 4)
    again = [event["deliveryContext"]["isRedelivery"] for event in bot.events()]
    assert again == [False, True, True, True]


def test_the_webhooks_address_is_set_and_tested_by_the_api(line: LineStandin, bot: Bot) -> None:
    path = "/v2/bot/channel/webhook/endpoint"
    assert line.api("GET", path)[1] == {"endpoint": bot.url, "active": True}
    assert line.api("PUT", path, {"endpoint": "http://renraku.example/"})[0] == 400
    answer = line.api("POST", "/v2/bot/channel/webhook/test", {})[1]
    assert (answer["success"], answer["statusCode"]) == (True, 200)
    assert bot.events() == []
    assert bot.calls[0][1]
    assert line.api("PUT", path, {"endpoint": "https://localhost:1/"})[0] == 200
    answer = line.api("POST", "/v2/bot/channel/webhook/test", {})[1]
    assert (answer["success"], answer["statusCode"]) == (False, 0)
    assert answer["reason"] == "COULD_NOT_CONNECT"
    line.webhook(url="")
    assert line.api("GET", path)[0] == 404


def test_account_linking_knows_who_opens_the_page(line: LineStandin, bot: Bot) -> None:
    teacher, stranger = line.friends(2)
    nonce = "n" * 20

    def token() -> str:
        return str(line.api("POST", f"/v2/bot/user/{teacher}/linkToken")[1]["linkToken"])

    def opens(link: str, **query: str) -> int:
        path = f"/dialog/bot/accountLink?linkToken={link}&nonce={nonce}"
        path += "".join(f"&{name}={value}" for name, value in query.items())
        return line.api("GET", path, token="")[0]

    used = token()
    assert opens(used) == 200
    assert opens(used) == 400
    assert opens(token(), **{"as": stranger}) == 403
    late = token()
    line.advance(601)
    assert opens(late) == 400
    fine, failed = bot.events()
    assert (fine["type"], fine["link"]) == ("accountLink", {"result": "ok", "nonce": nonce})
    assert (fine["source"]["userId"], "replyToken" in fine) == (teacher, True)
    assert failed["link"]["result"] == "failed"
    assert {"source", "replyToken"} & set(failed) == set()


def test_a_link_token_needs_a_friend_and_a_nonce_ten_characters(line: LineStandin) -> None:
    assert line.api("POST", f"/v2/bot/user/{'U' + '1' * 32}/linkToken")[0] == 404
    (friend,) = line.friends(1)
    token = line.api("POST", f"/v2/bot/user/{friend}/linkToken")[1]["linkToken"]
    path = f"/dialog/bot/accountLink?linkToken={token}&nonce=short"
    assert line.api("GET", path, token="")[0] == 400
