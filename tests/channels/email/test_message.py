"""Messages, as the standard library's reader sees them."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from channels.base import Bulk, Picture, Recipient
from channels.email.jis import fits
from channels.email.links import without_links
from channels.email.message import Sender, base64_lines, stuffed, template
from domain.content import JIS, JIS_PLAIN, MAIL_FORMS, PLAIN
from domain.deliveries import message_id
from domain.wording import LANGUAGES, catalogue

SENDER = Sender("renraku@city.example.jp", "連絡網")
TEXT = "明日の遠足は、雨のため延期します。\nお弁当をお持ちください。\n"
BULK = Bulk(
    board="city",
    sender_name="第三小学校",
    list_id="dai3.city.example.jp",
    subject="【第三小学校】明日の遠足は延期します",
    text=TEXT,
    language="ja",
    date=datetime(2026, 5, 7, 6, 30, tzinfo=timezone(timedelta(hours=9))),
)
TO = Recipient(
    delivery_id=7,
    address="a..b.@docomo.ne.jp",
    message_id="abc@city.example.jp",
    page_url="https://renraku.example.jp/m/token7",
    leave_url="https://renraku.example.jp/u/token7",
    leave_mail="leave-token7@in.example.jp",
)
PICTURES = tuple(
    Picture(f"{n}" * 64, "image/jpeg", 4, 3, bytes([n]) * 5000, b"small") for n in (1, 2)
)


def wire(bulk: Bulk = BULK, to: Recipient = TO) -> bytes:
    return template(bulk, SENDER).wire(to, '"a..b."@docomo.ne.jp')


def parsed(bulk: Bulk = BULK, to: Recipient = TO) -> EmailMessage:
    return message_from_bytes(wire(bulk, to), policy=default)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_the_headers() -> None:
    mail = parsed()
    assert not mail.defects
    assert mail["From"] == "第三小学校 <renraku@city.example.jp>"
    assert mail["To"].addresses[0].username == "a..b."
    assert mail["Subject"] == BULK.subject
    assert mail["Date"].datetime == BULK.date
    assert mail["Message-ID"] == "<abc@city.example.jp>"
    assert mail["List-Id"] == "<dai3.city.example.jp>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "ja"
    assert mail["MIME-Version"] == "1.0"
    assert mail["Precedence"] is None


def test_leaving_by_one_click() -> None:
    mail = parsed()
    assert mail["List-Unsubscribe"] == (
        "<https://renraku.example.jp/u/token7>, <mailto:leave-token7@in.example.jp>"
    )
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_leaving_by_mail_alone_promises_no_click() -> None:
    mail = parsed(to=TO._replace(leave_url=""))
    assert mail["List-Unsubscribe"] == "<mailto:leave-token7@in.example.jp>"
    assert mail["List-Unsubscribe-Post"] is None


def test_nobody_leaves_by_way_of_an_emergency() -> None:
    mail = parsed(replace(BULK, ordinary=False))
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None
    assert TO.leave_url not in text_of(mail)
    assert TO.page_url in text_of(mail)


def test_the_text_and_its_footer() -> None:
    assert text_of(parsed()) == (
        f"{TEXT}\n▼このお知らせのページ\n{TO.page_url}\n\n"
        f"▼お知らせの受け取りをやめるときは\n{TO.leave_url}\n"
    )
    assert "View this notice:" in text_of(parsed(replace(BULK, language="en")))


def test_who_is_asked_to_confirm_does_so_on_the_page() -> None:
    """A link in a mail that confirmed by itself would be followed by every scanner."""
    asking = replace(
        BULK, confirm_token="t", how_to_confirm="x", signature="第三小学校", lead="【訂正】"
    )
    assert text_of(parsed(asking)) == (
        f"【訂正】\n\n{TEXT}\n▼お読みになったら、このページで「確認しました」を押してください\n{TO.page_url}\n\n"
        f"▼お知らせの受け取りをやめるときは\n{TO.leave_url}\n\n第三小学校\n"
    )


def test_without_links_there_is_no_footer() -> None:
    assert text_of(parsed(to=Recipient(1, "a@b.jp", "x@y.jp", "", ""))) == TEXT


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400))
def test_any_text_arrives_whole(text: str) -> None:
    body = text_of(parsed(replace(BULK, text=text)))
    wanted = text.rstrip().replace("\r\n", "\n").replace("\r", "\n")
    assert body.startswith(f"{wanted}\n\n▼")


WILD = st.text(
    st.characters()
    | st.sampled_from("お知らせ①が\u3099👨‍👩‍👧\ud800\x00\x1b\r\n\t. %http://www.jp～"),
    max_size=200,
)


@given(WILD, WILD, st.sampled_from(MAIL_FORMS))
@settings(max_examples=60)
@example("あ" * 2000, "", JIS)
@example("a" * 998, "", JIS)
@example(".\n.." + "a" * 995, "件名\r\nBcc: victim@example.jp\r\n\r\nbody", JIS)
def test_the_wire_form(text: str, name: str, form: str) -> None:
    bulk = replace(BULK, text=text, subject=name, sender_name=name, signature=name, mail_form=form)
    for each in (bulk, replace(bulk, pictures=PICTURES[:1])):
        head, _, body = wire(each).partition(b"\r\n\r\n")
        lines = (head + b"\r\n" + body).split(b"\r\n")
        assert lines.pop() == b""
        assert all(len(line) <= 998 and not set(line) & set(b"\0\r\n") for line in lines)
        assert not any(line.startswith(b".") and not line.startswith(b"..") for line in lines)
        assert all(line.isascii() for line in lines)
        bare = b"Content-Transfer-Encoding: 7bit" in lines
        assert bare or all(len(line) <= 78 for line in lines)
        names = [line.partition(b":")[0] for line in head.split(b"\r\n") if line[:1] != b" "]
        assert len(names) == len(set(names))
        assert set(names) <= HEADERS


HEADERS = set(
    b"From Subject Date MIME-Version Auto-Submitted List-Id Content-Language Content-Type To "
    b"Content-Transfer-Encoding Message-ID List-Unsubscribe List-Unsubscribe-Post".split()
)


@given(st.text(st.sampled_from("運動会の延期、～〜ab.\n \t%"), max_size=300))
@settings(max_examples=40)
@example("あ" * 600)
def test_iso_2022_jp_arrives_whole(text: str) -> None:
    mail = parsed(replace(BULK, text=text, mail_form=JIS))
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content_charset() == "iso-2022-jp"
    wanted = text.rstrip().replace("～", "〜")
    assert unstuffed(text_of(mail)).startswith(
        f"{wanted}\n\n▼このお知らせのページ\n{TO.page_url}\n"
    )


def unstuffed(text: str) -> str:
    return f"\n{text}".replace("\n..", "\n.")[1:]


def test_iso_2022_jp_is_text_as_it_is() -> None:
    raw = wire(replace(BULK, mail_form=JIS))
    assert b"\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\n" in raw
    assert b"\r\nContent-Transfer-Encoding: 7bit\r\n" in raw
    assert b"\r\nSubject: =?ISO-2022-JP?B?" in raw
    assert b"UTF-8" not in raw
    assert parsed(replace(BULK, mail_form=JIS))["Subject"] == BULK.subject


@pytest.mark.parametrize(
    "other", [{"subject": "①"}, {"text": "髙﨑"}, {"sender_name": "㈱"}, {"signature": "👍"}]
)
def test_one_character_that_does_not_fit_makes_the_mail_utf_8(other: dict[str, str]) -> None:
    raw = wire(replace(BULK, mail_form=JIS, **other))  # type: ignore[arg-type]
    assert b"ISO-2022-JP" not in raw
    assert b"=?UTF-8?B?" in raw


def test_a_line_too_long_for_mail_is_wrapped_by_nobody() -> None:
    raw = wire(replace(BULK, text="あ" * 600, mail_form=JIS))
    assert b"charset=ISO-2022-JP\r\nContent-Transfer-Encoding: base64" in raw


def test_all_that_we_write_below_a_mail_fits() -> None:
    for language in LANGUAGES:
        texts = catalogue(language)
        ours = [texts[key] for key in texts if key.startswith(("mail.", "copy."))]
        assert all(map(fits, ours))


SIGNED = "第三小学校\nこの連絡が本物か確かめる: https://renraku.example.jp/verify/ABCD"


def test_a_mail_without_links() -> None:
    text = "詳しくは（https://x.jp/dai3?a=1#b）か、dai3.example.ed.jp/今日 を。\nWWW.example.com。"
    bulk = replace(
        BULK,
        subject="http://x.jp を見て",
        text=text,
        confirm_token="t",
        signature=SIGNED,
        mail_form=PLAIN,
    )
    note = "（リンクは省略しました。学校にお問い合わせください）"
    mail = parsed(bulk)
    assert mail["Subject"] == f"{note} を見て"
    assert text_of(mail) == (
        f"詳しくは（{note}）か、{note}今日 を。\n{note}。\n\n"
        "▼お読みになったら\n"
        "このメールにはリンクがありません。お読みになったことを学校にお知らせください。\n\n"
        "▼お知らせの受け取りをやめるときは\n"
        "学校にお申し出になるか、次のあて先にメールをお送りください。本文は何でもかまいません。\n"
        f"{TO.leave_mail}\n\n第三小学校\n"
    )
    assert mail["List-Unsubscribe"] == f"<mailto:{TO.leave_mail}>"
    assert mail["List-Unsubscribe-Post"] is None


def test_whoever_cannot_leave_by_mail_nor_by_a_link_asks_the_school() -> None:
    mail = parsed(replace(BULK, mail_form=PLAIN), TO._replace(leave_mail=""))
    assert text_of(mail).endswith("▼お知らせの受け取りをやめるときは\n学校にお申し出ください。\n")
    assert mail["List-Unsubscribe"] is None
    urgent = parsed(replace(BULK, mail_form=PLAIN, ordinary=False))
    assert text_of(urgent) == TEXT


LINKS = st.sampled_from(
    [
        "http://",
        "https://x.jp",
        "HTTP://",
        "www.",
        "a.jp",
        "x@a.jp",
        "。",
        "/",
        "ht",
        "://",
        ".com",
        " ",
    ]
)


@given(st.lists(LINKS | st.text(max_size=5), max_size=20).map("".join))
@settings(max_examples=60)
def test_no_link_is_left_in_a_mail_without_links(text: str) -> None:
    bulk = replace(BULK, text=text, lead=text, signature=f"{text}\n{SIGNED}", mail_form=PLAIN)
    body = text_of(parsed(bulk)).lower()
    assert "http://" not in body
    assert "https://" not in body
    assert "www." not in body
    rest = body.replace(TO.leave_mail, "")
    assert without_links(rest, "ja") == rest


@pytest.mark.parametrize(
    "text", ["info@city.example.jp", "10.5 kg", "e.g. a.m.", "a.jpg", "taro.to@x.jp"]
)
def test_what_is_no_link_stays(text: str) -> None:
    assert text_of(parsed(replace(BULK, text=text, mail_form=PLAIN))).startswith(f"{text}\n")


def test_pictures_are_no_links() -> None:
    text, *pictures = parsed(replace(BULK, pictures=PICTURES, mail_form=JIS_PLAIN)).iter_parts()
    assert text.get_content_charset() == "iso-2022-jp"
    assert [part.get_content_disposition() for part in pictures] == ["attachment", "attachment"]
    assert [part.get_content() for part in pictures] == [p.data for p in PICTURES]


def test_text_comes_first_and_pictures_are_intact() -> None:
    mail = parsed(replace(BULK, pictures=PICTURES))
    text, *pictures = mail.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert text.get_content_charset() == "utf-8"
    assert text_of(mail).startswith(TEXT)
    assert [part.get_content_disposition() for part in pictures] == ["inline", "inline"]
    assert [part.get_filename() for part in pictures] == ["1.jpg", "2.jpg"]
    assert [part.get_content() for part in pictures] == [p.data for p in PICTURES]


def test_only_personal_parts_differ() -> None:
    mail = template(BULK, SENDER)
    other = TO._replace(message_id="def@city.example.jp", page_url="https://renraku.example.jp/m/x")
    first, second = (mail.wire(to, "x@example.jp") for to in (TO, other))
    assert first != second
    assert first == mail.wire(TO, "x@example.jp")


@pytest.mark.parametrize("form", MAIL_FORMS)
@pytest.mark.parametrize(
    "bad",
    [
        {"message_id": "a@b.jp>\r\nBcc: x"},
        {"page_url": "https://x.jp/\r\n.\r\n"},
        {"leave_url": "https://x.jp/ y"},
        {"leave_mail": "a\n@x.jp"},
        {"leave_mail": "あ@x.jp"},
        {"leave_url": "https://x.jp/" + "a" * 1000},
        {"leave_mail": "a" * 1000 + "@x.jp"},
        {"leave_mail": "%" * 400 + "@x.jp"},
    ],
)
def test_nothing_personal_can_break_a_mail(form: str, bad: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="recipient's"):
        wire(replace(BULK, mail_form=form), TO._replace(**bad))  # type: ignore[arg-type]


@pytest.mark.parametrize("to", ["", "a@b.jp\r\nBcc: x", "あ@b.jp", "a b@c.jp", "a\ud800@b.jp"])
def test_no_address_can_break_a_mail(to: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a lone surrogate is refused by the codec
        template(BULK, SENDER).wire(TO, to)


def test_a_leave_address_is_escaped_in_its_link() -> None:
    to = TO._replace(leave_mail="a?%b&c@in.example.jp")
    assert "<mailto:a%3F%25b%26c@in.example.jp>" in parsed(to=to)["List-Unsubscribe"]


def test_a_mail_with_no_name_of_its_own_has_the_system_s() -> None:
    assert parsed(replace(BULK, sender_name=""))["From"].startswith("連絡網 ")


def test_message_ids_are_stable_and_cannot_be_guessed() -> None:
    made = message_id(b"key", 1, 2, "city.example.jp")
    assert made == message_id(b"key", 1, 2, "city.example.jp")
    others = {message_id(b"key", 12, 2, "x.jp"), message_id(b"key", 1, 22, "x.jp")}
    others |= {message_id(b"key", 122, 0, "x.jp"), message_id(b"kez", 1, 2, "x.jp")}
    assert len({other.partition("@")[0] for other in others} | {made.partition("@")[0]}) == 5
    assert made.endswith("@city.example.jp")


@pytest.mark.parametrize(
    ("lines", "safe"),
    [(b".\r\n", b"..\r\n"), (b"a\r\n.b\r\n", b"a\r\n..b\r\n"), (b"a.b\r\n", b"a.b\r\n")],
)
def test_dots_are_stuffed(lines: bytes, safe: bytes) -> None:
    assert stuffed(lines) == safe


@given(st.binary(max_size=300))
def test_base64_lines(data: bytes) -> None:
    lines = base64_lines(data).split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) == 76 for line in lines[:-1])
    assert (
        message_from_bytes(
            b"Content-Transfer-Encoding: base64\r\n\r\n" + base64_lines(data)
        ).get_payload(decode=True)
        == data
    )
