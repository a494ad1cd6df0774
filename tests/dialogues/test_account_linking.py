"""An invitation code typed by LINE leads to a page; what the provider proves ends it."""

from __future__ import annotations

import pytest

from actions import linking, staff
from actions.linking import LinkStart
from bot.dialogues.invitation import welcome_words
from domain import paths, tokens
from domain.roles import Role
from domain.wording import render
from storage.database import Database
from tests.databases import SECRET, Clock
from tests.dialogues.kit import Bot, Town


@pytest.fixture
def town(database: Database, clock: Clock) -> Town:
    return Town(database, clock).opens()


def code_for(town: Town) -> str:
    with town.database.writing() as tx:
        invited = staff.invite(tx, town.board_id, Role.OPERATOR, town.school_id, "山田")
    assert isinstance(invited, staff.Invited)
    return invited.code


def test_a_code_by_line_leads_to_the_page(town: Town) -> None:
    person = town.person("U" + "1" * 32, "line")
    bot = Bot(person)
    person.says(code_for(town))
    bot.answers("第一小学校 メール運用者", "10分以内")
    bot.does_not_say("山田")
    (button,) = person.newest[-1].buttons
    assert (button.label, button.token) == ("本人確認のページを開く", "")
    (link_id,) = tokens.unseal(SECRET, paths.ACCOUNT_LINK, button.url.split("/")[-1]) or (0,)
    with town.database.writing() as tx:
        started = linking.start(tx, link_id)
        assert isinstance(started, LinkStart)
        welcome = linking.finish(tx, person.contact_id, started.nonce, ok=True)
    assert isinstance(welcome, staff.StaffWelcome)
    assert "山田さん" in render(welcome_words(welcome), "ja")


def test_a_wrong_code_by_line_is_asked_for_again(town: Town) -> None:
    person = town.person("U" + "1" * 32, "line")
    bot = Bot(person)
    person.says("S222-3333-4444-5555")
    bot.answers("この招待コードは使えません", "招待コードを送ってください")
    person.says(code_for(town))
    bot.answers("10分以内")


def test_elsewhere_a_code_is_accepted_at_once(town: Town) -> None:
    person = town.person("somebody")
    person.says(code_for(town))
    Bot(person).answers("山田さん", "第一小学校 メール運用者")


def test_a_link_that_failed_is_told_where_the_code_was_typed(town: Town) -> None:
    person = town.person("U" + "1" * 32, "line")
    person.says(code_for(town))
    (button,) = person.newest[-1].buttons
    (link_id,) = tokens.unseal(SECRET, paths.ACCOUNT_LINK, button.url.split("/")[-1]) or (0,)
    with town.database.writing() as tx:
        started = linking.start(tx, link_id)
    assert isinstance(started, LinkStart)
    # LINE says neither who it was nor gives a reply token (see channels/line/events.py).
    nobody = town.person("", "line")
    nobody.writes("link", text="failed", token=started.nonce)
    nobody.writes("link", text="failed", token="made-up")
    town.takes_turns()
    person.listens()
    Bot(person).answers("LINEで確認できませんでした")
    assert town.parked() == 0
