"""From the environment to the channels: one LINE account, several, Telegram, and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click import ClickException
from click.testing import CliRunner

from app import main
from commands.channel_settings import channel_settings
from settings import PREFIX, SettingsApart


def _settings(**values: Any) -> SettingsApart:
    return SettingsApart.model_validate(values)


def test_nothing_set_is_nothing_on() -> None:
    settings = channel_settings(_settings())
    assert (settings.email, settings.line, settings.telegram) == (None, None, None)


def test_mail_is_sent_as_told() -> None:
    told = {"mail_ehlo_name": "mail.city.example.jp", "dns_servers": "127.0.0.1:5353"}
    settings = _settings(smtp_url="mx://192.0.2.1", mail_from="s@city.example.jp", **told)
    mail = channel_settings(settings).email
    assert mail is not None
    assert (mail.relays, mail.ehlo_name, mail.dns_servers) == ("mx://192.0.2.1", *told.values())


@pytest.mark.parametrize(
    "told",
    [
        {"mail_ehlo_name": "[203.0.113.5]"},
        {"mail_ehlo_name": "[IPv6:2001:db8::5]"},
        {"mail_from": "連絡網 <Renraku@City.Example.JP>"},
        {"mail_from": '"a..b"@docomo.ne.jp'},
    ],
)
def test_a_sender_as_headers_want_it(told: dict[str, str]) -> None:
    settings = _settings(**{"smtp_url": "mx://", "mail_from": "s@city.example.jp"} | told)
    mail = channel_settings(settings).email
    assert mail is not None
    assert {"mail_from": mail.mail_from, "mail_ehlo_name": mail.ehlo_name}.items() >= told.items()


def test_one_line_account() -> None:
    line = channel_settings(
        _settings(line_channel_secret="hush", line_channel_access_token="token")
    ).line
    assert line is not None
    assert [(a.name, a.channel_secret, a.access_token) for a in line.accounts] == [
        ("line", "hush", "token")
    ]
    assert line.api_url == "https://api.line.me"


def test_stateless_tokens_need_the_channel_id() -> None:
    line = channel_settings(_settings(line_channel_secret="hush", line_channel_id="16")).line
    assert line is not None
    assert line.accounts[0].channel_id == "16"
    with pytest.raises(ClickException, match="channel ID"):
        channel_settings(_settings(line_channel_secret="hush"))


def test_several_line_accounts(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    file.write_text(
        json.dumps(
            [
                {"name": "north", "channel_secret": "a", "channel_access_token": "b"},
                {"name": "south", "channel_secret": "c", "channel_id": "16"},
            ]
        )
    )
    line = channel_settings(_settings(line_accounts_file=file)).line
    assert line is not None
    assert [account.name for account in line.accounts] == ["north", "south"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "cannot be read"),
        ("{}", "a list"),
        ("[]", "a list"),
        ("[1]", "object"),
        ('[{"name": "N N", "channel_secret": "hush", "channel_id": "1"}]', "a name"),
        ('[{"name": "a", "channel_secret": "hush"}]', "needs its"),
        ('[{"name": "a", "channel_secret": "hush", "token": "x"}]', "unknown token"),
    ],
)
def test_an_accounts_file_that_is_wrong_is_said_plainly(
    tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "accounts.json"
    file.write_text(content)
    with pytest.raises(ClickException, match=said) as caught:
        channel_settings(_settings(line_accounts_file=file))
    assert "hush" not in caught.value.message


def test_two_accounts_with_one_name(tmp_path: Path) -> None:
    file = tmp_path / "accounts.json"
    one = {"name": "a", "channel_secret": "s", "channel_id": "1"}
    file.write_text(json.dumps([one, one]))
    with pytest.raises(ClickException, match="one name"):
        channel_settings(_settings(line_accounts_file=file))


def test_telegram() -> None:
    telegram = channel_settings(
        _settings(telegram_bot_token="1:x", telegram_api_url="http://127.0.0.1:1/")
    ).telegram
    assert telegram is not None
    assert (telegram.bot_token, telegram.webhook_secret) == ("1:x", "")
    assert telegram.api_url == "http://127.0.0.1:1"
    assert "1:x" not in repr(telegram)


def test_telegram_sync_says_what_is_missing(tmp_path: Path) -> None:
    environment = {
        f"{PREFIX}VAR_DIR": str(tmp_path),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}",
    }
    result = CliRunner().invoke(main, ["telegram", "sync"], env=environment)
    assert result.exit_code == 1
    assert "RENRAKUMO_TELEGRAM_BOT_TOKEN" in result.output
    environment[f"{PREFIX}TELEGRAM_BOT_TOKEN"] = "1:x"
    result = CliRunner().invoke(main, ["telegram", "sync"], env=environment)
    assert result.exit_code == 1
    assert "RENRAKUMO_TELEGRAM_WEBHOOK_SECRET" in result.output
