"""Slots: found in order, each once, and filled without looking into what fills them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.broadcasts import EMERGENCIES
from domain.templates import PRESETS, fill, slots, split
from domain.wording import catalogue

PLAIN = st.text(
    st.characters(exclude_characters="〔〕{}｛｝", exclude_categories=["Cs"]), max_size=20
)
NAMES = st.text("時刻場所abc", min_size=1, max_size=30)
BRACKETS = st.sampled_from(["〔%s〕", "{%s}", "｛%s｝"])
SLOTS = st.builds(lambda form, name: (form % name, name), BRACKETS, NAMES)
TEXTS = st.lists(st.one_of(SLOTS, st.builds(lambda plain: (plain, None), PLAIN)), max_size=12)


@given(TEXTS)
def test_each_slot_is_found_once_in_order_and_filled(parts: list[tuple[str, str | None]]) -> None:
    text = "".join(part for part, _ in parts)
    names = [name for _, name in parts if name is not None]
    assert slots(text) == tuple(dict.fromkeys(names))
    values = {name: f"〔{name}〕{{x}}" for name in names}
    assert fill(text, values) == "".join(values[name] if name else part for part, name in parts)
    assert fill(text, {}) == text


@given(PLAIN)
def test_a_text_without_slots_stays_as_it_is(text: str) -> None:
    assert slots(text) == ()
    assert fill(text, {"時刻": "x"}) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("〔時刻〕に〔場所〕、〔 時刻 〕", ("時刻", "場所")),
        ("〔ﾊﾞｽ〕と〔バス〕", ("バス",)),
        ("【緊急】＜持ち物＞ [1] <a@b.jp> 〔〕 {} 〔 〕 〔改\n行〕", ()),
        ("〔" + "長" * 31 + "〕", ()),
    ],
)
def test_what_is_a_slot(text: str, found: tuple[str, ...]) -> None:
    assert slots(text) == found


@given(st.text(min_size=1, max_size=600).filter(str.strip), st.integers(5, 200))
def test_a_text_is_split_without_losing_any_of_it(text: str, most: int) -> None:
    subject, body = split(text, most)
    assert 0 < len(subject) <= most
    assert body in text
    first = text.strip().partition("\n")[0].strip()
    assert first == subject or (subject.endswith("…") and first.startswith(subject[:-1]))
    assert text.strip() == body or text.strip().startswith(first)


def test_one_line_is_both_subject_and_text() -> None:
    assert split("休校です。", 200) == ("休校です。", "休校です。")
    assert split("休校\n\n気をつけて。", 200) == ("休校", "気をつけて。")
    assert split("あ" * 300, 200) == ("あ" * 199 + "…", "あ" * 300)


def test_every_emergency_has_ready_texts_with_the_same_gaps_everywhere() -> None:
    assert set(PRESETS) == EMERGENCIES
    for purpose, names in PRESETS.items():
        for name in names:
            texts = [
                (
                    catalogue(language)[f"preset.{purpose}.{name}.subject"],
                    catalogue(language)[f"preset.{purpose}.{name}.body"],
                )
                for language in ("ja", "en")
            ]
            assert len(slots(*texts[0])) == len(slots(*texts[1])), name
            assert all(len(subject) <= 40 for subject, _ in texts[:1])
