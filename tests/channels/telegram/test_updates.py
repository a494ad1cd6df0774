"""What updates mean; whatever comes, nothing is raised and nothing silently lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update

from channels.base import Incoming
from channels.telegram.updates import DOWNLOAD_LIMIT, parse, read
from tests.channels.telegram.api import NOW

PRIVATE = {"id": 77, "type": "private", "first_name": "花子"}
GROUP = {"id": -5, "type": "group", "title": "PTA"}
DATE = 1795482000
AT = datetime.fromtimestamp(DATE, UTC)


def message(**content: Any) -> dict[str, Any]:
    whole = {"message_id": 3, "date": DATE, "chat": PRIVATE, "from": PRIVATE, **content}
    return {"update_id": 900, "message": whole}


def photo(*sizes: tuple[str, int, int]) -> list[dict[str, Any]]:
    return [{"file_id": n, "width": w, "height": w, "file_size": s} for n, w, s in sizes]


def event(update: Any) -> Incoming:
    return read(update, NOW)


def test_a_text() -> None:
    assert event(message(text="/start K7Q3")) == Incoming(
        "telegram", "telegram", "update:900", "77", "text", AT, text="/start K7Q3"
    )


def test_a_photo_in_its_largest_size_that_can_be_fetched() -> None:
    sizes = photo(("s", 90, 100), ("l", 1280, 9000), ("huge", 9999, DOWNLOAD_LIMIT + 1))
    found = event(message(photo=sizes, caption="足の写真"))
    assert (found.kind, found.media, found.text) == ("picture", "l", "足の写真")


def test_a_photo_too_large_to_fetch_is_something_else() -> None:
    assert event(message(photo=photo(("x", 9, DOWNLOAD_LIMIT + 1)))).kind == "other"


def test_an_image_sent_as_a_file() -> None:
    document = {"file_id": "d", "mime_type": "image/heic", "file_size": 5}
    found = event(message(document=document))
    assert (found.kind, found.media) == ("picture", "d")
    assert event(message(document={"file_id": "d", "mime_type": "application/pdf"})).kind == "other"


@pytest.mark.parametrize("part", ["sticker", "voice", "contact", "location", "video_note", "dice"])
def test_whatever_else_a_person_sends(part: str) -> None:
    found = event(message(**{part: {"file_id": "x"}}))
    assert (found.kind, found.sender, found.raw) == ("other", "77", b"")


def test_a_pressed_button() -> None:
    press = {"id": "42", "from": PRIVATE, "data": "tok", "message": message(text="?")["message"]}
    found = event({"update_id": 1, "callback_query": press})
    assert (found.kind, found.sender, found.token) == ("button", "77", "tok")
    assert (found.answer_token, found.at) == ("callback:42", NOW)


def test_a_button_whose_message_is_gone() -> None:
    press = {"id": "42", "from": {"id": 8}, "data": "tok"}
    assert event({"update_id": 1, "callback_query": press}).sender == "8"


def test_a_button_in_a_group_is_not_served() -> None:
    press = {"id": "42", "from": {"id": 8}, "data": "tok", "message": {"chat": GROUP}}
    assert event({"update_id": 1, "callback_query": press}).kind == "unserved"


@pytest.mark.parametrize(("status", "kind"), [("kicked", "unfollow"), ("member", "follow")])
def test_blocked_and_back(status: str, kind: str) -> None:
    change = {"chat": PRIVATE, "date": DATE, "new_chat_member": {"status": status}}
    found = event({"update_id": 1, "my_chat_member": change})
    assert (found.kind, found.sender, found.at) == (kind, "77", AT)


def test_added_to_a_group() -> None:
    change = {"chat": GROUP, "date": DATE, "new_chat_member": {"status": "member"}}
    assert event({"update_id": 1, "my_chat_member": change}).kind == "unserved"


def test_a_chat_that_moved() -> None:
    found = event(message(chat=GROUP, migrate_to_chat_id=-1001))
    assert (found.kind, found.sender, found.text) == ("moved", "-5", "-1001")


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
def test_groups_are_not_served(kind: str) -> None:
    assert event(message(chat={"id": -9, "type": kind}, text="x")).kind == "unserved"


def test_what_telegram_itself_says_is_not_served() -> None:
    assert event(message(pinned_message={"message_id": 1})).kind == "unserved"


@pytest.mark.parametrize(
    "kind", sorted(set(Update.ALL_TYPES) - {"message", "callback_query", "my_chat_member"})
)
def test_known_kinds_of_no_use(kind: str) -> None:
    assert event({"update_id": 4, kind: {}}).kind == "unserved"


@pytest.mark.parametrize(
    "update",
    [
        {"update_id": 4, "thought": {}},
        {"update_id": 4},
        {"update_id": 4, "message": []},
        {"update_id": 4, "message": {"chat": PRIVATE}},
        message(chat={"id": "77", "type": "private"}, text="x"),
        message(text=5),
        message(hologram={}),
        {"update_id": 4, "callback_query": {"id": 5, "from": PRIVATE, "data": "x"}},
        {"update_id": 4, "my_chat_member": {"chat": PRIVATE, "new_chat_member": {"status": "?"}}},
    ],
)
def test_what_is_not_understood_is_kept(update: dict[str, Any]) -> None:
    body = json.dumps(update).encode()
    found = parse(body, NOW)
    assert (found.kind, found.raw, found.sender) == ("unknown", body, "")
    assert found.event_id == f"update:{update['update_id']}"


def test_a_body_that_is_no_json() -> None:
    for body in (b"\xff", b"[" * 100_000, b"", b"null", b'{"message": {}}'):
        found = parse(body, NOW)
        assert found.kind == "unknown"
        assert found.event_id.startswith("sha256:")
        assert found == parse(body, NOW)


def test_what_no_database_holds_is_taken_out() -> None:
    assert parse(json.dumps(message(text="a\ud800\0b")).encode(), NOW).text == "a?b"


@pytest.mark.parametrize("date", [0, -(10**18), 10**18, "soon", None, True])
def test_a_strange_date_is_ours(date: Any) -> None:
    assert event(message(text="x", date=date)).at == NOW


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
parts = st.sampled_from(
    ["chat", "from", "text", "photo", "document", "date", "id", "data", "message", "type"]
)


@given(
    st.fixed_dictionaries({"update_id": values}),
    st.sampled_from(Update.ALL_TYPES),
    st.dictionaries(parts, values | st.dictionaries(parts, values)) | values,
)
def test_nothing_is_raised(start: dict[str, Any], kind: str, content: Any) -> None:
    found = parse(json.dumps({**start, kind: content}).encode(), NOW)
    assert found.event_id
    assert (found.kind == "unknown") == bool(found.raw)


@given(st.binary() | values.map(lambda value: json.dumps(value).encode()))
def test_no_body_is_too_strange(body: bytes) -> None:
    assert parse(body, NOW).event_id
