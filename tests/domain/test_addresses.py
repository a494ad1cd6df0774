import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.addresses import (
    MailAddress,
    envelope_form,
    normalise_mail,
    unquoted_form,
)

ATEXT = "abcXYZ019!#$%&'*+/=?^_`{|}~-."


def _address(text: str) -> MailAddress:
    address = normalise_mail(text)
    assert address is not None
    return address


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("taro@example.jp", "taro@example.jp"),
        ("Taro.Yamada@Example.JP", "taro.yamada@example.jp"),
        ("  taro@example.jp\r\n", "taro@example.jp"),
        ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", "taro@example.jp"),
        ("\ufefftaro@\u200bexample.jp", "taro@example.jp"),
        ("<taro@example.jp>", "taro@example.jp"),
        ("＜taro@example.jp＞", "taro@example.jp"),
        ("「taro@example.jp」。", "taro@example.jp"),
        ('"taro@example.jp"', "taro@example.jp"),
        ("“<taro@example.jp>”", "taro@example.jp"),
        ("mailto:taro@example.jp", "taro@example.jp"),
        ("<MAILTO:taro@example.jp?subject=x>", "taro@example.jp"),
        ("taro@example.jp。", "taro@example.jp"),
        ("taro@example.jp,", "taro@example.jp"),
        ("taro@example.jp.", "taro@example.jp"),
        ("taro@example。jp", "taro@example.jp"),
        ("taro−yamada@example.jp", "taro-yamada@example.jp"),
        ("ｔａｒｏーｙ＠ｅｘａｍｐｌｅ．ｊｐ", "taro-y@example.jp"),
        ("a..b.@docomo.ne.jp", "a..b.@docomo.ne.jp"),
        ('"a..b."@docomo.ne.jp', "a..b.@docomo.ne.jp"),
        ('"A..b."@DOCOMO.ne.jp', "a..b.@docomo.ne.jp"),
        (r'"a.\.b"@ezweb.ne.jp', "a..b@ezweb.ne.jp"),
        (".a@ezweb.ne.jp", ".a@ezweb.ne.jp"),
        ("a.@docomo.ne.jp", "a.@docomo.ne.jp"),
        ("<.-_a..@docomo.ne.jp>", ".-_a..@docomo.ne.jp"),
        ('"taro"@example.jp', "taro@example.jp"),
        ("me+school@gmail.com", "me+school@gmail.com"),
        ("taro@日本語.jp", "taro@xn--wgv71a119e.jp"),
        ("taro@xn--wgv71a119e.jp", "taro@xn--wgv71a119e.jp"),
        ("taro@スーパー.jp", "taro@xn--zck5b0gb.jp"),
        ("ｔａｒｏ＠ｍｙーｓｃｈｏｏｌ．ｊｐ", "taro@my-school.jp"),
        ("taro@my−school.jp", "taro@my-school.jp"),
        ("a" * 64 + "@example.jp", "a" * 64 + "@example.jp"),
    ],
)
def test_an_address_in_many_spellings(typed: str, key: str) -> None:
    address = _address(typed)
    assert address.key == key
    assert f"{address.local.lower()}@{address.domain}" == key


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "taro",
        "taro@",
        "@example.jp",
        "taro@localhost",
        "taro@@example.jp",
        "taro@a@example.jp",
        '"taro@a"@example.jp',
        "taro@example.jp\r\nBcc: all@example.jp",
        "taro\n@example.jp",
        "taro\x00@example.jp",
        "taro@exam\x07ple.jp",
        "ta ro@example.jp",
        '"ta ro"@example.jp',
        "taro@exam ple.jp",
        "太郎@example.jp",
        "ta,ro@example.jp",
        "ta(ro)@example.jp",
        '"ta"ro"@example.jp',
        '""@example.jp',
        '"@example.jp',
        "taro@example..jp",
        "taro@.example.jp",
        "taro@-example.jp",
        "taro@example-.jp",
        "taro@exa_mple.jp",
        "taro@[192.0.2.1]",
        "taro@192.0.2.1",
        "taro@example.jp@",
        "a" * 65 + "@example.jp",
        "taro@" + "a" * 64 + ".jp",
        "taro@" + "abc." * 63 + "jp",
        "taro@" + "あ" * 300 + ".jp",
        "taro@example.jp hanako@example.jp",
        "taro@example.jp,hanako@example.jp",
        "山田太郎 <taro@example.jp>",
    ],
)
def test_what_is_no_address(typed: str) -> None:
    assert normalise_mail(typed) is None


@pytest.mark.parametrize(
    ("typed", "raw", "envelope", "unquoted"),
    [
        ("Taro@Example.jp", "Taro@Example.jp", "Taro@example.jp", "Taro@example.jp"),
        ('"Taro"@example.jp', '"Taro"@example.jp', "Taro@example.jp", "Taro@example.jp"),
        (
            "a..b.@docomo.ne.jp",
            "a..b.@docomo.ne.jp",
            '"a..b."@docomo.ne.jp',
            "a..b.@docomo.ne.jp",
        ),
        (
            "＜Taro@日本語.jp＞",
            "Taro@日本語.jp",
            "Taro@xn--wgv71a119e.jp",
            "Taro@xn--wgv71a119e.jp",
        ),
    ],
)
def test_forms_of_an_address(typed: str, raw: str, envelope: str, unquoted: str) -> None:
    address = _address(typed)
    assert address.raw == raw
    assert envelope_form(address) == envelope
    assert unquoted_form(address) == unquoted


@given(st.text(ATEXT, min_size=1, max_size=64))
def test_both_forms_read_back_to_the_same_key(local: str) -> None:
    address = _address(f"{local}@docomo.ne.jp")
    assert _address(envelope_form(address)).key == address.key
    assert _address(unquoted_form(address)).key == address.key
    assert _address(address.raw).key == address.key


@given(st.text() | st.text(ATEXT + '@"\\<> \n。あ').map(lambda text: f"{text}@example.jp"))
def test_any_text_gives_a_safe_address_or_none(text: str) -> None:
    address = normalise_mail(text)
    if address is not None:
        assert re.fullmatch(r"[!-~]+", envelope_form(address))
        assert not re.search(r"[\s\x00-\x1f\x7f]", address.raw)
        assert envelope_form(address).count("@") == 1
