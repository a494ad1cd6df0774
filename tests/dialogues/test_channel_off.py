"""Where the board has not turned a channel on, one kind line is all that is said there."""

from __future__ import annotations

import pytest

from actions import boards
from domain.roles import Role
from storage import people
from tests.dialogues.kit import Bot, Person, Town


@pytest.fixture
def stranger(town: Town) -> Person:
    return town.person("4711", "telegram")


def test_nothing_is_done_there(town: Town, stranger: Person) -> None:
    for words in (town.school_code, "はい", "メニュー", "/start", f"/start {town.school_code}"):
        stranger.says(words)
        Bot(stranger).answers("いま、この窓口は使っていません")
        assert len(stranger.newest) == 1
        assert stranger.newest[0].buttons == ()
    assert stranger.dialogue() is None


def test_staff_decide_nothing_there(town: Town, principal: Person, teacher: Person) -> None:
    town.families()
    for words in ("作成", "4", "1", "件名", "本文", "なし", "いますぐ", "承認を依頼"):
        teacher.says(words)
    principal.listens()
    turn_telegram(town, True)
    elsewhere = town.staff("校長", Role.MANAGER, channel="telegram")
    turn_telegram(town, False)
    elsewhere.says("承認 1-1")
    Bot(elsewhere).answers("使っていません")
    elsewhere.presses(principal.buttons["承認"])
    Bot(elsewhere).answers("使っていません")
    Bot(elsewhere).does_not_say("承認しました")
    principal.taps("承認")
    Bot(principal).answers("承認しました")


def test_who_opens_and_blocks_is_still_noted(town: Town, stranger: Person) -> None:
    stranger.opens()
    Bot(stranger).answers("使っていません")
    Bot(stranger).does_not_say("はじめまして")
    town.clock.forward(minutes=1)
    assert stranger.blocks() == ""
    assert stranger.state() == "blocked"
    with town.database.reading() as tx:
        assert people.contact(tx, stranger.contact_id).state_at == town.clock()


def test_it_works_once_the_board_turns_it_on(town: Town, stranger: Person) -> None:
    stranger.says("/start")
    turn_telegram(town, True)
    stranger.says("/start")
    Bot(stranger).answers("はじめまして", "何をしますか")


def turn_telegram(town: Town, on: bool) -> None:
    with town.database.writing() as tx:
        boards.change_settings(tx, town.board_id, telegram=on)
