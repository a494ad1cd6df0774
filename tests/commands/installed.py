"""One installation in a folder of its own, as the commands see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from app import main
from commands.house import House
from settings import PREFIX, SettingsApart

PUBLIC = "https://renraku.example.jp"


class Installation:
    """Made ready; `settings` are those beside its folder, database and public address."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.values = {
            "var_dir": str(folder),
            "database_url": f"sqlite:///{folder / 'x.db'}",
            "public_url": PUBLIC,
            **settings,
        }
        self.house = House(SettingsApart.model_validate(self.values))
        self.house.prepare()

    def run(self, *arguments: str) -> Result:
        environment = {f"{PREFIX}{name.upper()}": value for name, value in self.values.items()}
        return CliRunner().invoke(main, list(arguments), env=environment)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def doctor(self) -> dict[str, tuple[bool, str]]:
        """What `doctor` found: whether it is wrong, and its words; several are put together."""
        result = self.run("doctor", "--json")
        assert result.exit_code in (0, 1), result.output
        found: dict[str, tuple[bool, str]] = {}
        for one in json.loads(result.stdout):
            wrong, words = found.get(one["check"], (False, ""))
            found[one["check"]] = (wrong or one["wrong"], f"{words} {one['words']}".strip())
        assert result.exit_code == int(any(wrong for wrong, _ in found.values()))
        return found
