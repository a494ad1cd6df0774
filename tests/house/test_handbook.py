"""The handbooks quote what the screen says: whoever changes a text finds out here."""

from __future__ import annotations

import re

import pytest

from domain.wording import catalogue
from tests.house.tree import ROOT

# The words of a text within quotation marks, which may hold a quotation themselves.
_QUOTED = {
    "ja": re.compile(r"「([^「」]*(?:「[^「」]*」[^「」]*)*)」"),
    "en": re.compile(r"“([^“”]+)”"),
}
_BREAK = {"ja": "", "en": " "}
_SLOT = "〔{name}〕"


@pytest.mark.parametrize(("language", "file"), [("ja", "handbook.ja.md"), ("en", "handbook.md")])
def test_what_the_handbook_quotes_is_said(language: str, file: str) -> None:
    text = re.sub(r"\s*\n\s*", _BREAK[language], (ROOT / "docs" / file).read_text())
    quoted = set(_QUOTED[language].findall(text))
    assert len(quoted) > 50
    said = "\n".join(catalogue(language).values())
    assert sorted(each for each in quoted if each.replace("〔時刻〕", _SLOT) not in said) == []
