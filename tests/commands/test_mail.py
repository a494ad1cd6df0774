"""`mail dkim-new`: the key, the record to publish, and what stops a careless hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import dkim
import pytest
from click import ClickException
from click.testing import CliRunner, Result

from app import main
from channels.base import Recipient
from channels.email.dkim import read_signer
from channels.email.message import Sender, template
from channels.registry import DkimSettings
from commands.channel_settings import channel_settings
from settings import SettingsApart
from tests.channels.email.test_message import BULK

MAIL = {"smtp_url": "smtp://relay.example.jp", "mail_from": "連絡網 <renraku@city.example.jp>"}


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RENRAKUMO_VAR_DIR", str(tmp_path))


def made(out: Path, *more: str) -> Result:
    return CliRunner().invoke(
        main, ["mail", "dkim-new", "--selector", "r2026a", "--out", str(out), *more]
    )


def test_what_it_says_to_publish_verifies_what_the_key_signs(tmp_path: Path) -> None:
    path = tmp_path / "r2026a.pem"
    result = made(path, "--domain", "city.example.jp")
    assert result.exit_code == 0, result.output
    assert path.stat().st_mode & 0o777 == 0o600
    assert "r2026a._domainkey.city.example.jp. IN TXT (" in result.output
    assert f"RENRAKUMO_DKIM_KEY_FILE={path}" in result.output
    strings = re.findall(r'"([^"]*)"', result.output)
    assert max(map(len, strings)) <= 255
    signer = read_signer("city.example.jp", "r2026a", path)
    mail = template(BULK, Sender("renraku@city.example.jp", ""), signer=signer)
    message = mail.wire(Recipient(1, "a@b.jp", "x@y.jp", "", ""), "a@b.jp")
    assert dkim.verify(message, dnsfunc=lambda *_, **__: "".join(strings).encode())


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "r2026a.pem"
    path.write_text("in use")
    result = made(path, "--domain", "city.example.jp")
    assert (result.exit_code, path.read_text()) == (1, "in use")
    assert "never written over" in result.output


def test_the_domain_is_the_sender_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "RENRAKUMO_MAIL_FROM" in made(tmp_path / "a.pem").output
    monkeypatch.setenv("RENRAKUMO_MAIL_FROM", MAIL["mail_from"])
    assert "r2026a._domainkey.city.example.jp." in made(tmp_path / "a.pem").output


def test_a_bad_name_makes_no_key(tmp_path: Path) -> None:
    result = made(tmp_path / "a.pem", "--domain", "city; DROP")
    assert result.exit_code == 1
    assert not (tmp_path / "a.pem").exists()


def test_the_settings_of_a_signature(tmp_path: Path) -> None:
    whole = {"dkim_domain": "city.example.jp", "dkim_selector": "r2026a"}
    assert _dkim(whole) is None  # the relay signs
    file = {"dkim_key_file": tmp_path / "key.pem"}
    assert _dkim({**whole, **file}) == DkimSettings(
        "city.example.jp", "r2026a", tmp_path / "key.pem"
    )
    with pytest.raises(ClickException, match="needs RENRAKUMO_DKIM_DOMAIN"):
        _dkim(file)


def _dkim(values: Mapping[str, object]) -> DkimSettings | None:
    mail = channel_settings(SettingsApart.model_validate({**MAIL, **values})).email
    assert mail is not None
    return mail.dkim
