"""The rest of the contract: webhooks, pictures that come in, links, polling."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from bot.outside import command_of
from bot.words import global_word, language_word
from channels.base import RawRequest
from channels.registry import ChannelSettings, TelegramSettings, open_channels
from channels.telegram.channel import TelegramChannel
from channels.telegram.webhook import COMMANDS
from domain.outcomes import Accepted, Outcome, Refused, TryLater
from tests.channels.telegram.api import (
    DROP,
    HANG,
    SECRET,
    TOKEN,
    Api,
    Asked,
    Time,
    channel_at,
    refusal,
)

PRESS = {"update_id": 5, "callback_query": {"id": "42", "from": {"id": 8}, "data": "tok"}}


def request(secret: str | None, body: object = None) -> RawRequest:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret}
    return RawRequest(headers, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("secret", "is_good"),
    [(SECRET, True), ("wrong", False), ("", False), (None, False), ("\udcff\xff", False)],
)
def test_only_telegram_knows_the_secret(
    channel: TelegramChannel, secret: str | None, is_good: bool
) -> None:
    assert channel.verify(request(secret)) is is_good


def test_without_a_secret_nothing_is_taken(api: Api, time: Time) -> None:
    with channel_at(api.url, time, secret="") as channel:
        assert not channel.verify(request(""))
        assert not channel.verify(request(None))
        assert channel.set_webhook("https://r.example/x") == Refused("no_secret")
    assert api.asked == []


def test_a_press_is_answered_along_the_way(channel: TelegramChannel) -> None:
    (incoming,) = channel.parse(request(SECRET, PRESS))
    assert (incoming.kind, incoming.token) == ("button", "tok")
    assert json.loads(channel.acknowledge(request(SECRET, PRESS))) == {
        "method": "answerCallbackQuery",
        "callback_query_id": "42",
    }


@pytest.mark.parametrize("body", [{"update_id": 1}, [], None, {"callback_query": {"id": 1}}])
def test_everything_else_is_only_taken(channel: TelegramChannel, body: Any) -> None:
    assert channel.acknowledge(request(SECRET, body)) == b"{}"
    assert channel.acknowledge(RawRequest({}, b"\xff")) == b"{}"


def file(size: int) -> Any:
    told = {"file_id": "f", "file_unique_id": "u", "file_size": size, "file_path": "photos/1.jpg"}
    return 200, {"ok": True, "result": told}


def test_a_picture_is_fetched(api: Api, channel: TelegramChannel) -> None:
    api.script["getFile"] = [file(4)]
    api.files["photos/1.jpg"] = b"\xff\xd8!!"
    assert channel.fetch("telegram", "f") == b"\xff\xd8!!"
    assert api.asked[0].fields == {"file_id": "f"}


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (file(4), Refused("gone")),  # the download answers 404
        (file(20_000_001), Refused("too_large")),
        (refusal(400, "Bad Request: file is too big"), Refused("too_large")),
        (refusal(400, "Bad Request: invalid file_id"), Refused("gone")),
        (refusal(401), TryLater("no_access")),
        (refusal(500), TryLater("no_answer")),
        (DROP, TryLater("no_answer")),
    ],
)
def test_a_picture_that_does_not_come(
    api: Api, channel: TelegramChannel, told: Any, outcome: Outcome
) -> None:
    api.script["getFile"] = [told]
    assert channel.fetch("telegram", "f") == outcome


def test_a_link_opens_the_bot_with_a_code(api: Api, channel: TelegramChannel) -> None:
    for _ in range(2):
        link = channel.link("telegram", "K7Q3M9XP4TWR")
        assert link == "https://t.me/renraku_bot?start=K7Q3M9XP4TWR"
    assert len(api.to("getMe")) == 1


@pytest.mark.parametrize("text", ["", "x" * 65, "登録", "a b", "a\n"])
def test_what_no_link_can_carry(api: Api, channel: TelegramChannel, text: str) -> None:
    assert channel.link("telegram", text) is None
    assert api.asked == []


def test_no_link_while_the_name_is_unknown(api: Api, channel: TelegramChannel) -> None:
    api.script["getMe"] = [refusal(500)]
    assert channel.link("telegram", "a") is None
    assert channel.link("telegram", "a") is not None


def test_setting_the_webhook(api: Api, channel: TelegramChannel) -> None:
    assert channel.set_webhook("https://r.example/webhooks/telegram") == Accepted()
    (asked,) = api.asked
    assert asked.fields["url"] == "https://r.example/webhooks/telegram"
    assert asked.fields["secret_token"] == SECRET
    assert asked.fields["max_connections"] == "40"
    assert asked.json("allowed_updates") == ["message", "callback_query", "my_chat_member"]
    assert channel.delete_webhook() == Accepted()
    api.script["setWebhook"] = [refusal(400, "Bad Request: bad webhook")]
    assert channel.set_webhook("http://x") == Refused("bad_request", "Bad Request: bad webhook")


def test_commands_in_both_languages(api: Api, channel: TelegramChannel) -> None:
    assert channel.set_commands() == Accepted()
    japanese, english = api.asked
    assert japanese.json("scope") == {"type": "all_private_chats"}
    assert "language_code" not in japanese.fields
    assert english.fields["language_code"] == "en"
    assert [each["command"] for each in japanese.json("commands")] == list(COMMANDS)
    assert japanese.json("commands")[0]["description"] == "メニューを見る"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_does_something(name: str) -> None:
    typed = f"/{name}"
    assert global_word(typed) or language_word(typed) or command_of(typed)


def test_polling(api: Api, channel: TelegramChannel) -> None:
    api.script["getUpdates"] = [(200, {"ok": True, "result": [PRESS, {"update_id": 6, "?": 1}]})]
    found = channel.poll(5, 50, lambda: False)
    assert found == [PRESS, {"update_id": 6, "?": 1}]
    (asked,) = api.asked
    assert (asked.fields["offset"], asked.fields["timeout"]) == ("5", "50")
    assert asked.json("allowed_updates") == ["message", "callback_query", "my_chat_member"]
    assert isinstance(found, list)
    assert channel.read(found[0]).answer_token == "callback:42"
    assert channel.read(found[1]).kind == "unknown"


def test_a_poll_ends_when_it_is_to_stop(api: Api, channel: TelegramChannel) -> None:
    asked = threading.Event()

    def hang(_asked: Asked) -> str:
        asked.set()
        return HANG

    api.script["getUpdates"] = [hang]
    assert channel.poll(None, 50, asked.is_set) == []


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (refusal(409, "Conflict: can't use getUpdates while webhook is active"), "conflict"),
        (refusal(401), "no_access"),
        (DROP, "no_answer"),
        ((200, b"{}"), "no_answer"),
    ],
)
def test_a_poll_that_fails(api: Api, channel: TelegramChannel, told: Any, reason: str) -> None:
    api.script["getUpdates"] = [told]
    assert getattr(channel.poll(None, 0, lambda: False), "reason", None) == reason


def test_callbacks_are_answered(api: Api, channel: TelegramChannel) -> None:
    assert channel.answer_callback("callback:42") == Accepted()
    assert api.asked[0].fields == {"callback_query_id": "42"}
    api.script["answerCallbackQuery"] = [refusal(400, "Bad Request: query is too old")]
    assert isinstance(channel.answer_callback("callback:42"), Refused)


def test_a_channel_that_is_never_used_starts_nothing() -> None:
    before = threading.active_count()
    channels = open_channels(ChannelSettings(telegram=TelegramSettings(TOKEN)))
    assert channels["telegram"].accounts == ("telegram",)
    channels["telegram"].close()
    channels["telegram"].close()
    assert threading.active_count() == before


def test_the_token_is_never_logged(
    api: Api, channel: TelegramChannel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        api.script["getMe"] = [(200, b"no json"), refusal(500)]
        channel.link("telegram", "a")
        channel.link("telegram", "a")
        channel.poll(None, 0, lambda: False)
    assert TOKEN not in caplog.text
    assert "no json" not in caplog.text
