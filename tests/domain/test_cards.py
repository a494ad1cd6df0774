"""Cards: what a button or its typed form means, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import tokens
from domain.cards import (
    CardRef,
    CardVerb,
    card_token,
    mark_of,
    read_card,
    read_typed,
    typed_form,
)
from domain.wording import LANGUAGES, render

KEY = b"k" * 32
REF = CardRef(12, 3, mark_of("abcdef123456" + "0" * 52))


@pytest.mark.parametrize("verb", list(CardVerb))
def test_a_card_comes_back_as_it_went_out(verb: CardVerb) -> None:
    token = card_token(KEY, REF, verb)
    assert read_card(KEY, token) == (REF, verb)
    assert len(token) <= 64
    assert read_card(b"x" * 32, token) is None


def test_other_tokens_are_no_cards() -> None:
    assert read_card(KEY, tokens.seal(KEY, "card", 12, 3, 4, 99)) is None
    assert read_card(KEY, tokens.seal(KEY, "card", 12, 3)) is None
    assert read_card(KEY, tokens.seal(KEY, "page", 12, 3, 4, 1)) is None


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    assert read_card(KEY, text) is None
    read_typed(text)


@pytest.mark.parametrize("verb", list(CardVerb))
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_card_says_to_type_is_understood(verb: CardVerb, language: str) -> None:
    assert read_typed(render(typed_form(REF, verb), language)) == (verb, 12, 3)


@pytest.mark.parametrize(
    "text",
    ["承認 12-3", "承認12-3", "　承認　１２－３", "承認 12ー3。", "approve 12-3", "APPROVE 12–3"],
)
def test_a_typed_card_in_any_width(text: str) -> None:
    assert read_typed(text) == (CardVerb.APPROVE, 12, 3)


@pytest.mark.parametrize("text", ["承認", "12-3", "承認しない 12-3", "承認 12", "承認 12-3-4"])
def test_what_is_no_typed_card(text: str) -> None:
    assert read_typed(text) is None
