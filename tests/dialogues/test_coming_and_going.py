"""Opening, blocking and unblocking a conversation, a chat that moves, and what nobody knows."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from actions import audit
from domain.roles import Role
from storage import people
from storage.tables import AuditEntry, ContactPoint, Inbox, Reply
from tests.dialogues.kit import Bot, Person, Town


@pytest.fixture
def friend(town: Town) -> Person:
    return town.person("friend", "line")


def test_who_opens_the_conversation_is_told_what_this_is(town: Town, friend: Person) -> None:
    friend.opens()
    bot = Bot(friend)
    bot.answers("はじめまして", "越谷市教育委員会", "学校ID", "何をしますか", "登録")
    assert len(friend.newest) == 1
    assert friend.state() == "active"
    friend.says(town.school_code)
    bot.answers("第一小学校でよろしいですか")


def test_blocking_and_coming_back(town: Town, friend: Person) -> None:
    friend.opens()
    friend.says(town.school_code)
    town.clock.forward(minutes=5)
    assert friend.blocks() == ""
    assert (friend.state(), friend.dialogue()) == ("blocked", "register")
    town.clock.forward(minutes=5)
    friend.opens()
    Bot(friend).answers("おかえりなさい", "まだ済んでいません", "第一小学校でよろしいですか")
    Bot(friend).does_not_say("はじめまして")
    assert friend.state() == "active"


def test_who_was_registered_before_is_still(town: Town, friend: Person) -> None:
    friend.opens()
    for words in (town.school_code, "はい", "3-2", "なし", "いいえ", "完了", "登録する", "なし"):
        friend.says(words)
    town.clock.forward(minutes=5)
    friend.blocks()
    town.clock.forward(minutes=5)
    friend.opens()
    Bot(friend).answers("おかえりなさい", "登録はそのまま", "何をしますか")


def test_staff_are_registered_too(town: Town) -> None:
    teacher = town.staff("山田 先生", Role.OPERATOR)
    teacher.blocks()
    town.clock.forward(minutes=5)
    teacher.opens()
    Bot(teacher).answers("おかえりなさい", "登録はそのまま")


def test_old_news_changes_nothing(town: Town, friend: Person) -> None:
    friend.opens()
    assert friend.blocks(minutes_ago=5) == ""
    assert friend.state() == "active"
    town.clock.forward(minutes=10)
    friend.blocks()
    assert friend.opens(minutes_ago=3) == ""
    assert friend.state() == "blocked"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text", {"text": "メニュー"}),
        ("button", {"token": "x"}),
        ("picture", {"media": "x"}),
        ("other", {}),
    ],
)
def test_whoever_says_anything_can_be_reached_again(
    town: Town, friend: Person, kind: str, content: dict[str, str]
) -> None:
    friend.blocks()
    town.clock.forward(minutes=1)
    friend.writes(kind, 0, **content)
    town.takes_turns()
    assert friend.state() == "active"
    assert "何をしますか" in friend.listens() or kind == "button"


def test_what_was_said_before_blocking_does_not_undo_it(town: Town, friend: Person) -> None:
    friend.blocks()
    friend.said("メニュー", minutes_ago=3)
    assert friend.state() == "blocked"


def test_start_is_a_welcome_and_interrupts_nothing(town: Town) -> None:
    friend = town.person("friend", "webchat")
    friend.says("/start")
    Bot(friend).answers("はじめまして", "何をしますか")
    friend.says(f"/start {town.school_code}")
    Bot(friend).answers("第一小学校でよろしいですか")
    friend.says("/start")
    Bot(friend).answers("途中です", "第一小学校でよろしいですか")
    for command, answer in (("/help", "いつでも使える"), ("/menu", "途中です")):
        friend.says(command)
        Bot(friend).answers(answer)
    friend.says("/cancel")
    Bot(friend).answers("やめました")


def test_a_chat_that_moves_keeps_its_person_and_dialogue(town: Town, friend: Person) -> None:
    friend.says(town.school_code)
    friend.writes("moved", text="elsewhere")
    town.takes_turns()
    assert friend.listens() == ""
    moved = town.person("elsewhere", "line")
    moved.says("はい")
    Bot(moved).answers("お子さんの組")
    assert moved.contact_id == friend.contact_id
    with town.database.reading() as tx:
        assert people.open_address(tx, people.contact(tx, moved.contact_id)) == "elsewhere"


def test_a_chat_moves_to_nobody_elses_place(town: Town, friend: Person) -> None:
    other = town.person("other", "line")
    assert other.contact_id != friend.contact_id
    friend.writes("moved", text="other")
    town.person("nobody", "line").writes("moved", text="anywhere")
    town.takes_turns()
    with town.database.reading() as tx:
        points = tx.session.scalars(select(ContactPoint)).all()
        assert sorted(people.open_address(tx, point) for point in points) == ["friend", "other"]


def test_what_nobody_understands_is_set_aside(town: Town, friend: Person) -> None:
    before = REGISTRY.get_sample_value("renrakumo_unknown_events_total", {"channel": "line"}) or 0
    for sender in ("friend", "", ""):
        town.person(sender, "line").writes("unknown", raw=b'{"type": "novel"}')
    friend.says("メニュー")
    Bot(friend).answers("何をしますか")
    Bot(friend).does_not_say("申し訳ありません")
    assert town.parked() == 3
    with town.database.reading() as tx:
        query = select(AuditEntry).where(AuditEntry.verb == "park_event")
        assert [entry.details for entry in tx.session.scalars(query)] == [{"channel": "line"}] * 3
        assert all(tx.session.scalars(select(Inbox.payload_cipher).where(Inbox.state == "parked")))
        assert tx.session.scalar(select(func.count()).select_from(Reply)) == 1
        assert audit.verify(tx) == []
    after = REGISTRY.get_sample_value("renrakumo_unknown_events_total", {"channel": "line"})
    assert after == before + 3
