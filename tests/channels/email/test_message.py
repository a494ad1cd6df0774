"""Messages, as the standard library's reader sees them."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Bulk, Picture, Recipient
from channels.email.message import Sender, base64_lines, stuffed, template
from domain.deliveries import message_id

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
    mail = parsed(to=replace(TO, leave_url=""))
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


@given(st.text(max_size=300), st.text(max_size=80))
def test_the_wire_form(text: str, subject: str) -> None:
    lines = wire(replace(BULK, text=text, subject=subject, pictures=PICTURES[:1])).split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 78 and b"\r" not in line and b"\n" not in line for line in lines)
    assert not any(line.startswith(b".") for line in lines)


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
    other = replace(TO, message_id="def@city.example.jp", page_url="https://renraku.example.jp/m/x")
    first, second = (mail.wire(to, "x@example.jp") for to in (TO, other))
    assert first != second
    assert first == mail.wire(TO, "x@example.jp")


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
