import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tokens import seal, unseal

KEY = b"k" * 32
URL_SAFE = string.ascii_letters + string.digits + "-_"

_numbers = st.lists(st.integers(0, 2**64), max_size=6)


@given(_numbers, st.text(max_size=20), st.binary(max_size=20))
def test_what_is_sealed_is_unsealed(numbers: list[int], kind: str, extra: bytes) -> None:
    token = seal(KEY, kind, *numbers, extra=extra)
    assert re.fullmatch("[A-Za-z0-9_-]+", token)
    assert unseal(KEY, kind, token, extra=extra) == tuple(numbers)


@given(st.lists(st.integers(0, 2**40 - 1), min_size=4, max_size=4))
def test_four_numbers_fit_a_telegram_button(numbers: list[int]) -> None:
    assert len(seal(KEY, "card", *numbers)) <= 64


@given(_numbers, st.data())
def test_one_changed_character_breaks_the_seal(numbers: list[int], data: st.DataObject) -> None:
    token = seal(KEY, "card", *numbers)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(URL_SAFE.replace(token[place], "")))
    assert unseal(KEY, "card", token[:place] + other + token[place + 1 :]) is None


@pytest.mark.parametrize("numbers", [(), (1,), (1, 300)])
def test_every_other_last_character_breaks_the_seal(numbers: tuple[int, ...]) -> None:
    token = seal(KEY, "card", *numbers)
    others = URL_SAFE.replace(token[-1], "")
    assert all(unseal(KEY, "card", token[:-1] + other) is None for other in others)


@pytest.mark.parametrize("after", ["=", "==", "\n", " ", "A", "+", "あ", "\ud800"])
def test_nothing_may_be_added(after: str) -> None:
    token = seal(KEY, "card", 1, 2)
    assert unseal(KEY, "card", token + after) is None
    assert unseal(KEY, "card", after + token) is None


def test_key_kind_and_extra_belong_to_the_seal() -> None:
    token = seal(KEY, "card", 7, extra=b"hash")
    assert unseal(KEY, "card", token, extra=b"hash") == (7,)
    assert unseal(b"x" * 32, "card", token, extra=b"hash") is None
    assert unseal(KEY, "choice", token, extra=b"hash") is None
    assert unseal(KEY, "card", token) is None
    assert unseal(KEY, "cardh", token, extra=b"ash") is None


def test_a_negative_number_cannot_be_sealed() -> None:
    with pytest.raises(ValueError, match="negative"):
        seal(KEY, "card", 1, -1)


@given(st.text() | st.text(URL_SAFE))
def test_any_other_text_is_no_token(text: str) -> None:
    assert unseal(KEY, "card", text) is None


def test_the_spelling_of_tokens_already_sent_does_not_change() -> None:
    assert seal(KEY, "card", 1, 300, 2**40 - 1) == "AawC______8f16Eu2rFohjcEQVDYTy3j2g"
