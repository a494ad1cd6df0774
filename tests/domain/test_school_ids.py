import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.codes import ALPHABET
from domain.school_ids import (
    fold_school_id,
    handle_of,
    looks_like_school_id,
    make_handle,
    make_school_id,
)

ID = "K7Q3-M9XP-4TWR"
BARE = "K7Q3M9XP4TWR"
WORDS_ONLY = "BEST-GAME-EVER"


@given(st.randoms(use_true_random=False))
def test_what_is_made_is_recognised(chance: random.Random) -> None:
    handle = make_handle(chance.choice)
    school_id = make_school_id(handle, chance.choice)
    assert re.fullmatch(r"(?:[2-9A-HJKMNP-Z]{4}-){2}[2-9A-HJKMNP-Z]{4}", school_id)
    assert fold_school_id(school_id) == school_id
    assert handle_of(school_id) == handle


@pytest.mark.parametrize("handle", ["", "K7Q", "K7Q0", "k7q3", "K7Q3M"])
def test_no_id_is_made_for_a_wrong_handle(handle: str) -> None:
    with pytest.raises(ValueError, match="not a handle"):
        make_school_id(handle, lambda alphabet: alphabet[0])


@pytest.mark.parametrize("school_id", ["", BARE, ID.lower(), "K7Q3-M9XP-4TWO"])
def test_only_a_folded_id_has_a_handle(school_id: str) -> None:
    with pytest.raises(ValueError, match="not a folded"):
        handle_of(school_id)


@pytest.mark.parametrize(
    "typed",
    [
        ID,
        BARE,
        ID.lower(),
        "K7q3-m9Xp-4tWr",
        "K7Q3 M9XP 4TWR",
        "K7Q3　M9XP　4TWR",
        "K7Q3 - M9XP - 4TWR",
        "K7Q3ーM9XPー4TWR",
        "Ｋ７Ｑ３－Ｍ９ＸＰ－４ＴＷＲ",
        "ｋ７ｑ３ーｍ９ｘｐー４ｔｗｒ",
        "K7Q3—M9XP–4TWR",
        "K7Q3−M9XP‐4TWR",
        "K7Q3・M9XP・4TWR",
        "K7Q3･M9XP･4TWR",
        "K7Q3·M9XP·4TWR",
        "K7Q3.M9XP.4TWR",
        "K7Q3_M9XP_4TWR",
        "K7Q3〜M9XP～4TWR",
        "K7Q3\nM9XP\n4TWR\n",
        "K7Q3-M9XP4TWR",
        "K7Q3M9-XP4TWR",
        "K 7 Q 3 M 9 X P 4 T W R",
        "\ufeffK7Q3\u200b-M9XP-4TWR\u200b",
        f"  {ID}  ",
        f"「{ID}」",
        f"『{ID}』",
        f"“{ID}”",
        f'"{ID}"',
        f"'{ID}'",
        f"({ID})",
        f"【{ID}】",
        f"> {ID}",
        f"学校ID：{ID}",
        f"学校ＩＤ：{ID}",
        f"学校ID {ID}",
        f"学校ID{ID}",
        f"学校id:{BARE.lower()}",
        f"学校ID「{ID}」です。",
        f"{ID}です",
        f"{ID}です。",
        f"{ID}。",
        f"{ID}.",
        f"{ID}！",
        f"school id: {ID}",
        f"School ID {ID}",
        f"school_id={ID}",
        f"My school ID is {ID}.",
        f"ID: {ID}, please",
        f"ID {ID} please",
        f"うちのIDは{ID}です",
        "うちのIDはｋ７ｑ３ m9xp 4twrです。よろしくお願いします！",
        f"登録をお願いします。\n学校ID：{ID}\n",
        f"2年1組の田中です。学校IDは{ID}です。",
        f"{ID} 2年1組 田中",
        f"{ID} 出席番号は12番です",
        f"{ID}😊",
        f"我的学校ID是{ID}",
    ],
)
def test_an_id_in_many_spellings(typed: str) -> None:
    assert fold_school_id(typed) == ID
    assert looks_like_school_id(typed)


