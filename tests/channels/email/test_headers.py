"""Headers: whatever a person writes comes out of the standard library's reader unchanged."""

import re
from base64 import b64decode
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32, default
from email.utils import parseaddr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.email.headers import address_header, clean, text_header, token_header
from channels.email.jis import JIS, fits

ENCODED_WORD = re.compile(rb"=\?UTF-8\?B\?([A-Za-z0-9+/=]*)\?=")
FAMILY = "👨‍👩‍👧‍👦"

subjects = st.text(alphabet=st.characters(), max_size=200) | st.text(
    alphabet=st.sampled_from(
        "運動会延期のお知らせ①㈱髙﨑がか゛\u3099👍🏽\u200d\ufe0f🇯🇵 ab=?.\r\n\x00"
    ),
    max_size=120,
)


def unfolded(header: bytes) -> bytes:
    return header.removesuffix(b"\r\n").replace(b"\r\n", b"")


def decoded(header: bytes) -> str:
    """Decode as RFC 2047 says, and nothing else."""
    value = unfolded(header).partition(b":")[2][1:]
    joined = re.sub(rb"(\?=) (?==\?UTF-8\?B\?)", rb"\1", value)
    return ENCODED_WORD.sub(lambda m: b64decode(m[1]), joined).decode()


@given(subjects)
@example("")
@example(" ")
@example("  二つの  空白  ")
@example("Re: Re: 遠足 the 2nd =?UTF-8?B?44GC?=")
@example("a" * 300)
@example("か\u3099" * 60)
@example("e\u0301" * 400)
@example("か" + "\u3099" * 400)
@example(FAMILY * 20)
@example("件名\r\nBcc: victim@example.jp\r\n\r\nbody")
def test_any_subject_decodes_to_itself(subject: str) -> None:
    header = text_header("Subject", subject)
    assert decoded(header) == clean(subject)


@given(subjects)
def test_no_subject_breaks_the_form(subject: str) -> None:
    header = text_header("Subject", subject)
    first, *rest = header.removesuffix(b"\r\n").split(b"\r\n")
    assert first.startswith(b"Subject:")
    assert all(line.startswith(b" ") and line.strip() for line in rest)
    assert all(len(line) <= 76 for line in (first, *rest))
    assert not re.search(rb"[^\x20-\x7e\r\n]", header)
    assert all(len(word) <= 75 for word in header.split() if word.startswith(b"=?"))
    assert b"?==?" not in header


@given(
    st.text(alphabet=st.sampled_from("運動会延期のお知らせ①㈱髙﨑がabc1"), min_size=1, max_size=120)
)
def test_the_standard_library_reads_the_same(subject: str) -> None:
    raw = text_header("Subject", subject) + b"\r\n"
    assert message_from_bytes(raw, policy=default)["Subject"] == subject
    old = message_from_bytes(raw, policy=compat32)["Subject"]
    assert str(make_header(decode_header(old))) == subject


@given(subjects)
def test_no_subject_begins_another_header(subject: str) -> None:
    raw = text_header("Subject", subject) + b"X-After: yes\r\n\r\n"
    assert message_from_bytes(raw, policy=compat32).keys() == ["Subject", "X-After"]


@given(st.text(alphabet=st.sampled_from(f"お知らせ{FAMILY}e\u0301か\u3099🇯🇵👍🏽ﾊﾟ"), max_size=90))
def test_every_encoded_word_is_whole_characters(subject: str) -> None:
    for match in ENCODED_WORD.finditer(text_header("Subject", subject)):
        b64decode(match[1], validate=True).decode("utf-8")


@pytest.mark.parametrize(
    "grapheme", [FAMILY, "か\u3099", "ﾊﾟ", "🇯🇵", "👍🏽", "e\u0301", "葛\U000e0100"]
)
def test_what_a_reader_sees_as_one_character_is_never_cut(grapheme: str) -> None:
    words = ENCODED_WORD.findall(text_header("Subject", "あ" + grapheme * 40))
    assert len(words) > 1
    texts = [b64decode(word).decode() for word in words]
    assert all(text.removeprefix("あ").replace(grapheme, "") == "" for text in texts)


jis_texts = st.text(
    alphabet=st.sampled_from("運動会延期のお知らせ、～－―￠¥‾〜ァ ab=?.")
    | st.characters(codec="iso2022_jp", exclude_characters="\x1b"),
    max_size=120,
).filter(fits)


