"""Writes docs/settings.md from the settings: `python -m commands.settings_page`."""

from __future__ import annotations

from pathlib import Path

from settings import PREFIX, Settings

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
HEAD = """# Settings

Read from the environment by `settings.py`, and nowhere else. This page is made by
`python -m commands.settings_page`; a test fails when it and the code differ. What the board itself
decides is in [board settings](board-settings.md).

| variable | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The page as it should be now."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return HEAD + "".join(rows)


def _shown(default: object) -> str:
    return "" if default in (None, "") else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page())