@pytest.mark.parametrize("typed", ["BEST-GAME-EVER", "bestgameever", "best game ever"])
def test_an_id_may_have_no_digits(typed: str) -> None:
    assert fold_school_id(typed) == WORDS_ONLY


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "学校ID",
        "school id",
        "はい",
        "K7Q3",
        "K7Q3-M9XP",
        "K7Q3-M9XP-4TW",
        "K7Q3-M9XP-4TWR2",
        "K7Q3-M9XP-4TWR-2",
        "K7Q3-M9XP-4TWR 2",
        "K7Q3-M9XP-4TWR A",
        "XK7Q3-M9XP-4TWR",
        "K7Q0-M9XP-4TWR",
        "K7Qo-M9XP-4TWR",
        "K7Q3-M9XP-4TW1",
        "I7Q3-M9XP-4TWR",
        "K7Q3-M9XP-4TWl",
        "К7Q3-M9XP-4TWR",
        "ЖK7Q3-M9XP-4TWR",
        "ΔK7Q3-M9XP-4TWR",
        "K7Q3-M9XP-4TẄR",
        "K7Q3-M9XP-4TWR\u0308",
        "K7Q3-M9XP-4TWß",
        "K7Q3-M9XP-4TWRさくら3丁目",
        f"{ID} {ID}",
        f"{ID}か{BARE}",
        f"{ID} or WAKA-BA23-4567",
        "k7q3m9xp4twr@example.jp",
        f"https://example.jp/join/{BARE}",
        f"PTAの{ID}",
        "090-1234-5678",
        "SK7Q-3M9X-P4TW-R2AB",
        "that was great",
        "ab cdef ghjkmn",
    ],
)
def test_what_is_no_id(typed: str) -> None:
    assert fold_school_id(typed) is None


@pytest.mark.parametrize(
    "typed",
    [
        "K7Q0-M9XP-4TWR",
        "K7Q3-M9XP-4TWO",
        "k7q3 m9xp 4tw1",
        "K7Q3-M9XP-4TW",
        "K7Q3-M9XP-4TWRA",
        "IDはK7Q3-M9XP-4TWlです",
        "ｋ７ｑ０ｍ９ｘｐ４ｔｗｒ",
        "学校ID：K7Q3M9XP4T",
        f"{ID}と{ID}",
    ],
)
def test_a_mistyped_id_looks_like_one(typed: str) -> None:
    assert fold_school_id(typed) is None
    assert looks_like_school_id(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "はい",
        "メニュー",
        "hello world",
        "that was great",
        "090-1234-5678",
        "０９０１２３４５６７８",
        "k7q3m9xp4twr@example.jp",
        "2026-10-25 10:00",
        "3-2 yamada taro",
        "K7Q3",
        "2年1組",
        "12",
        "https://example.jp/k7q3m9xp4tw0",
        "欠席します",
        "ID",
        "IDって何ですか",
    ],
)
def test_what_does_not_look_like_an_id(typed: str) -> None:
    assert not looks_like_school_id(typed)


@given(st.text())
@example("ID" * 2000)
@example("K " * 2000)
@example("-" * 20000)
def test_any_text_is_read_without_error(text: str) -> None:
    folded = fold_school_id(text)
    assert folded is None or fold_school_id(folded) == folded
    assert isinstance(looks_like_school_id(text), bool)


_secrets = st.text(ALPHABET, min_size=12, max_size=12)
_separators = st.sampled_from(["", "-", "ー", "－", "—", "・", "."])


@given(_secrets, _separators, st.booleans(), st.sampled_from(["", "学校ID：", "「", "IDは"]))
def test_every_id_survives_typing(secret: str, separator: str, lower: bool, before: str) -> None:
    canonical = "-".join((secret[:4], secret[4:8], secret[8:]))
    typed = canonical.replace("-", separator)
    assert fold_school_id(before + (typed.lower() if lower else typed)) == canonical


@given(_secrets, st.integers(0, 11), st.sampled_from("0OoIiLl1"))
def test_a_look_alike_is_never_guessed(secret: str, place: int, alike: str) -> None:
    assert fold_school_id(secret[:place] + alike + secret[place + 1 :]) is None
