"""Folding: one spelling for what people type in many.

A Japanese keyboard offers every letter in two widths, a dozen dashes and two kinds of space,
and pasting from a mail adds characters nobody sees. Whatever compares typed text folds it first.
"""

import re
import unicodedata

# Hyphens, dashes, minus signs, box-drawing lines and the long-vowel mark in both widths: all of
# them are offered by input methods to somebody who looks for a plain "-".
DASHES = "-‐‑‒–—―−⁃﹣－ーｰ─━"

_TO_HYPHEN = str.maketrans(dict.fromkeys(DASHES, "-"))
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TRAILING = "。.!?、,~〜♪☆ "
_POLITE_TAILS = (
    "でお願いします",
    "でお願いいたします",
    "でお願い致します",
    "をお願いします",
    "お願いします",
    "でおねがいします",
    "おねがいします",
    "です",
)

YES = frozenset(
    {
        "はい",
        "はーい",
        "ハイ",
        "うん",
        "ええ",
        "そう",
        "hai",
        "yes",
        "y",
        "ok",
        "okay",
        "オーケー",
        "オッケー",
        "了解",
        "了解しました",
        "承知しました",
        "わかりました",
        "分かりました",
        "お願いします",
    }
)
NO = frozenset(
    {
        "いいえ",
        "イイエ",
        "いえ",
        "いや",
        "ううん",
        "no",
        "n",
        "ng",
        "違います",
        "ちがいます",
        "いりません",
        "不要",
        "やめる",
        "やめます",
        "やめておきます",
        "いいえ、結構",
    }
)

_CHOICE = re.compile(r"[(\[「【〈#]*\s*(\d{1,3})\s*(?:番目?)?\s*[)\]」】〉:]*")
_KEYCAP = "\u20e3"


def fold(text: str) -> str:
    """Fold widths and compatibility forms (NFKC), drop what is invisible, collapse white space.

    Invisible are Unicode's format characters (zero-width spaces and joiners, the byte order
    mark, bidirectional controls, soft hyphens) and variation selectors. Letter case, dashes and
    punctuation stay. Folding twice changes nothing more.
    """
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    normal = unicodedata.normalize("NFKC", _VARIATION_SELECTORS.sub("", visible))
    return " ".join(normal.split())


def fold_word(text: str) -> str:
    """Fold a typed command or answer: "キャンセル。" and "ｷｬﾝｾﾙです！" become "キャンセル".

    Beyond `fold`, this ignores case, closing punctuation and one polite ending. A text that is
    nothing but the ending ("お願いします") keeps it, for then it is the answer.
    """
    word = fold(text).casefold().rstrip(_TRAILING)
    for tail in _POLITE_TAILS:
        if word.endswith(tail) and len(word) > len(tail):
            return word.removesuffix(tail).rstrip(_TRAILING)
    return word


def fold_dashes(text: str) -> str:
    """Turn every kind of dash, the long-vowel mark ー among them, into "-".

    Only for codes and addresses: in Japanese words ー is a sound.
    """
    return text.translate(_TO_HYPHEN)


def number_choice(text: str, count: int) -> int | None:
    """Read a typed choice out of `count` numbered ones and return its index from 0.

    "2", "２", "②", "2番", "2.", "(2)", "2です", "二" and the keycap emoji all mean index 1.
    Return None for anything else and for numbers that were not offered.
    """
    word = fold_word(text).replace(_KEYCAP, "")
    number = _number(word)
    return number - 1 if number is not None and 1 <= number <= count else None


def is_yes(text: str) -> bool:
    """Tell whether a typed answer plainly says yes; what is ambiguous ("結構です") does not."""
    return fold_word(text) in YES


def is_no(text: str) -> bool:
    """Tell whether a typed answer plainly says no; what is ambiguous ("大丈夫です") does not."""
    return fold_word(text) in NO


def _number(word: str) -> int | None:
    match = _CHOICE.fullmatch(word)
    if match:
        return int(match[1])
    # Kanji numerals and the dark circled ones (❷) have a value but no NFKC digit.
    bare = word.removesuffix("番目").removesuffix("番")
    value = unicodedata.numeric(bare, 0.0) if len(bare) == 1 else 0.0
    return int(value) if value.is_integer() else None
