"""The Telegram stand-in's methods: it must refuse what the Bot API refuses, and keep count."""

import json
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from tests.telegram_standin import TOKEN, TelegramStandin, sent, telegram_standin

FORM = "application/x-www-form-urlencoded"


def picture(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    out = BytesIO()
    Image.new("RGB", (width, height), "navy").save(out, kind)
    return out.getvalue()


def upload(
    telegram: TelegramStandin, method: str, values: dict[str, Any], **files: bytes
) -> dict[str, Any]:
    """A multipart request, written out as it goes over the wire."""
    edge = uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    for name, data in files.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{name}.png"'
        kind = "Content-Type: image/png"
        parts.append(f"--{edge}\r\n{head}\r\n{kind}\r\n\r\n".encode() + data + b"\r\n")
    body = b"".join(parts) + f"--{edge}--\r\n".encode()
    return telegram.ask(method, body, f"multipart/form-data; boundary={edge}")[1]


def keyboard(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"inline_keyboard": [[button] for button in buttons]}


@pytest.fixture
def person(telegram: TelegramStandin) -> str:
    return telegram.people(count=1)[0]


@pytest.fixture(scope="module")
def slow() -> Iterator[TelegramStandin]:
    with telegram_standin("--rate=4", "--chat-burst=2") as standin:
        yield standin


def test_who_the_bot_is(telegram: TelegramStandin) -> None:
    me = telegram.result("getMe")
    assert (me["id"], me["is_bot"], me["username"]) == (123456, True, "renraku_bot")


def test_every_way_to_ask(telegram: TelegramStandin, person: str) -> None:
    query = urllib.parse.urlencode({"chat_id": person, "text": "一"})
    assert telegram.ask(f"sendMessage?{query}", None, "")[0] == 200
    assert telegram.ask("SENDMESSAGE", query.encode(), FORM)[0] == 200
    assert upload(telegram, "sendMessage", {"chat_id": person, "text": "一"})["ok"]
    assert telegram.result("sendmessage", chat_id=int(person), text="一")["text"] == "一"
    assert telegram.texts(person) == ["一"] * 4
    assert telegram.stats()["methods"]["sendmessage"] == {"200": 4}


def test_wrong_token_and_unknown_method(telegram: TelegramStandin) -> None:
    request = urllib.request.Request(f"{telegram.url}{TOKEN}x/getMe")
    wrong = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    assert sent(request) == (401, wrong)
    assert telegram.ask("sendPigeon", None, "")[0] == 404
    assert telegram.ask("sendMessage", b"{", "application/json")[0] == 400


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("", "Bad Request: message text is empty"),
        (" \n ", "Bad Request: message text is empty"),
        ("あ" * 4097, "Bad Request: message is too long"),
        ("🍎" * 2049, "Bad Request: message is too long"),
        ("あ" * 4096, None),
        ("🍎" * 2048 + "  ", None),
    ],
)
def test_lengths(
    telegram: TelegramStandin, person: str, text: str, description: str | None
) -> None:
    answer = telegram.call("sendMessage", chat_id=person, text=text)
    assert answer.get("description") == description


@pytest.mark.parametrize(
    ("button", "description"),
    [
        ({"text": "a", "callback_data": "あ" * 21}, None),
        ({"text": "a", "callback_data": "あ" * 22}, "Bad Request: BUTTON_DATA_INVALID"),
        ({"text": "a", "callback_data": ""}, "Bad Request: BUTTON_DATA_INVALID"),
        ({"text": "a", "url": "https://renraku.example/p/1"}, None),
        ({"text": "a", "url": "http://127.0.0.1:8000/p"}, "Bad Request: BUTTON_URL_INVALID"),
        ({"text": "a", "url": "http://192.168.1.4/p"}, "Bad Request: BUTTON_URL_INVALID"),
        (
            {"text": "a", "url": "http://localhost/p"},
            "Bad Request: inline keyboard button URL 'http://localhost/p' is invalid: "
            "Wrong HTTP URL",
        ),
        ({"text": "a"}, "Bad Request: text buttons are unallowed in the inline keyboard"),
        (
            {"callback_data": "x"},
            'Bad Request: can\'t parse inline keyboard button: Field "text" must be of type String',
        ),
    ],
)
def test_buttons(
    telegram: TelegramStandin, person: str, button: dict[str, Any], description: str | None
) -> None:
    answer = telegram.call(
        "sendMessage", chat_id=person, text="a", reply_markup=json.dumps(keyboard(button))
    )
    assert answer.get("description") == description


def test_too_many_buttons(telegram: TelegramStandin, person: str) -> None:
    many = keyboard(*({"text": "a", "callback_data": str(n)} for n in range(101)))
    answer = telegram.call("sendMessage", chat_id=person, text="a", reply_markup=many)
    assert answer["description"] == "Bad Request: reply markup is too long"
    answer = telegram.call("sendMessage", chat_id=person, text="a", reply_markup="[1]")
    assert answer["description"] == "Bad Request: object expected as reply markup"
    answer = telegram.call("sendMessage", chat_id=person, text="a", parse_mode="HTML")
    assert answer["description"] == "Bad Request: unsupported parse_mode"


