"""What a person sees as one character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.graphemes import clusters, first_clusters, units

FAMILY = "👨‍👩‍👧"
WHOLE = [
    "か\u3099",  # か with a voiced mark of its own
    "ｶﾞ",
    "é",
    "e\u0301\u0323",
    "👍🏽",
    FAMILY,
    "🇯🇵",
    "葛\U000e0100",  # 葛 in the form that a family's register has
    "1️⃣",
    "\r\n",
    "한",
    "\u1112\u1161\u11ab",
    "นำ",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "❤️",
    "क्",
]


@pytest.mark.parametrize("one", WHOLE)
def test_one_to_the_eye(one: str) -> None:
    assert clusters(one) == [one]
    assert clusters(f"あ{one}い") == ["あ", one, "い"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("連絡網", 3),
        ("🇯🇵🇰🇷🇨", 3),
        ("a\u200db", 2),
        ("\n\u0301", 2),
        ("한국어", 3),
        ("각\u11a8", 1),
        ("가가", 2),
        ("👍👍🏽", 2),
    ],
)
def test_counting(text: str, count: int) -> None:
    assert len(clusters(text)) == count


def test_units_are_those_of_utf_16() -> None:
    assert units("🍎a") == 3
    assert units("連絡") == 2


@given(st.text())
def test_clusters_are_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text
    assert units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_shorten() -> None:
    assert first_clusters("一二三", 3) == "一二三"
    assert first_clusters("一二三四", 3) == "一二…"
    assert first_clusters(FAMILY * 4, 3) == FAMILY * 2 + "…"
