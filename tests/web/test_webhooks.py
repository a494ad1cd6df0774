"""Webhooks: verified, stored once, acknowledged; with a made-up provider and the real channels."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from sqlalchemy import event, select

from channels.base import Channel, Incoming, RawRequest, Webhook
from channels.line.channel import LineChannel
from channels.registry import LineAccount
from channels.telegram.channel import TelegramChannel
from channels.webchat.channel import WebchatChannel
from storage import inbox
from storage.inbox import InboxItem
from storage.tables import Inbox
from tests.databases import START
from tests.web.town import Town
from web import webhooks

SECRET = "a channel secret"
LINE = "/webhooks/line"
PERSON = "U" + "1" * 32


class Provider(WebchatChannel):
    """A provider whose events are `kind:sender:event` lines, and whose signature is "good"."""

    name = "line"

    def __init__(self) -> None:
        super().__init__(lambda: START)
        self.requests: list[RawRequest] = []

    def verify(self, request: RawRequest) -> bool:
        self.requests.append(request)
        return request.headers.get("x-signature") == "good"

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        lines = [line.split(":") for line in request.body.decode().splitlines()]
        account = request.account or "line"
        return [
            Incoming("line", account, number, sender, kind, START + timedelta(0, int(number)))  # type: ignore[arg-type]
            for kind, sender, number in lines
        ]

    def acknowledge(self, request: RawRequest) -> bytes:
        return json.dumps({"bytes": len(request.body)}).encode()

    def webhook(self, account: str) -> Webhook:
        return Webhook()

    def read_again(self, account: str, raw: bytes) -> Incoming:
        return self.parse(RawRequest({}, raw, account))[0]


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def client(town: Town, provider: Provider) -> FlaskClient:
    other = WebchatChannel(lambda: START)
    return town.client(None, channels={"line": provider, "webchat": other, "email": other})


def stored(town: Town) -> list[InboxItem]:
    with town.database.reading() as tx:
        rows = tx.session.scalars(select(Inbox.id).order_by(Inbox.id))
        return [inbox.read(tx, number) for number in rows]


def send(client: FlaskClient, body: bytes | str, path: str = LINE, **headers: str) -> int:
    return client.post(path, data=body, headers={"X-Signature": "good"} | headers).status_code


@contextmanager
def statements(town: Town) -> Iterator[list[str]]:
    """The SQL statements that are executed meanwhile."""
    seen: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement.split("(")[0].strip())

    event.listen(town.database.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(town.database.engine, "before_cursor_execute", note)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"channel": "line"} | labels) or 0


def test_what_came_is_verified_and_parsed_as_it_came(
    town: Town, client: FlaskClient, provider: Provider
) -> None:
    answer = client.post(LINE, data=b"text:a:1\n", headers={"X-SIGNATURE": "good"})
    assert (answer.status_code, answer.json) == (200, {"bytes": 9})
    assert answer.mimetype == "application/json"
    assert [item.sender for item in stored(town)] == ["a"]
    assert (provider.requests[0].body, provider.requests[0].account) == (b"text:a:1\n", "")


def test_headers_are_read_without_regard_to_case(town: Town, provider: Provider) -> None:
    seen: list[tuple[str | None, bool, bool, int]] = []

    class Curious(Provider):
        def verify(self, request: RawRequest) -> bool:
            headers = request.headers
            names = [name.lower() for name in headers]
            known = "x-SIGNATURE" in headers
            seen.append((headers.get("x-none"), known, "x-signature" in names, len(names)))
            return False

    send(town.client(None, channels={"line": Curious()}), b"")
    assert seen == [(None, True, True, 3)]


@pytest.mark.parametrize("headers", [{"X-Signature": "wrong"}, {"X-Signature": ""}])
def test_without_the_signature_nothing_is_stored_or_said(
    town: Town, client: FlaskClient, headers: dict[str, str]
) -> None:
    with statements(town) as seen:
        answer = client.post(LINE, data=b"text:a:1", headers=headers)
    assert (answer.status_code, answer.data, seen) == (403, b"", [])
    assert stored(town) == []
    assert client.post(LINE, data=b"text:a:1").status_code == 403


@pytest.mark.parametrize(
    "path", ["/webhooks/webchat", "/webhooks/email", "/webhooks/telegram", "/webhooks/x/y"]
)
def test_only_channels_that_are_on_and_have_webhooks(client: FlaskClient, path: str) -> None:
    assert send(client, b"text:a:1", path) == 404


def test_it_is_posted_and_not_fetched(client: FlaskClient) -> None:
    assert client.get(LINE).status_code == 405


def test_several_people_in_one_request_and_one_transaction(town: Town, client: FlaskClient) -> None:
    body = "".join(f"text:person{number % 7}:{number}\n" for number in range(100))
    with statements(town) as seen:
        assert send(client, body) == 200
    assert seen == ["BEGIN IMMEDIATE", "INSERT INTO inbox"]
    assert len(stored(town)) == 100


def test_duplicates_change_nothing(town: Town, client: FlaskClient) -> None:
    for body in ("text:a:1\ntext:a:1", "text:a:1", "text:a:2\ntext:a:1"):
        assert send(client, body) == 200
    assert len(stored(town)) == 2
    with town.database.writing() as tx:
        inbox.finish(tx, [1, 2])
    assert send(client, "text:a:1") == 200
    with town.database.reading() as tx:
        assert inbox.count(tx, "new") == 0


def test_the_same_event_of_another_account_is_another(town: Town, client: FlaskClient) -> None:
    assert send(client, "text:a:1") == send(client, "text:a:1", f"{LINE}/second") == 200
    assert [item.account for item in stored(town)] == ["line", "second"]


def test_no_events_touch_no_database(town: Town, client: FlaskClient) -> None:
    before = counted("renrakumo_webhook_events_total", kind="unserved")
    with statements(town) as seen:
        assert send(client, b"") == 200
        assert send(client, b"unserved:a:1") == 200
    assert seen == []
    assert counted("renrakumo_webhook_events_total", kind="unserved") == before + 1


def test_what_is_unknown_is_kept_and_what_is_unserved_is_not(
    town: Town, client: FlaskClient
) -> None:
    assert send(client, "unserved:a:1\nunknown::2\nfollow:a:3") == 200
    assert [item.kind for item in stored(town)] == ["unknown", "follow"]


def test_what_breaks_the_parser_is_kept_whole(town: Town, client: FlaskClient) -> None:
    for _ in range(2):
        assert send(client, b"\xff no lines at all") == 200
    (item,) = stored(town)
    assert (item.kind, item.sender, item.raw) == ("unknown", "", b"\xff no lines at all")
    assert item.account == "webchat"


def test_a_body_too_large_is_refused(town: Town, client: FlaskClient) -> None:
    assert send(client, b"x" * (webhooks.BODY_LIMIT + 1)) == 413
    assert send(client, b"unserved:a:1\n" * 10_000) == 200
    assert stored(town) == []


def test_a_database_that_fails_has_it_sent_again(
    town: Town, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "store_all", break_down)
        answer = client.post(LINE, data="text:a:1", headers={"X-Signature": "good"})
        assert (answer.status_code, answer.data) == (503, b"")
    assert send(client, "text:a:1") == 200
    assert len(stored(town)) == 1


def test_a_commit_that_fails_has_it_sent_again(town: Town, client: FlaskClient) -> None:
    def break_down(_connection: Any) -> None:
        raise OSError("disk full")

    event.listen(town.database.engine, "commit", break_down)
    with suppress(OSError):
        assert send(client, "text:a:1") == 503
    event.remove(town.database.engine, "commit", break_down)
    assert stored(town) == []
    assert send(client, "text:a:1") == 200


def test_it_takes_no_page_of_ours_and_knows_no_limit(town: Town, client: FlaskClient) -> None:
    codes = {send(client, f"text:a:{number}", Origin="https://x.example") for number in range(99)}
    assert codes == {200}


def test_the_time_to_acknowledge_is_measured(client: FlaskClient) -> None:
    before = counted("renrakumo_webhook_seconds_count")
    refused = counted("renrakumo_webhooks_total", status="403")
    send(client, "text:a:1")
    client.post(LINE, data=b"")
    assert counted("renrakumo_webhook_seconds_count") == before + 2
    assert counted("renrakumo_webhooks_total", status="403") == refused + 1


# The real channels.


def line() -> LineChannel:
    account = LineAccount("line", SECRET, access_token="t")
    second = LineAccount("second", "another secret", access_token="t")
    return LineChannel((account, second), "http://127.0.0.1:9")


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Line-Signature": base64.b64encode(digest).decode()}


def line_event(number: int, text: str = "こんにちは", sender: str = PERSON) -> dict[str, Any]:
    return {
        "type": "message",
        "mode": "active",
        "timestamp": int(START.timestamp() * 1000) + number,
        "source": {"type": "user", "userId": sender},
        "webhookEventId": f"01H{number:023}",
        "deliveryContext": {"isRedelivery": False},
        "replyToken": f"{number:032}",
        "message": {"id": str(number), "type": "text", "text": text, "quoteToken": "q"},
    }


def line_body(*events: object) -> bytes:
    whole = {"destination": "U" + "0" * 32, "events": events}
    return json.dumps(whole, ensure_ascii=False).encode()


def on(town: Town, channel: Channel) -> FlaskClient:
    return town.client(None, channels={channel.name: channel})


def test_line(town: Town) -> None:
    client = on(town, line())
    other = "U" + "2" * 32
    body = line_body(line_event(1), line_event(2, "第\n二", other), line_event(1))
    answer = client.post(LINE, data=body, headers=signed(body))
    assert answer.status_code == 200
    assert isinstance(answer.json, dict)
    first, second = stored(town)
    assert (first.channel, first.account, first.sender) == ("line", "line", PERSON)
    assert (first.text, first.answer_token, first.at.timestamp()) == (
        "こんにちは",
        f"{1:032}",
        START.timestamp() + 0.001,
    )
    assert (second.sender, second.text) == (other, "第\n二")


def test_lines_signature_covers_every_byte(town: Town) -> None:
    client = on(town, line())
    body = line_body(line_event(1))
    for given, headers in (
        (body + b" ", signed(body)),
        (body, signed(body, "another secret")),
        (body, {"X-Line-Signature": "é"}),
        (body, {}),
    ):
        assert client.post(LINE, data=given, headers=headers).status_code == 403
    assert client.post(f"{LINE}/nobody", data=body, headers=signed(body)).status_code == 403
    assert stored(town) == []
    another = signed(body, "another secret")
    assert client.post(f"{LINE}/second", data=body, headers=another).status_code == 200
    assert [item.account for item in stored(town)] == ["second"]


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (line_body(), []),
        (b"no JSON", ["unknown"]),
        (b"", ["unknown"]),
        (line_body({"type": "novel", "webhookEventId": "e"}), ["unknown"]),
        (line_body(line_event(1) | {"message": 5}), ["unknown"]),
        (line_body(line_event(1) | {"source": {"type": "group", "groupId": "C1"}}), []),
        (json.dumps({"events": [line_event(1, "\ud83d")]}).encode(), ["text"]),
    ],
)
def test_whatever_line_sends_is_kept_or_of_no_use(
    town: Town, body: bytes, kinds: list[str]
) -> None:
    client = on(town, line())
    assert client.post(LINE, data=body, headers=signed(body)).status_code == 200
    assert [item.kind for item in stored(town)] == kinds


def test_telegram(town: Town) -> None:
    client = on(town, TelegramChannel("1:token", "a-secret", "http://127.0.0.1:9"))
    update = {
        "update_id": 7,
        "message": {
            "message_id": 1,
            "date": int(START.timestamp()),
            "chat": {"id": 4711, "type": "private", "first_name": "A"},
            "from": {"id": 4711, "is_bot": False, "first_name": "A"},
            "text": "/start",
        },
    }
    secret = {"X-Telegram-Bot-Api-Secret-Token": "a-secret"}
    path = "/webhooks/telegram"
    for _ in range(2):
        assert client.post(path, json=update, headers=secret).status_code == 200
    wrong = {"X-Telegram-Bot-Api-Secret-Token": "wrong"}
    assert client.post(path, json=update | {"update_id": 8}, headers=wrong).status_code == 403
    assert client.post(path, json=update | {"update_id": 9}).status_code == 403
    (item,) = stored(town)
    assert (item.channel, item.sender, item.kind, item.text) == (
        "telegram",
        "4711",
        "text",
        "/start",
    )
