"""`board show` and `board set`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import main
from settings import PREFIX


@pytest.fixture
def run(tmp_path: Path) -> object:
    environment = {
        f"{PREFIX}VAR_DIR": str(tmp_path),
        f"{PREFIX}DATABASE_URL": f"sqlite:///{tmp_path / 'x.db'}",
    }

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), env=environment)

    assert call("init").exit_code == 0
    return call


def test_the_board_turns_telegram_on(run: object) -> None:
    assert callable(run)
    changed = run("board", "set", "telegram=on", "privacy=headline", "undo_seconds=10")
    assert changed.exit_code == 0, changed.output
    chosen = json.loads(run("board", "show", "--json").stdout)
    assert (chosen["telegram"], chosen["privacy"], chosen["undo_seconds"]) == (True, "headline", 10)
    assert "telegram" in run("board", "show").output


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("colour=red", "there is no setting colour"),
        ("telegram=perhaps", "on, off"),
        ("telegram", "on, off"),
        ("privacy=none", "full, headline"),
        ("undo_seconds=-1", "whole numbers"),
        ("undo_seconds=x", "whole numbers"),
        ("over_quota=1", "mail, refuse, send"),
    ],
)
def test_what_cannot_be_is_said_plainly(run: object, pair: str, said: str) -> None:
    assert callable(run)
    refused = run("board", "set", pair)
    assert refused.exit_code == 1
    assert said in refused.output
