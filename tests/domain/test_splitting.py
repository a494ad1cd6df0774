"""Cutting texts into messages: nothing lost, nothing too long, no character torn apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.graphemes import clusters, units
from domain.splitting import first_piece, first_units, split

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
WHOLE = [FAMILY, "🇯🇵", "か\u3099", "ﾊﾟ", "👍🏽", "\u1112\u1161\u11ab", "e\u0301\u0323", "❤\ufe0f"]

characters = st.one_of(
    st.sampled_from([*WHOLE, "。", "」", ". ", "\n", "\n\n", "、", " ", "\u3000", "a", "学校"]),
    st.text(max_size=3),
)
texts = st.lists(characters, max_size=60).map("".join)


def _kept(text: str) -> str:
    return "".join(text.split())


@given(texts, st.integers(2, 40))
def test_nothing_is_lost_and_nothing_too_long(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert _kept("".join(pieces)) == _kept(text)
    assert all(0 < units(piece) <= limit for piece in pieces)


@given(texts, st.integers(2, 40))
def test_a_text_that_fits_is_left_whole(text: str, limit: int) -> None:
    if 0 < units(text.strip()) <= limit:
        assert split(text, limit) == [text.strip()]


@given(st.lists(st.sampled_from(WHOLE), min_size=1, max_size=40), st.integers(11, 60))
def test_no_character_is_torn_apart(whole: list[str], limit: int) -> None:
    found = [each for piece in split("".join(whole), limit) for each in clusters(piece)]
    assert found == whole


@given(texts)
def test_clusters_join_to_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text


@given(texts, st.integers(2, 40))
def test_a_shortened_text_fits(text: str, limit: int) -> None:
    short = first_units(text, limit)
    assert units(short) <= limit
    assert short == text or short.endswith("…")


@given(st.lists(st.text("あいう", min_size=1, max_size=8), min_size=2, max_size=30))
def test_sentences_that_fit_stay_whole(words: list[str]) -> None:
    sentences = [f"{word}。" for word in words]
    for piece in split("".join(sentences), 20):
        assert piece.endswith("。")


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 10, []),
        (" \n ", 10, []),
        ("一。二。三。", 4, ["一。二。", "三。"]),
        ("「はい。」「いいえ。」", 9, ["「はい。」", "「いいえ。」"]),
        ("あああああ\n\nいいい。う", 11, ["あああああ", "いいい。う"]),
        ("on 3.5 km. Then home.", 14, ["on 3.5 km.", "Then home."]),
        ("one two three", 8, ["one two", "three"]),
        ("あいうえおか", 4, ["あいうえ", "おか"]),
        ("Really? https://a.example/?b=1", 25, ["Really?", "https://a.example/?b=1"]),
        ("🍎🍎🍎", 5, ["🍎🍎", "🍎"]),
    ],
)
def test_where_a_reader_would_pause(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


def test_a_character_longer_than_the_limit_is_cut_between_code_points() -> None:
    pieces = split(FAMILY, 4)
    assert "".join(pieces) == FAMILY
    assert all(units(piece) <= 4 for piece in pieces)


def test_a_limit_that_holds_no_emoji_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="one code point"):
        split("あ", 1)


def test_first_units() -> None:
    assert first_units("お知らせです", 4) == "お知ら…"
    assert first_units("あ🍎🍎", 3) == "あ…"


def test_first_piece() -> None:
    assert first_piece("一。二。", 4) == "一。二。"
    assert first_piece("一。二。三。", 5) == "一。二。"
