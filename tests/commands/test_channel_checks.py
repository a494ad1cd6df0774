"""`doctor` and the channels: nothing is ✓ where nothing comes in or goes out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions import boards
from domain.speech import speak
from domain.wording import say
from storage import people, replies
from tests.commands.conftest import Install
from tests.commands.installed import PUBLIC, Installation
from tests.line_standin import SECRET, TOKEN, LineStandin
from tests.telegram_standin import TelegramStandin

LINE = f"{PUBLIC}/webhooks/line"
TELEGRAM = f"{PUBLIC}/webhooks/telegram"


def with_line(install: Install, standin: LineStandin, **more: str) -> Installation:
    of_line = {
        "line_channel_secret": SECRET,
        "line_channel_access_token": TOKEN,
        "line_api_url": standin.url,
    }
    return install(**of_line | more)


def with_telegram(install: Install, standin: TelegramStandin, **more: str) -> Installation:
    of_telegram = {
        "telegram_bot_token": standin.token,
        "telegram_webhook_secret": "hush",
        "telegram_api_url": f"http://127.0.0.1:{standin.port}",
    }
    made = install(**of_telegram | more)
    with made.house.database.writing() as tx:
        boards.change_settings(tx, made.house.board_id, telegram=True)
    return made


def sends_to(line: LineStandin, url: str) -> None:
    assert line.api("PUT", "/v2/bot/channel/webhook/endpoint", {"endpoint": url})[0] == 200


# LINE.


@pytest.mark.parametrize("url", [LINE, f"{LINE}/line"])
def test_line_is_well(install: Install, line: LineStandin, url: str) -> None:
    sends_to(line, url)
    found = with_line(install, line).doctor()
    assert found["LINE line"] == (False, "on; 0 sent this month, without limit")
    assert found["LINE line webhook"] == (False, f"LINE sends to {url}")
    assert "public address" not in found


@pytest.mark.parametrize("url", ["", "https://elsewhere.example/webhooks/line", f"{LINE}/x"])
def test_line_sends_elsewhere(install: Install, line: LineStandin, url: str) -> None:
    if url:
        sends_to(line, url)
    wrong, words = with_line(install, line).doctor()["LINE line webhook"]
    assert wrong
    assert words == f"LINE sends to {url or 'nowhere'}: set {LINE} in LINE Developers"


def test_line_sends_nothing(install: Install, line: LineStandin) -> None:
    """The stand-in has no such switch, so its answer is given here as LINE documents it."""
    body = {"endpoint": LINE, "active": False}
    line.fault(path="webhook/endpoint$", status=200, body=body)
    wrong, words = with_line(install, line).doctor()["LINE line webhook"]
    assert (wrong, "Use webhook" in words) == (True, True)


def test_line_refuses_the_token(install: Install, line: LineStandin) -> None:
    found = with_line(install, line, line_channel_access_token="old").doctor()
    assert found["LINE line"] == (True, "on, but LINE refused the token: set the right one")
    assert "LINE line webhook" not in found


def test_nothing_answers_where_line_should_be(install: Install, line: LineStandin) -> None:
    found = with_line(install, line, line_api_url="http://127.0.0.1:1").doctor()
    assert found["LINE line"] == (True, "on, but nothing answers at http://127.0.0.1:1")


def test_a_used_up_quota_says_how_many_answers_wait(install: Install, line: LineStandin) -> None:
    line.control("POST", "/quota", {"quota": 0})
    city = with_line(install, line)
    with city.house.database.writing() as tx:
        board = city.house.board_id
        for friend in line.friends(2):
            contact = people.contact_point(tx, board, "line", "line", friend)
            replies.queue(tx, contact.id, speak(say("bot.parked")))
        for answer in replies.claim(tx, "line", timedelta(minutes=1)):
            replies.wait_for_quota(tx, answer, tx.now + timedelta(minutes=30))
    wrong, words = city.doctor()["LINE line"]
    assert wrong
    assert words == "on; 0 of 0 sent this month: used up; 2 answers wait"


def test_menus_that_were_never_brought_are_told_and_not_wrong(
    install: Install, line: LineStandin
) -> None:
    city = with_line(install, line)
    wrong, words = city.doctor()["LINE line rich menus"]
    assert (wrong, "renrakumo line menu sync" in words) == (False, True)
    assert city.run("line", "menu", "sync").exit_code == 0
    assert city.doctor()["LINE line rich menus"] == (False, "there")


# Telegram.


def test_telegram_is_told_where_to_send(install: Install, telegram: TelegramStandin) -> None:
    city = with_telegram(install, telegram)
    wrong, words = city.doctor()["Telegram"]
    assert wrong
    assert words == f"Telegram sends to nowhere, not to {TELEGRAM}: run `renrakumo telegram sync`"
    assert city.run("telegram", "sync").exit_code == 0
    assert city.doctor()["Telegram"] == (False, "on, by webhook; 0 wait")


def test_what_telegram_cannot_hand_over_is_wrong(
    install: Install, telegram: TelegramStandin
) -> None:
    city = with_telegram(install, telegram)
    city.run("telegram", "sync")
    (person,) = telegram.people(count=1)
    telegram.act(person, "says", text="こんにちは")
    wrong, words = city.doctor()["Telegram"]
    assert wrong
    assert words.startswith("on, by webhook; 1 wait; last error ")


def test_polling_gets_nothing_beside_a_webhook(install: Install, telegram: TelegramStandin) -> None:
    telegram.result("setWebhook", url=f"{PUBLIC}/elsewhere")
    city = with_telegram(install, telegram, telegram_mode="polling")
    wrong, words = city.doctor()["Telegram"]
    assert wrong
    assert "polling gets nothing" in words
    assert city.run("telegram", "sync").exit_code == 0
    assert city.doctor()["Telegram"] == (False, "on, by polling; 0 wait")


def test_telegram_refuses_the_token(install: Install, telegram: TelegramStandin) -> None:
    found = with_telegram(install, telegram, telegram_bot_token="1:old").doctor()
    assert found["Telegram"] == (True, "on, but Telegram refused the token: set the right one")


def test_telegram_waits_for_the_board(install: Install, telegram: TelegramStandin) -> None:
    city = with_telegram(install, telegram)
    assert city.run("board", "set", "telegram=off").exit_code == 0
    wrong, words = city.doctor()["Telegram"]
    assert (wrong, "the board has not turned it on" in words) == (False, True)


# What is half set.


@pytest.mark.parametrize(
    ("settings", "check", "missing"),
    [
        ({"line_channel_secret": "s"}, "LINE", "access token or the channel ID"),
        ({"line_channel_access_token": "t"}, "LINE", "RENRAKUMO_LINE_CHANNEL_SECRET"),
        ({"line_accounts_file": "/nowhere"}, "LINE", "cannot be read"),
        ({"telegram_webhook_secret": "s"}, "Telegram", "RENRAKUMO_TELEGRAM_BOT_TOKEN"),
        ({"telegram_bot_token": "1:x"}, "Telegram", "RENRAKUMO_TELEGRAM_WEBHOOK_SECRET"),
        ({"smtp_url": "smtp://relay"}, "mail", "RENRAKUMO_MAIL_FROM"),
        ({"mail_from": "a@city.example"}, "mail", "RENRAKUMO_SMTP_URL"),
        ({"smtp_url": "relay", "mail_from": "a@city.example"}, "mail", "smtp://"),
        ({"mail_in_domain": "in.city.example"}, "mail intake", "RENRAKUMO_MAIL_IN_LISTEN"),
    ],
)
def test_what_is_half_set_is_wrong_and_doctor_goes_on(
    install: Install, settings: dict[str, str], check: str, missing: str
) -> None:
    found = install(**settings).doctor()
    wrong, words = found[check]
    assert wrong
    assert missing in words
    assert {"mail", "LINE", "Telegram", "web chat", "inbox", "records"} <= set(found)
    assert [name for name, (is_wrong, _) in found.items() if is_wrong] == [check]


def test_run_does_not_begin_with_what_is_half_set(install: Install) -> None:
    result = install(line_channel_secret="s").run("run")
    assert result.exit_code == 1
    assert "needs its channel secret, and an access token or the channel ID" in result.output