@given(jis_texts)
@settings(max_examples=60)
def test_every_word_of_iso_2022_jp_is_whole(subject: str) -> None:
    """Each word is read by itself: it begins and ends in ASCII, and no character is cut."""
    header = text_header("Subject", subject, JIS)
    first, *rest = header.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(line) <= 76 for line in (first, *rest))
    assert all(line.startswith(b" ") and line.strip() for line in rest)
    words = re.findall(rb"=\?ISO-2022-JP\?B\?([^?]*)\?=", header)
    for word in words:
        data = b64decode(word, validate=True)
        assert data.decode("iso2022_jp").encode("iso2022_jp") == data
    value = re.sub(rb"(\?=) (?==\?)", rb"\1", unfolded(header).partition(b":")[2][1:]).decode()
    for word in words:
        plain = b64decode(word).decode("iso2022_jp")
        value = value.replace(f"=?ISO-2022-JP?B?{word.decode()}?=", plain, 1)
    assert value.encode("iso2022_jp") == JIS.encode(clean(subject))


@pytest.mark.parametrize(
    "text", ["①", "㈱", "髙﨑", "ｶﾞ", "👍", "が\u3099", "\x1b$B", "a\x0eb", "\ud800"]
)
def test_what_iso_2022_jp_has_not_does_not_fit(text: str) -> None:
    assert fits("お知らせ")
    assert not fits(f"お知らせ{text}")


def test_what_windows_types_is_the_standard_s_twin() -> None:
    assert JIS.encode("９～１７時－").decode("iso2022_jp") == "９〜１７時−"


def test_a_display_name_in_iso_2022_jp() -> None:
    raw = address_header("From", "renraku@city.example.jp", "第三小学校", JIS) + b"\r\n"
    name, address = parseaddr(message_from_bytes(raw, policy=compat32)["From"])
    assert decode_header(name)[0][1] == "iso-2022-jp"
    assert str(make_header(decode_header(name))) == "第三小学校"
    assert address == "renraku@city.example.jp"


def test_ascii_words_stay_readable() -> None:
    assert text_header("Subject", "PTA 総会 2026") == (
        b"Subject: PTA =?UTF-8?B?57eP5Lya?= 2026\r\n"
    )


def test_a_lone_surrogate_does_not_stop_a_broadcast() -> None:
    assert decoded(text_header("Subject", "お\ud800知らせ")) == "お\ufffd知らせ"


@pytest.mark.parametrize(
    ("display", "shown"),
    [
        ("第三小学校", "第三小学校"),
        ("Daisan School", "Daisan School"),
        ("Dr. Who, PhD", "Dr. Who, PhD"),
        ('A "quoted" \\ name', 'A "quoted" \\ name'),
        ("とても長い名前の市立第三小学校教育委員会連絡係" * 3,) * 2,
        ("Evil\r\nBcc: x@example.jp", "Evil  Bcc: x@example.jp"),
        ("=?UTF-8?B?44GC?=", "=?UTF-8?B?44GC?="),
    ],
)
def test_display_names(display: str, shown: str) -> None:
    raw = address_header("From", "renraku@city.example.jp", display)
    # Not policy.default: its reader puts spaces between the encoded words of a name.
    name, address = parseaddr(message_from_bytes(raw + b"\r\n", policy=compat32)["From"])
    assert str(make_header(decode_header(name))) == shown
    assert address == "renraku@city.example.jp"
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))


@given(st.text(max_size=100))
def test_no_display_name_begins_another_header(display: str) -> None:
    raw = address_header("From", "renraku@city.example.jp", display) + b"X-After: yes\r\n\r\n"
    assert message_from_bytes(raw, policy=compat32).keys() == ["From", "X-After"]
    assert unfolded(raw.partition(b"X-After")[0]).endswith(b"renraku@city.example.jp>") or (
        not display.strip()
    )


def test_a_quoted_local_part_stays_quoted() -> None:
    assert address_header("To", '"a..b."@docomo.ne.jp') == b'To: "a..b."@docomo.ne.jp\r\n'


@pytest.mark.parametrize("bad", ["", "a b@example.jp", "a@example.jp\r\nBcc: b", "あ@example.jp"])
def test_a_bad_address_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="To"):
        address_header("To", bad)


@pytest.mark.parametrize("bad", ["", "<a>\r\nX: y", "<あ>", "a\tb", " a", "x" * 1000])
def test_a_bad_token_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        token_header("Message-ID", bad)


def test_several_tokens_stand_on_lines_of_their_own() -> None:
    header = token_header("List-Unsubscribe", "<https://x.jp/u/1>", "<mailto:l@x.jp>")
    assert header == b"List-Unsubscribe: <https://x.jp/u/1>,\r\n <mailto:l@x.jp>\r\n"


def test_a_bad_header_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        text_header("Subject:\r\nBcc", "x")
