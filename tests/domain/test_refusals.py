"""Every refusal has its words, and every word a refusal."""

from __future__ import annotations

import re
from pathlib import Path

from domain.wording import catalogue

ROOT = Path(__file__).parents[2]
CODE = re.compile(r'"((?:[a-z]+_)+[a-z]+)"')


def _named() -> set[str]:
    files = [*(ROOT / "actions").glob("*.py"), *(ROOT / "domain").glob("*.py")]
    files += [*(ROOT / "bot").rglob("*.py"), *(ROOT / "web").rglob("*.py")]
    return {code for path in files for code in CODE.findall(path.read_text())}


def _refused() -> set[str]:
    files = [*(ROOT / "actions").glob("*.py"), *(ROOT / "domain").glob("*.py")]
    calls = (re.findall(r'refuse\(\s*"([a-z_]+)"', path.read_text()) for path in files)
    return {code for found in calls for code in found}


def test_every_refusal_has_its_words() -> None:
    worded = {k.removeprefix("refusal.") for k in catalogue("ja") if k.startswith("refusal.")}
    assert _refused() - worded == set()
    assert worded - _named() == set()
