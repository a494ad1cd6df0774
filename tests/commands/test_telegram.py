"""`telegram sync` against the Telegram stand-in: what it sets, and what it says when it cannot."""

from __future__ import annotations

import pytest

from tests.commands.conftest import Install
from tests.commands.installed import Installation
from tests.commands.test_channel_checks import TELEGRAM, with_telegram
from tests.telegram_standin import TelegramStandin


@pytest.fixture
def city(install: Install, telegram: TelegramStandin) -> Installation:
    return with_telegram(install, telegram)


def test_the_webhook_and_the_commands_are_set(
    city: Installation, telegram: TelegramStandin
) -> None:
    result = city.run("telegram", "sync")
    assert (result.exit_code, result.output) == (0, "webhook set\n")
    assert telegram.result("getWebhookInfo")["url"] == TELEGRAM
    scope = {"type": "all_private_chats"}
    japanese = telegram.result("getMyCommands", scope=scope)
    english = telegram.result("getMyCommands", scope=scope, language_code="en")
    assert [one["command"] for one in japanese] == [one["command"] for one in english]
    assert japanese != english


def test_polling_takes_the_webhook_away(install: Install, telegram: TelegramStandin) -> None:
    assert with_telegram(install, telegram).run("telegram", "sync").exit_code == 0
    polling = with_telegram(install, telegram, telegram_mode="polling")
    result = polling.run("telegram", "sync")
    assert (result.exit_code, result.output) == (0, "webhook taken away: the intake polls\n")
    assert telegram.result("getWebhookInfo")["url"] == ""


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 401}, "Telegram refused the token: set the right one"),
        ({"status": 502}, "Telegram has a fault of its own: run this again later"),
        ({"drop": "before"}, "did not answer in time: run this again later"),
        (
            {"status": 429, "parameters": {"retry_after": 90}},
            "too many requests: run this again in 2 minutes",
        ),
        (
            {"status": 400, "description": "Bad Request: bad webhook: https is needed"},
            "Telegram did not take it: Bad Request: bad webhook: https is needed",
        ),
    ],
)
def test_what_telegram_does_not_take_is_said_plainly(
    city: Installation, telegram: TelegramStandin, fault: dict[str, object], said: str
) -> None:
    telegram.fault(method="setWebhook", **fault)
    result = city.run("telegram", "sync")
    assert result.exit_code == 1
    assert said in result.output
    assert "TryLater" not in result.output


def test_where_nothing_answers(install: Install, telegram: TelegramStandin) -> None:
    city = with_telegram(install, telegram, telegram_api_url="http://127.0.0.1:1")
    assert "nothing answers at http://127.0.0.1:1" in city.run("telegram", "sync").output


def test_invitations_lead_to_telegram_only_if_the_board_uses_it(city: Installation) -> None:
    def link() -> str | None:
        invited = city.json("staff", "invite", "--role", "board", "--name", "委員")
        found: str | None = invited["links"]["telegram"]
        return found

    assert (link() or "").startswith("https://t.me/")
    city.run("board", "set", "telegram=off")
    assert link() is None