def test_who_cannot_be_written_to(telegram: TelegramStandin) -> None:
    stranger, blocker, gone = telegram.people(1, 2, 3, started=False)
    telegram.people(blocker, gone)
    telegram.act(blocker, "block")
    telegram.act(gone, "deactivate")
    words = {
        stranger: (403, "Forbidden: bot can't initiate conversation with a user"),
        blocker: (403, "Forbidden: bot was blocked by the user"),
        gone: (403, "Forbidden: user is deactivated"),
        "4": (400, "Bad Request: chat not found"),
        "@school": (400, "Bad Request: chat not found"),
        "": (400, "Bad Request: chat_id is empty"),
    }
    for chat, (code, description) in words.items():
        answer = telegram.call("sendMessage", chat_id=chat, text="a")
        assert (answer["error_code"], answer["description"]) == (code, description)
    telegram.act(blocker, "unblock")
    assert telegram.call("sendMessage", chat_id=blocker, text="a")["ok"]


def test_a_group_that_became_a_supergroup(telegram: TelegramStandin) -> None:
    telegram.people(-55)
    telegram.act(-55, "migrate")
    answer = telegram.call("sendMessage", chat_id=-55, text="a")
    assert answer["description"] == "Bad Request: group chat was upgraded to a supergroup chat"
    moved = answer["parameters"]["migrate_to_chat_id"]
    assert telegram.result("sendMessage", chat_id=moved, text="a")["chat"]["type"] == "supergroup"


def test_a_photo_and_its_file_id(telegram: TelegramStandin, person: str) -> None:
    first = upload(
        telegram, "sendPhoto", {"chat_id": person, "caption": "遠足"}, photo=picture(1600, 1200)
    )["result"]
    sizes = first["photo"]
    assert [size["width"] for size in sizes] == [320, 800, 1280]
    again = telegram.result("sendPhoto", chat_id=person, photo=sizes[-1]["file_id"])
    assert again["photo"] == sizes
    assert first["caption"] == "遠足"
    stats = telegram.stats()
    assert (stats["uploads"], stats["reuses"]) == (1, 1)
    assert Image.open(BytesIO(telegram.get(f"/files/{sizes[0]['file_id']}"))).size == (320, 240)


def test_a_file_is_fetched_while_its_link_is_good(telegram: TelegramStandin, person: str) -> None:
    given = b64encode(picture()).decode()
    telegram.act(person, "sends-picture", picture=given)
    message = telegram.result("getUpdates")[0]["message"]
    file = telegram.result("getFile", file_id=message["photo"][-1]["file_id"])
    url = f"{telegram.file_url}{TOKEN}/{file['file_path']}"
    with urllib.request.urlopen(url, timeout=5) as response:
        data = response.read()
    assert (len(data), Image.open(BytesIO(data)).size) == (file["file_size"], (40, 30))
    telegram.advance(3601)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(url, timeout=5)
    wrong = telegram.call("getFile", file_id="nothing")
    assert wrong["description"] == "Bad Request: invalid file_id"


