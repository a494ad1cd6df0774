"""Names as one says them."""

from __future__ import annotations

import pytest

from domain.names import addressed
from domain.wording import render


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("山田", "山田さん"),
        ("山田先生", "山田先生"),
        ("佐藤 校長", "佐藤 校長"),
        ("鈴木（教育センター）", "鈴木（教育センター）"),
        ("先生川", "先生川さん"),
    ],
)
def test_a_title_needs_no_other(name: str, said: str) -> None:
    assert render(addressed(name), "ja") == said


def test_english_has_no_such_word() -> None:
    assert render(addressed("Yamada"), "en") == "Yamada"
