"""Sending over real HTTP: what each answer means, and what is never sent twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from channels.base import Bulk, Button, Message, Picture, Recipient, SendChunk
from channels.telegram.channel import TelegramChannel
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown
from tests.channels.answers import answer
from tests.channels.telegram.api import (
    DROP,
    HANG,
    Api,
    Asked,
    Log,
    Time,
    channel_at,
    refusal,
)
from tests.smtp_standin import free_port

RATE = TryLater("rate", timedelta(seconds=3))


def picture(name: str) -> Picture:
    return Picture(name, "image/jpeg", 10, 10, f"bytes of {name}".encode(), b"")


def chunk(*chats: str, text: str = "本文", pictures: tuple[Picture, ...] = ()) -> SendChunk:
    people = tuple(
        Recipient(number, chat, f"id{number}", f"https://r.example/m/{number}", "")
        for number, chat in enumerate(chats)
    )
    bulk = Bulk("みどり市", "中央小", "", "件名", text, "ja", pictures)
    return SendChunk(1, "telegram", "ordinary", bulk, people, uuid4())


def sent(channel: TelegramChannel, work: SendChunk) -> dict[int, Outcome]:
    log = Log()
    channel.send(work, log)
    return log.outcomes


def test_a_chunk(api: Api, channel: TelegramChannel) -> None:
    log = Log()
    channel.send(chunk("11", "12"), log)
    assert log.outcomes == {0: Accepted("1"), 1: Accepted("2")}
    assert log.intents == [0, 1]
    first = api.to("sendMessage")[0]
    assert first.fields["chat_id"] == "11"
    assert first.fields["text"].startswith("【中央小】\n件名")
    assert "parse_mode" not in first.fields
    assert first.json("link_preview_options") == {"is_disabled": True}


def test_an_address_that_is_no_chat(api: Api, channel: TelegramChannel) -> None:
    assert sent(channel, chunk("@someone")) == {0: Refused("bad_address")}
    assert channel.reply(answer("", "x")) == Refused("bad_address")
    assert api.asked == []


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (refusal(403, "Forbidden: bot was blocked by the user"), Refused("blocked")),
        (refusal(403, "Forbidden: user is deactivated"), Refused("gone")),
        (refusal(400, "Bad Request: chat not found"), Refused("gone")),
        (refusal(400, "Bad Request: strange"), Refused("bad_request", "Bad Request: strange")),
        (refusal(401, "Unauthorized"), TryLater("no_access")),
        (refusal(404, "Not Found"), TryLater("no_access")),
        (refusal(413, "Request Entity Too Large"), Refused("too_large")),
        (refusal(429, "Too Many Requests: retry after 3", retry_after=3), RATE),
        (refusal(429, "Too Many Requests"), TryLater("rate", timedelta(seconds=5))),
        (refusal(500, "Internal Server Error"), Unknown("server_error")),
        ((502, b"<html>Bad Gateway</html>"), Unknown("server_error")),
        ((200, b"no json"), Unknown("no_answer")),
        (DROP, Unknown("no_answer")),
        (HANG, Unknown("no_answer")),
    ],
)
def test_what_an_answer_means(
    api: Api, channel: TelegramChannel, told: Any, outcome: Outcome
) -> None:
    api.script["sendMessage"] = [told, told]
    assert sent(channel, chunk("11")) == {0: outcome}
    assert channel.reply(answer("12", "やあ")) == outcome
    assert len(api.to("sendMessage")) == 2


def test_nobody_listens(time: Time) -> None:
    with channel_at(f"http://127.0.0.1:{free_port()}", time) as channel:
        assert sent(channel, chunk("1", "2", "3", "4")) == dict.fromkeys(
            range(3), TryLater("unreachable")
        )
        assert channel.reply(answer("1", "x")) == TryLater("unreachable")


def test_a_closed_channel(channel: TelegramChannel) -> None:
    channel.close()
    assert channel.reply(answer("1", "x")) == TryLater("closed")


def test_closing_breaks_off_what_hangs(api: Api, channel: TelegramChannel) -> None:
    with ThreadPoolExecutor(1) as pool:

        def close(asked: Asked) -> str:
            pool.submit(channel.close)
            return HANG

        api.script["sendMessage"] = [close]
        assert channel.reply(answer("1", "x")) == Unknown("no_answer")


def test_a_short_pause_is_waited_out(api: Api, channel: TelegramChannel, time: Time) -> None:
    api.script["sendMessage"] = [refusal(429, "Too Many Requests", retry_after=20)]
    outcomes = sent(channel, chunk("1", "2"))
    assert outcomes[0] == TryLater("rate", timedelta(seconds=20))
    assert isinstance(outcomes[1], Accepted)
    assert time.now >= 1020


def test_a_long_pause_leaves_the_rest(api: Api, channel: TelegramChannel) -> None:
    api.script["sendMessage"] = [refusal(429, "Too Many Requests", retry_after=60)]
    assert sent(channel, chunk("1", "2")) == {0: TryLater("rate", timedelta(seconds=60))}
    assert sent(channel, chunk("3")) == {}
    assert channel.reply(answer("4", "x")) == TryLater("rate", timedelta(seconds=60))
    assert len(api.asked) == 1


def test_three_failures_in_a_row_leave_the_rest(api: Api, channel: TelegramChannel) -> None:
    api.script["sendMessage"] = [refusal(500)] * 3
    assert sent(channel, chunk(*"12345")) == dict.fromkeys(range(3), Unknown("server_error"))


def test_stopping(api: Api, channel: TelegramChannel) -> None:
    log = Log(stop=lambda: len(api.asked) >= 1)
    channel.send(chunk("1", "2"), log)
    assert list(log.outcomes) == log.intents == [0]


def test_what_the_log_refuses_is_not_sent(api: Api, channel: TelegramChannel) -> None:
    class Lost(Log):
        def intent(self, delivery_id: int) -> None:
            raise RuntimeError("the lease is lost")

    with pytest.raises(RuntimeError, match="lease"):
        channel.send(chunk("1"), Lost())
    assert api.asked == []


def test_a_chat_that_moved_is_followed(api: Api, channel: TelegramChannel) -> None:
    api.script["sendMessage"] = [refusal(400, "upgraded", migrate_to_chat_id=-1009)]
    assert channel.reply(answer("-9", "一", "二")) == Accepted("2")
    assert [each.fields["chat_id"] for each in api.asked] == ["-9", "-1009", "-1009"]


def test_buttons(api: Api, channel: TelegramChannel) -> None:
    buttons = (Button("はい", "tok"), Button("開く", url="https://r.example/m/1"))
    channel.reply(answer("7", Message("?", buttons)))
    assert api.asked[0].json("reply_markup") == {
        "inline_keyboard": [
            [{"text": "はい", "callback_data": "tok"}],
            [{"text": "開く", "url": "https://r.example/m/1"}],
        ]
    }


def test_an_answer_goes_on_where_it_broke_off(api: Api, channel: TelegramChannel) -> None:
    whole = answer("7", "一", "二", "三")
    api.script["sendMessage"] = [lambda asked: (200, {"ok": True, "result": api.success(asked)})]
    api.script["sendMessage"] += [refusal(500)]
    assert channel.reply(whole) == Unknown("server_error")
    assert isinstance(channel.reply(whole), Accepted)
    assert channel.reply(whole) == Accepted()
    assert api.texts("7") == ["一", "二", "二", "三"]


def test_a_picture_is_uploaded_once(api: Api, channel: TelegramChannel) -> None:
    outcomes = sent(channel, chunk("1", "2", pictures=(picture("a"),)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes.values())
    first, second = api.to("sendPhoto")
    assert list(first.files.values()) == [b"bytes of a"]
    assert second.files == {}
    assert second.fields["photo"] == "photo-1"
    assert "本文" in second.fields["caption"]


def test_simultaneous_slots_upload_once(api: Api, channel: TelegramChannel) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: sent(channel, chunk(str(n), pictures=(picture("a"),))), range(4)))
    assert sum(bool(each.files) for each in api.to("sendPhoto")) == 1


def test_an_album_then_the_text(api: Api, channel: TelegramChannel) -> None:
    work = chunk("1", "2", pictures=(picture("a"), picture("b")))
    assert sent(channel, work)[0] == Accepted("3")
    first, second = api.to("sendMediaGroup")
    assert sorted(first.files.values()) == [b"bytes of a", b"bytes of b"]
    assert [each["media"] for each in second.json("media")] == ["photo-1", "photo-2"]
    assert len(api.to("sendMessage")) == 2


def test_photos_that_went_are_not_sent_again(api: Api, channel: TelegramChannel) -> None:
    work = chunk("1", pictures=(picture("a"), picture("b")))
    api.script["sendMessage"] = [refusal(500), HANG]
    assert sent(channel, work) == {0: Unknown("server_error")}
    assert sent(channel, work) == {0: Unknown("no_answer")}
    assert isinstance(sent(channel, work)[0], Accepted)
    assert len(api.to("sendMediaGroup")) == 1
    assert len(api.to("sendMessage")) == 3


def test_a_file_id_that_is_refused_is_uploaded_anew(api: Api, channel: TelegramChannel) -> None:
    sent(channel, chunk("1", pictures=(picture("a"),)))
    api.script["sendPhoto"] = [refusal(400, "Bad Request: wrong file identifier specified")]
    assert isinstance(sent(channel, chunk("2", pictures=(picture("a"),)))[0], Accepted)
    assert [bool(each.files) for each in api.to("sendPhoto")] == [True, False, True]


BAD_PICTURES = (
    refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
    refusal(400, "Bad Request: IMAGE_PROCESS_FAILED"),
    refusal(400, "Bad Request: file of size 10485761 bytes is too big for a photo"),
    refusal(413, "Request Entity Too Large"),
)


@pytest.mark.parametrize("told", BAD_PICTURES)
def test_a_notice_arrives_without_a_picture_that_is_refused(
    api: Api, channel: TelegramChannel, told: Any
) -> None:
    api.script["sendPhoto"] = [told]
    outcomes = sent(channel, chunk("1", "2", pictures=(picture("a"),)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes.values())
    # It is not tried again for the rest of the chunk.
    assert [each.method for each in api.asked] == ["sendPhoto", "sendMessage", "sendMessage"]
    for number, chat in enumerate(("1", "2")):
        text = api.texts(chat)[-1]
        assert "本文" in text
        assert f"https://r.example/m/{number}" in text


def test_a_file_that_is_refused_again_after_its_upload(api: Api, channel: TelegramChannel) -> None:
    sent(channel, chunk("1", pictures=(picture("a"),)))
    wrong = refusal(400, "Bad Request: wrong file identifier/HTTP URL specified")
    api.script["sendPhoto"] = [wrong, wrong]
    assert isinstance(sent(channel, chunk("2", pictures=(picture("a"),)))[0], Accepted)
    assert [each.method for each in api.asked][1:] == ["sendPhoto", "sendPhoto", "sendMessage"]


def test_an_album_that_is_refused_leaves_the_text(api: Api, channel: TelegramChannel) -> None:
    told = 'Bad Request: failed to send message #1 with the error message "IMAGE_PROCESS_FAILED"'
    api.script["sendMediaGroup"] = [refusal(400, told)]
    api.script["sendMessage"] = [refusal(500)]
    work = chunk("1", "2", pictures=(picture("a"), picture("b")))
    outcomes = sent(channel, work)
    assert outcomes[0] == Unknown("server_error")
    assert isinstance(outcomes[1], Accepted)
    assert len(api.to("sendMediaGroup")) == 1
    assert len(api.to("sendMessage")) == 2


def test_the_text_instead_of_a_picture_keeps_the_pace(
    api: Api, channel: TelegramChannel, time: Time
) -> None:
    api.script["sendPhoto"] = [BAD_PICTURES[0], refusal(429, "Too Many Requests", retry_after=60)]
    api.script["sendMessage"] = [refusal(429, "Too Many Requests", retry_after=60)]
    work = chunk("1", pictures=(picture("a"),))
    assert sent(channel, work) == {0: TryLater("rate", timedelta(seconds=60))}
    time.now += 61
    assert sent(channel, work) == {0: TryLater("rate", timedelta(seconds=60))}
    time.now += 61
    assert isinstance(sent(channel, work)[0], Accepted)


def test_an_answer_arrives_without_a_picture_that_is_refused(
    api: Api, channel: TelegramChannel
) -> None:
    api.script["sendPhoto"] = list(BAD_PICTURES[:2])
    buttons = (Button("はい", "tok"),)
    assert channel.reply(answer("7", Message("?", buttons, (picture("a"),)))) == Accepted("1")
    assert api.texts("7") == ["?", "?"]
    assert "reply_markup" in api.asked[-1].fields
    assert channel.reply(answer("7", Message("", (), (picture("a"),)))) == Refused("bad_picture")


def test_a_refusal_of_a_person_is_not_one_of_the_picture(
    api: Api, channel: TelegramChannel
) -> None:
    api.script["sendPhoto"] = [refusal(403, "Forbidden: bot was blocked by the user")]
    outcomes = sent(channel, chunk("1", "2", pictures=(picture("a"),)))
    assert outcomes[0] == Refused("blocked")
    assert len(api.to("sendPhoto")) == 2
