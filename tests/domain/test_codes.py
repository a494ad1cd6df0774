import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.codes import ALPHABET, DIGITS, fold_code, fold_pin, group, make_code, make_pin

CODE = "SK7Q-3M9X-P4TW-R2AB"


def test_the_alphabet_has_no_look_alikes() -> None:
    assert len(set(ALPHABET)) == len(ALPHABET) == 31
    assert not set("0O1IL") & set(ALPHABET)


@given(st.randoms(use_true_random=False))
def test_what_is_made_is_recognised(chance: random.Random) -> None:
    code, pin = make_code(chance.choice), make_pin(chance.choice)
    assert fold_code(code) == code
    assert fold_pin(pin) == pin
    assert len(pin) == 6
    assert set(pin) <= set(DIGITS)


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        CODE.replace("-", "ー"),
        "ＳＫ７Ｑ－３Ｍ９Ｘ－Ｐ４ＴＷ－Ｒ２ＡＢ",
        f"招待コード：「{CODE}」です。",
        f"code: {CODE}",
        f"  {CODE}\n",
    ],
)
def test_a_staff_code_in_many_spellings(typed: str) -> None:
    assert fold_code(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "K7Q3-M9XP-4TWR",
        CODE[:-1],
        CODE + "A",
        CODE.replace("S", "T"),
        CODE.replace("2", "1"),
        f"{CODE} {CODE}",
        f"{CODE}、{CODE}",
    ],
)
def test_what_is_no_staff_code(typed: str) -> None:
    assert fold_code(typed) is None


@pytest.mark.parametrize(
    "typed",
    [
        "042137",
        "０４２１３７",
        "042 137",
        "042-137",
        "042ー137",
        "０４２　１３７",
        "認証コード：042137",
        "確認番号は042137です。",
        "「042137」",
        "PIN 042137",
        "0 4 2 1 3 7",
    ],
)
def test_a_pin_in_many_spellings(typed: str) -> None:
    assert fold_pin(typed) == "042137"


@pytest.mark.parametrize(
    "typed",
    ["", "04213", "0421377", "04213O", "042137 a", "٠٤٢١٣٧", "〇四二一三七", "042137か042138"],
)
def test_what_is_no_pin(typed: str) -> None:
    assert fold_pin(typed) is None


@given(st.text())
def test_any_text_is_read_without_error(text: str) -> None:
    assert fold_code(text) is None or fold_code(text) == group(text.upper().replace("-", ""))
    assert fold_pin(text) is None or len(fold_pin(text) or "") == 6
