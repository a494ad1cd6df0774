"""Web chat as a channel: what a browser's request means, and messages that lie ready."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from channels.base import Bulk, Incoming, Message, RawRequest, Recipient, SendChunk
from channels.webchat.channel import SENDER, WebchatChannel, is_address, new_address
from domain.outcomes import Outcome, Placed
from tests.channels.answers import answer

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ADDRESS = "A" * 43
ID = str(uuid.UUID(int=7))
CHANNEL = WebchatChannel(lambda: NOW)


class Log:
    """Writes down outcomes, and stops after as many as asked."""

    def __init__(self, stop_after: int = 1000) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._stop_after = stop_after

    def intent(self, delivery_id: int) -> None:
        raise AssertionError("nothing is asked of anybody, so nothing is intended")

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        self.outcomes[delivery_id] = outcome

    def stopping(self) -> bool:
        return len(self.outcomes) >= self._stop_after


def parse(body: bytes, address: str = ADDRESS) -> list[Incoming]:
    return list(CHANNEL.parse(RawRequest({SENDER: address}, body)))


def said(**content: object) -> bytes:
    return json.dumps({"id": ID, **content}).encode()


def chunk(count: int) -> SendChunk:
    bulk = Bulk("みどり市", "中央小", "list", "件名", "本文", "ja")
    recipients = tuple(Recipient(n, ADDRESS, f"<{n}@x>", "", "") for n in range(count))
    return SendChunk(1, "webchat", "", bulk, recipients, uuid4())


def test_addresses_are_long_and_fresh() -> None:
    addresses = {new_address() for _ in range(100)}
    assert len(addresses) == 100
    assert all(map(is_address, addresses))


@pytest.mark.parametrize("address", ["", "A" * 42, "A" * 44, "A" * 42 + "\n", "あ" * 43])
def test_what_is_no_address_is_not_verified(address: str) -> None:
    assert not is_address(address)
    assert not CHANNEL.verify(RawRequest({SENDER: address}, b"{}"))


def test_a_request_without_address_is_not_verified() -> None:
    assert not CHANNEL.verify(RawRequest({}, b"{}"))
    assert CHANNEL.verify(RawRequest({SENDER: ADDRESS}, b"{}"))


def test_a_text() -> None:
    [incoming] = parse(said(text="こんにちは\nお世話になります"))
    assert (incoming.kind, incoming.text) == ("text", "こんにちは\nお世話になります")
    assert (incoming.channel, incoming.account, incoming.sender) == ("webchat", "webchat", ADDRESS)
    assert incoming.at == NOW


def test_a_button() -> None:
    [incoming] = parse(said(token="t0ken-_"))
    assert (incoming.kind, incoming.token) == ("button", "t0ken-_")


def test_a_picture() -> None:
    [incoming] = parse(said(picture=base64.b64encode(b"\x89PNG").decode()))
    assert (incoming.kind, incoming.picture) == ("picture", b"\x89PNG")


def test_the_same_id_is_the_same_event_only_for_the_same_person() -> None:
    [one], [same] = parse(said(text="a")), parse(said(text="a"))
    [other] = parse(said(text="a"), "B" * 43)
    assert one.event_id == same.event_id != other.event_id
    assert ADDRESS not in one.event_id
    assert len(one.event_id) <= 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'"text"',
        b'{"text": "a"}',
        b'{"id": 7, "text": "a"}',
        said(),
        said(text=""),
        said(text="\n　"),
        said(text="\0"),
        said(text="あ" * 5001),
        said(text=None),
        said(token=""),
        said(token="あ"),
        said(token="x" * 201),
        said(picture=""),
        said(picture="あ"),
        said(picture="AAA"),
        said(text="a", picture="AAAA"),
    ],
)
def test_what_makes_no_sense_is_nothing(body: bytes) -> None:
    assert parse(body) == []


def test_half_a_character_does_not_break_the_inbox() -> None:
    [incoming] = parse(b'{"id": "%s", "text": "a\\ud800b"}' % ID.encode())
    assert incoming.text == "a?b"


def test_messages_are_placed() -> None:
    log = Log()
    CHANNEL.send(chunk(3), log)
    assert log.outcomes == {0: Placed(), 1: Placed(), 2: Placed()}
    assert CHANNEL.reply(answer(ADDRESS, Message("はい"))) == Placed()
    CHANNEL.close()


def test_stopping_leaves_the_rest_waiting() -> None:
    log = Log(stop_after=2)
    CHANNEL.send(chunk(5), log)
    assert len(log.outcomes) == 2
