"""Every setting is documented, and every documented setting exists."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import ValidationError

from commands.settings_page import page
from domain.board_settings import BoardSettings
from settings import PREFIX, Settings, host_port
from tests.house.tree import ROOT

DOCUMENT = ROOT / "docs" / "settings.md"
BOARD_DOCUMENT = ROOT / "docs" / "board-settings.md"


def test_every_setting_is_documented() -> None:
    assert DOCUMENT.read_text() == page(), "run `python -m commands.settings_page`"


def test_every_board_setting_is_documented_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| .+ \|$", BOARD_DOCUMENT.read_text(), re.MULTILINE)
    words = {"True": "on", "False": "off"}
    defaults = {each.name: str(each.default) for each in fields(BoardSettings)}
    assert dict(rows) == {name: words.get(text, text) for name, text in defaults.items()}


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_says_what_it_is(field: str) -> None:
    assert Settings.model_fields[field].description


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().public_url = "http://elsewhere"


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}SECRET_KEY", "short")
    with pytest.raises(ValidationError):
        Settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}SECRET_KEY", "s" * 40)
    monkeypatch.setenv(f"{PREFIX}SMTP_URL", "smtp://user:hush@relay")
    shown = repr(Settings())
    assert "hush" not in shown
    assert "sss" not in shown


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    settings = Settings(var_dir=tmp_path / "var")
    assert settings.secret() == settings.secret()
    assert len(settings.secret()) >= 32
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "expected"), [("127.0.0.1:8000", ("127.0.0.1", 8000)), ("[::1]:25", ("::1", 25))]
)
def test_addresses_are_split(text: str, expected: tuple[str, int]) -> None:
    assert host_port(text) == expected


@pytest.mark.parametrize("text", ["", "8000", ":8000", "host:", "host:port"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        host_port(text)


def test_an_empty_secret_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.key").touch()
    with pytest.raises(ValueError, match="no key"):
        Settings(var_dir=tmp_path).secret()


def test_a_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}SECRET_KEY", "short-password")
    with pytest.raises(ValidationError) as error:
        Settings()
    assert "short-password" not in str(error.value)


def test_whoever_moves_the_folder_moves_the_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RENRAKUMO_VAR_DIR", str(tmp_path))
    assert Settings().database_url == f"sqlite:///{tmp_path}/renrakumo.db"
    monkeypatch.setenv("RENRAKUMO_DATABASE_URL", "postgresql+psycopg://city@/renrakumo")
    assert Settings().database_url == "postgresql+psycopg://city@/renrakumo"
