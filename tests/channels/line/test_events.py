"""What LINE posts, read tolerantly: nothing is lost and nothing is raised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import linebot.v3.webhooks.models.event as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Incoming, Kind, RawRequest
from channels.line.events import UNSERVED, read
from tests.channels.line.kit import event, person, request

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
SERVED = {"message", "postback", "follow", "unfollow", "accountLink"}


def parsed(*events: Any) -> list[Incoming]:
    return read(request(*events), "line", lambda: NOW)


def only(*events: Any) -> Incoming:
    (found,) = parsed(*events)
    return found


def message(**content: Any) -> dict[str, Any]:
    return event("message", replyToken="reply-1", message={"id": "444", **content})


def test_a_text() -> None:
    found = only(message(type="text", text="はい😀", emojis=[{"index": 0}], mention={}))
    assert found == Incoming(
        channel="line",
        account="line",
        event_id="01HEXAMPLE0000000000000001",
        sender=person(1),
        kind="text",
        at=datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC),
        text="はい😀",
        answer_token="reply-1",
    )


@pytest.mark.parametrize("kind", ["sticker", "audio", "video", "location", "file"])
def test_what_is_no_text(kind: str) -> None:
    found = only(message(type=kind))
    assert (found.kind, found.answer_token) == ("other", "reply-1")


def test_a_picture() -> None:
    found = only(message(type="image", contentProvider={"type": "line"}))
    assert (found.kind, found.media) == ("picture", "444")


def test_a_picture_that_lies_elsewhere() -> None:
    provider = {"type": "external", "originalContentUrl": "https://example.jp/x"}
    found = only(message(type="image", contentProvider=provider))
    assert (found.kind, found.media) == ("other", "")


def test_a_button() -> None:
    found = only(event("postback", replyToken="r", postback={"data": "tok", "params": {}}))
    assert (found.kind, found.token, found.answer_token) == ("button", "tok", "r")


def test_follow_and_unfollow() -> None:
    followed = only(event("follow", replyToken="r", follow={"isUnblocked": True}))
    assert (followed.kind, followed.answer_token) == ("follow", "r")
    left = only(event("unfollow"))
    assert (left.kind, left.answer_token) == ("unfollow", "")


@pytest.mark.parametrize("result", ["ok", "failed"])
def test_an_account_link(result: str) -> None:
    found = only(event("accountLink", link={"result": result, "nonce": "n-1"}))
    assert (found.kind, found.text, found.token) == ("link", result, "n-1")


def test_a_link_that_failed_names_nobody() -> None:
    """The reference: "If the link failed, the event has no source and no reply token"."""
    failed = event("accountLink", link={"result": "failed", "nonce": "n-1"})
    del failed["source"]
    found = only(failed)
    assert (found.kind, found.text, found.token, found.sender) == ("link", "failed", "n-1", "")
    fine = event("accountLink", link={"result": "ok", "nonce": "n-1"})
    del fine["source"]
    assert only(fine).kind == "unknown"


@pytest.mark.parametrize("kind", sorted(UNSERVED))
def test_known_events_without_use_for_us(kind: str) -> None:
    assert only(event(kind)).kind == "unserved"


def test_every_type_that_the_sdk_knows_is_known_here() -> None:
    known = vars(sdk.Event)["_Event__discriminator_value_class_map"]
    assert set(known.default if hasattr(known, "default") else known) <= SERVED | UNSERVED


@pytest.mark.parametrize("source", [{"type": "group", "groupId": "C1"}, {"type": "room"}])
def test_groups_are_not_served(source: dict[str, str]) -> None:
    found = only({**message(type="text", text="x"), "source": source | {"userId": person(1)}})
    assert (found.kind, found.text, found.answer_token) == ("unserved", "", "")
    assert only({**message(type="text", text="x"), "source": source}).sender == ""


def test_in_standby_somebody_else_answers() -> None:
    assert only({**message(type="text", text="x"), "mode": "standby"}).kind == "unserved"


def test_the_trial_person_of_older_consoles() -> None:
    source = {"type": "user", "userId": "U" + "deadbeef" * 4}
    assert only({**message(type="text", text="Hello"), "source": source}).kind == "unserved"


def test_verify_sends_no_events() -> None:
    assert parsed() == []


def test_several_people_in_one_call() -> None:
    found = parsed(event("follow", 1), {"type": "hologram"}, event("unfollow", 2))
    assert [one.kind for one in found] == ["follow", "unknown", "unfollow"]
    assert [one.sender for one in found] == [person(1), "", person(2)]


@pytest.mark.parametrize(
    "odd",
    [
        event("hologram"),
        event("message"),
        message(type="text"),
        message(type="text", text=5),
        message(type="hologram"),
        message(text="x"),
        message(type="image", id=5),
        message(type="image", id="../../etc"),
        event("postback", postback={}),
        event("postback", postback="x"),
        event("accountLink", link={"result": "perhaps", "nonce": "n"}),
        event("accountLink", link={"result": "ok"}),
        event("follow", source=None),
        event("follow", source={"type": "user"}),
        event("follow", source={"type": "user", "userId": "Uxyz"}),
        event("follow", source={"type": "user", "userId": person(1) + "\n"}),
    ],
)
def test_what_is_not_understood_is_kept(odd: dict[str, Any]) -> None:
    found = only(odd)
    assert found.kind == "unknown"
    assert json.loads(found.raw) == odd
    assert found.event_id == odd["webhookEventId"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'{"events":{}}',
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_a_body_that_makes_no_sense(body: bytes) -> None:
    (found,) = read(RawRequest({}, body), "line", lambda: NOW)
    assert (found.kind, found.raw, found.at) == ("unknown", body, NOW)
    assert len(found.event_id) == 64


@pytest.mark.parametrize("depth", range(800, 1100, 5))
def test_however_deep_it_is_nested(depth: int) -> None:
    body = b'{"events":[{"type":' + b"[" * depth + b"]" * depth + b"}]}"
    (found,) = read(RawRequest({}, body), "line", lambda: NOW)
    assert found.kind == "unknown"
    assert found.raw


@pytest.mark.parametrize("timestamp", [None, "1700000000000", True, -1, 1.5, 10**30, 10**15])
def test_without_a_readable_time_it_is_now(timestamp: object) -> None:
    assert only({**event("follow"), "timestamp": timestamp}).at == NOW


@pytest.mark.parametrize("given_id", [None, 5, "", "a b", "x\x00", "x" * 65])
def test_without_a_readable_id_the_event_names_itself(given_id: object) -> None:
    first = only({**event("follow"), "webhookEventId": given_id})
    again = only({**event("follow"), "webhookEventId": given_id})
    other = only({**event("unfollow"), "webhookEventId": given_id})
    assert first.event_id == again.event_id != other.event_id


def test_half_a_surrogate_pair_is_made_harmless() -> None:
    assert only(message(type="text", text="\ud83d")).text == "�"
    assert only(message(type="text", text="\ud83d\ude00")).text == "😀"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = ["type", "source", "message", "postback", "link", "timestamp", "mode", "webhookEventId"]
WILD = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(FIELDS, JSON),
        "type": st.sampled_from(sorted(SERVED | UNSERVED)) | JSON,
        "source": st.just({"type": "user", "userId": person(1)}) | JSON,
        "message": st.fixed_dictionaries(
            {"type": st.sampled_from(["text", "image", "sticker"]) | JSON},
            optional={"id": JSON, "text": JSON, "contentProvider": JSON},
        )
        | JSON,
        "postback": st.fixed_dictionaries({"data": JSON}) | JSON,
        "link": st.fixed_dictionaries({"result": JSON, "nonce": JSON}) | JSON,
        "replyToken": JSON,
    },
)


@given(events=st.lists(WILD | JSON, max_size=4))
def test_one_incoming_for_each_event_whatever_it_is(events: list[Any]) -> None:
    found = parsed(*events)
    assert len(found) == len(events)
    for one in found:
        assert one.kind in get_args(Kind)
        assert one.event_id
        assert bool(one.raw) == (one.kind == "unknown")
        (one.text + one.token + one.media + one.answer_token).encode()


@given(body=st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    for one in read(RawRequest({}, body), "line", lambda: NOW):
        assert one.kind == "unknown"


def test_no_sdk_is_needed_to_read() -> None:
    source = Path(read.__code__.co_filename).read_text(encoding="utf-8")
    assert "import linebot" not in source
    assert "from linebot" not in source