@pytest.mark.parametrize(
    ("photo", "description"),
    [
        (b"no picture", "IMAGE_PROCESS_FAILED"),
        (picture(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (b"x" * (10 * 1024 * 1024 + 1), "file of size 10485761 bytes is too big for a photo"),
    ],
)
def test_what_is_no_photo(
    telegram: TelegramStandin, person: str, photo: bytes, description: str
) -> None:
    answer = upload(telegram, "sendPhoto", {"chat_id": person}, photo=photo)
    assert answer["error_code"] == 400
    assert answer["description"].startswith(f"Bad Request: {description}")


@pytest.mark.parametrize(
    ("values", "description"),
    [
        ({"photo": "nothing"}, "wrong file identifier/HTTP URL specified"),
        ({"photo": "https://renraku.example/1.jpg"}, "failed to get HTTP URL content"),
        ({"photo": "attach://nothing"}, "file attached in the request is not found"),
        ({}, "there is no photo in the request"),
        ({"photo": "nothing", "caption": "あ" * 1025}, "message caption is too long"),
    ],
)
def test_wrong_photos(
    telegram: TelegramStandin, person: str, values: dict[str, str], description: str
) -> None:
    answer = telegram.call("sendPhoto", chat_id=person, **values)
    assert answer["description"] == f"Bad Request: {description}"


def test_an_album(telegram: TelegramStandin, person: str) -> None:
    media = [
        {"type": "photo", "media": "attach://a", "caption": "遠足"},
        {"type": "photo", "media": "attach://b"},
    ]
    values = {"chat_id": person, "media": json.dumps(media)}
    messages = upload(telegram, "sendMediaGroup", values, a=picture(), b=picture())["result"]
    assert len({message["media_group_id"] for message in messages}) == 1
    assert len(telegram.chat(person)) == 1
    assert telegram.received("遠足") == {person: 1}
    for few_or_many in (media[:1], media * 6, "x"):
        assert not telegram.call("sendMediaGroup", chat_id=person, media=few_or_many)["ok"]


def test_a_button_is_taken_away(telegram: TelegramStandin, person: str) -> None:
    button = keyboard({"text": "はい", "callback_data": "yes"})
    message = telegram.result("sendMessage", chat_id=person, text="a", reply_markup=button)
    where = {"chat_id": person, "message_id": message["message_id"]}
    same = telegram.call("editMessageReplyMarkup", **where, reply_markup=button)
    assert same["description"].startswith("Bad Request: message is not modified")
    assert "reply_markup" not in telegram.result("editMessageReplyMarkup", **where)
    answer = telegram.call("editMessageReplyMarkup", chat_id=person, message_id=1)
    assert answer["description"] == "Bad Request: message to edit not found"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        telegram.act(person, "presses", data="yes")
    assert [entry["via"] for entry in telegram.chat(person)] == ["send", "edit"]


def test_what_the_bot_says_of_itself(telegram: TelegramStandin) -> None:
    commands = [{"command": "menu", "description": "メニュー"}]
    assert telegram.result("setMyCommands", commands=json.dumps(commands)) is True
    assert telegram.result("getMyCommands") == commands
    assert telegram.result("getMyCommands", language_code="en") == []
    for wrong in ({"command": "Menü", "description": "a"}, {"command": "menu", "description": ""}):
        assert not telegram.call("setMyCommands", commands=[wrong])["ok"]
    assert telegram.result("setMyDescription", description="x" * 512)
    assert not telegram.call("setMyDescription", description="x" * 513)["ok"]
    assert telegram.result("getMyDescription") == {"description": "x" * 512}
    assert not telegram.call("setMyShortDescription", short_description="x" * 121)["ok"]


def test_chats_and_actions(telegram: TelegramStandin, person: str) -> None:
    assert telegram.result("getChat", chat_id=person)["type"] == "private"
    assert telegram.result("sendChatAction", chat_id=person, action="typing") is True
    assert not telegram.call("sendChatAction", chat_id=person, action="sleeping")["ok"]
    assert not telegram.call("getChat", chat_id=1)["ok"]


def test_one_chat_takes_a_burst_and_then_one_a_second(slow: TelegramStandin) -> None:
    slow.reset()
    slow.stop_clock()
    person = slow.people(count=1)[0]
    answers = [slow.call("sendMessage", chat_id=person, text="a") for _ in range(3)]
    assert [answer["ok"] for answer in answers] == [True, True, False]
    assert answers[2]["description"] == "Too Many Requests: retry after 1"
    assert answers[2]["parameters"] == {"retry_after": 1}
    slow.advance(1)
    assert slow.call("sendMessage", chat_id=person, text="a")["ok"]


def test_all_chats_together_have_a_rate(slow: TelegramStandin) -> None:
    slow.reset()
    slow.stop_clock()
    people = slow.people(count=6)
    answers = [slow.call("sendMessage", chat_id=person, text="a") for person in people]
    assert [answer.get("error_code") for answer in answers] == [None] * 4 + [429] * 2
    assert slow.call("answerCallbackQuery", callback_query_id="1")["error_code"] == 400
    assert slow.received("a") == dict.fromkeys(people[:4], 1)


def test_faults_on_order(telegram: TelegramStandin, person: str) -> None:
    telegram.fault(
        method="^sendmessage$",
        status=429,
        description="Too Many Requests: retry after 7",
        parameters={"retry_after": 7},
        times=1,
    )
    telegram.fault(method="getchat", status=502, body="<html>")
    answer = telegram.call("sendMessage", chat_id=person, text="a")
    assert answer["parameters"] == {"retry_after": 7}
    assert telegram.call("sendMessage", chat_id=person, text="a")["ok"]
    with pytest.raises(json.JSONDecodeError):
        telegram.call("getChat", chat_id=person)
    assert len(json.loads(telegram.get("/faults"))) == 2
    telegram.end_faults()
    assert telegram.call("getChat", chat_id=person)["ok"]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        telegram.fault(method="x")


@pytest.mark.parametrize(("drop", "count"), [("before", {}), ("after", {"1": 1})])
def test_an_answer_that_never_comes(
    telegram: TelegramStandin, drop: str, count: dict[str, int]
) -> None:
    telegram.people(1)
    telegram.fault(method="sendMessage", match="^1$", drop=drop)
    with pytest.raises((OSError, urllib.error.URLError)):
        telegram.call("sendMessage", chat_id=1, text="届いた")
    assert telegram.received("届いた") == count
