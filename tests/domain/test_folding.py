import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.folding import DASHES, fold, fold_dashes, fold_word, is_no, is_yes, number_choice


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("", ""),
        ("  ０１２　ＡＢＣ \n", "012 ABC"),
        ("ﾒﾆｭｰ", "メニュー"),
        ("か\u3099", "が"),
        ("か\u200b\u3099", "が"),
        ("\ufeff運\u200b動\u2060会\u200d", "運動会"),
        ("\u202eabc\u202c\u2066d\u2069", "abcd"),
        ("葛\U000e0100城", "葛城"),
        ("1\t\u3000\r\n2", "1 2"),
        ("ー－ｰ", "ー-ー"),
    ],
)
def test_fold(typed: str, folded: str) -> None:
    assert fold(typed) == folded


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert unicodedata.is_normalized("NFKC", once)
    assert once == once.strip()


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("キャンセル", "キャンセル"),
        ("ｷｬﾝｾﾙです！", "キャンセル"),
        ("キャンセルでお願いします。", "キャンセル"),
        ("はい。", "はい"),
        ("はい、です", "はい"),
        ("MENU!!", "menu"),
        ("Ｈｅｌｐ？", "help"),
        ("戻る〜", "戻る"),
        ("お願いします", "お願いします"),
        ("です", "です"),
        ("…", ""),
    ],
)
def test_fold_word(typed: str, word: str) -> None:
    assert fold_word(typed) == word


@pytest.mark.parametrize("dash", DASHES)
def test_every_dash_becomes_a_hyphen(dash: str) -> None:
    assert fold_dashes(f"K7Q3{dash}M9XP") == "K7Q3-M9XP"


@pytest.mark.parametrize(
    "typed",
    [
        "2",
        "２",
        "②",
        "❷",
        "⑵",
        "⒉",
        "2番",
        "２番目",
        "2.",
        "2。",
        "2)",
        "（２）",
        "[2]",
        "「2」",
        "2番です",
        " 2 ",
        "02",
        "二",
        "二番",
        "#2",
        "2️⃣",
        "2番でお願いします",
        "٢",
        "2：",
        "㊁",
    ],
)
def test_a_typed_second_choice(typed: str) -> None:
    assert number_choice(typed, 3) == 1


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "4",
        "-2",
        "2.5",
        "2年",
        "2年3組",
        "22",
        "一二",
        "½",
        "2 3",
        "はい",
        "十",
        "億",
        "9999",
        "k2",
        "2か3",
    ],
)
def test_no_choice_out_of_three(typed: str) -> None:
    assert number_choice(typed, 3) is None


def test_ten_choices_have_a_tenth() -> None:
    assert number_choice("⑩", 10) == number_choice("十", 10) == number_choice("10", 10) == 9


@given(st.text(), st.integers(0, 20))
def test_any_text_is_a_choice_on_offer_or_none(text: str, count: int) -> None:
    index = number_choice(text, count)
    assert index is None or 0 <= index < count


@pytest.mark.parametrize(
    "typed", ["はい", "ハイ！", "ﾊｲ", "うん。", "ＯＫ", "OKです", "Yes", "了解しました"]
)
def test_yes(typed: str) -> None:
    assert is_yes(typed)
    assert not is_no(typed)


@pytest.mark.parametrize("typed", ["いいえ", "いいえ、結構です。", "NO", "ｎｏ", "違います"])
def test_no(typed: str) -> None:
    assert is_no(typed)
    assert not is_yes(typed)


@pytest.mark.parametrize(
    "typed", ["結構です", "大丈夫です", "いいです", "", "はいいいえ", "たぶん"]
)
def test_what_is_ambiguous_is_neither(typed: str) -> None:
    assert not is_yes(typed)
    assert not is_no(typed)
