"""What comes in by every channel: proven, once, and never the end of anything."""

from __future__ import annotations

import json

import pytest

from channels.base import RawRequest
from tests.channels.contract.rig import Leaves, Talks
from tests.channels.contract.stage import Actor, Stage

NONSENSE = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"7",
    b'"text"',
    b"\xff\xfe",
    b'{"events": 7}',
    b'{"events": [7, null, {}, {"type": "message"}], "destination": []}',
    b'{"update_id": "x", "message": 7}',
    b'{"update_id": 1, "message": {"chat": [], "from": 7, "text": {}}}',
    b'{"update_id": 2, "callback_query": {"id": 7, "data": null}}',
    b'{"id": "x", "text": 7, "token": []}',
    b'{"a": ' + b"[" * 100_000,
    json.dumps({"events": [{"type": "message", "message": {"type": "text"}}]}).encode(),
)


@pytest.fixture
def guardian(stage: Stage, talks: Talks) -> Actor:
    return Actor(stage, talks, talks.person(1))


def test_what_is_not_proven_is_refused_and_not_kept(stage: Stage, talks: Talks) -> None:
    forged = talks.forgeries(talks.person(1))
    assert forged
    for call in forged:
        assert stage.calls(call).status == 403, call
    assert stage.waiting() == 0


def test_nonsense_is_taken_in_without_harm(stage: Stage, guardian: Actor) -> None:
    """A provider's is acknowledged, so that it does not come again; a browser's is refused."""
    talks = guardian.rig
    for body in NONSENSE:
        answer = stage.calls(talks.signed(guardian.address, body))
        assert answer.status == talks.to_nonsense, body
    stage.goes_on()
    guardian.says("メニュー")
    guardian.hears("何をしますか")


def test_parsing_never_raises(talks: Talks) -> None:
    channel = talks.channel()
    headers = {"renrakumo-address": talks.person(1)}
    for body in NONSENSE:
        events = channel.parse(RawRequest(headers, body))
        assert all(event.channel == talks.name for event in events), body
        assert isinstance(channel.acknowledge(RawRequest(headers, body)), bytes)
    channel.close()


def test_an_event_that_comes_twice_is_one_turn(stage: Stage, guardian: Actor) -> None:
    guardian.rig.repeats()
    guardian.says("登録")
    assert len(guardian.newest) == 1
    guardian.says(stage.school_code)
    guardian.hears("第一小学校でよろしいですか")
    guardian.taps("はい")
    guardian.hears("お子さんの組")
    guardian.does_not_hear("期限が切れました", "わかりませんでした")


def test_an_event_that_comes_again_later_changes_nothing(stage: Stage, guardian: Actor) -> None:
    call = guardian.rig.text_event(guardian.address, "ヘルプ")
    for _ in range(3):
        assert stage.calls(call).status in (200, 202)
        stage.goes_on()
    guardian.looks()
    assert len(guardian.newest) == 1
    guardian.hears("いつでも使えます")


# Channels whose provider tells who comes and goes.


@pytest.fixture
def visitor(stage: Stage, leaves: Leaves) -> Actor:
    return Actor(stage, leaves, leaves.person(1))


def test_who_blocks_us_is_known_and_who_comes_back_is_welcome(
    stage: Stage, leaves: Leaves, visitor: Actor
) -> None:
    leaves.opens(visitor.address)
    stage.goes_on()
    visitor.looks()
    visitor.hears("はじめまして", "越谷市教育委員会", "学校ID")
    visitor.says(stage.school_code)
    visitor.hears("第一小学校でよろしいですか")
    stage.passes(minutes=5)
    leaves.leaves(visitor.address)
    stage.goes_on()
    assert stage.state(leaves.name, visitor.address) == "blocked"
    stage.passes(minutes=5)
    leaves.comes_back(visitor.address)
    stage.goes_on()
    visitor.looks()
    visitor.hears("おかえりなさい", "第一小学校でよろしいですか")
    assert stage.state(leaves.name, visitor.address) == "active"


def test_who_says_anything_can_be_reached_again(
    stage: Stage, leaves: Leaves, visitor: Actor
) -> None:
    """The event of coming back got lost on the way."""
    leaves.opens(visitor.address)
    stage.goes_on()
    stage.passes(minutes=1)
    leaves.leaves(visitor.address)
    stage.goes_on()
    stage.passes(minutes=1)
    stage.providers.door.app, app = None, stage.providers.door.app
    with pytest.raises(AssertionError):
        leaves.comes_back(visitor.address)
    stage.providers.door.app = app
    visitor.says("メニュー")
    visitor.hears("何をしますか")
    assert stage.state(leaves.name, visitor.address) == "active"


def test_an_answer_to_who_has_just_blocked_us_is_lost_and_harms_nobody(
    stage: Stage, leaves: Leaves, visitor: Actor
) -> None:
    leaves.says(visitor.address, "メニュー")
    leaves.leaves(visitor.address)
    other = Actor(stage, leaves, leaves.person(2))
    other.says("メニュー")
    other.hears("何をしますか")
    assert stage.state(leaves.name, visitor.address) == "blocked"


def test_an_event_that_nobody_knows_is_kept_for_a_person_to_see(
    stage: Stage, leaves: Leaves, visitor: Actor
) -> None:
    call = leaves.unheard_of(visitor.address)
    for _ in range(2):
        assert stage.calls(call).status == 200
    assert stage.waiting() == 1
    stage.goes_on()
    assert (stage.waiting(), stage.parked()) == (0, 1)
    visitor.says("メニュー")
    visitor.hears("何をしますか")
    visitor.does_not_hear("申し訳ありません")
