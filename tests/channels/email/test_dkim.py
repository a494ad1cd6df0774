"""Signatures, as dkimpy verifies them: whatever is sent, and none of it changed afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Bulk, Recipient
from channels.email.dkim import (
    BITS,
    KeyRefused,
    Signer,
    new_key,
    private_pem,
    read_signer,
    record_name,
    record_strings,
)
from channels.email.message import template
from domain.content import JIS, JIS_PLAIN, MAIL_FORMS
from tests.channels.email.test_message import BULK, PICTURES, SENDER, TO

# Made with `openssl genrsa 512`, and used for nothing else.
SHORT = b"""-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBAO4rvFzjNAQ5kwpgY75otEhy0AZXGUK/G5mAwz4MYoxbFmWSU4G/
d82rC4qjRFZpRhI2uZxXhkvUAkoPKn5hozUCAwEAAQJBAOOZX/PUG00+R8nOuwKm
xEHHlgu5CCbEwfc7GVkeNL6yJMZGOlwZ30L9gTu1bOw7G88yeqyPyiLJq7JNxbHg
4DECIQD/ynlfa3hErafzEVYO0qejduYuB6z+Sve5nqsg11/F2wIhAO5dkxbWtNUf
Vq2zNEnMhBuoDwVlXtE+PbkHw+JpnfAvAiBRw5Iam0rdgTkfbJo6sMGfcgFQE2oL
+0DGl96R5+aYYwIhAM9toN2EFDNOpThdNUhvcBs9IW05rMx71GybJEx4SpfDAiAh
+lyp8A50gIABe8q8/OmXNz+9JYgPZeWcV1PVlnOP/w==
-----END RSA PRIVATE KEY-----
"""


@cache
def key() -> RSAPrivateKey:
    """One key for all tests: making one takes long."""
    return new_key()


def ours() -> Signer:
    return Signer("city.example.jp", "r2026a", key())


ASKING = replace(BULK, confirm_token="t", signature="第三小学校\n確かめる: https://r.jp/verify/A")
LONG = replace(
    BULK, subject="運動会の延期と持ち物についてのお知らせ　" * 9, sender_name="教育委員会" * 9
)
SPACED = replace(BULK, text=".点\n\n. 二  つ\tの \t \n\n\n..end  \t\n")


def signed(bulk: Bulk, to: Recipient = TO, signer: Signer | None = None) -> bytes:
    """A copy as whoever receives it has it: the dots of SMTP are taken off again."""
    wire = template(bulk, SENDER, signer=signer or ours()).wire(to, '"a..b."@docomo.ne.jp')
    return wire.replace(b"\r\n..", b"\r\n.")


def answer(name: bytes, timeout: int = 0) -> bytes | None:
    """What DNS says: the one record that the runbook has people publish."""
    wanted = record_name("r2026a", "city.example.jp")
    return "".join(record_strings(key())).encode() if name.decode() == f"{wanted}." else None


def verified(message: bytes) -> bool:
    return bool(dkim.verify(message, dnsfunc=answer))


@pytest.mark.parametrize("form", MAIL_FORMS)
@pytest.mark.parametrize(
    "bulk",
    [BULK, ASKING, LONG, SPACED, replace(BULK, pictures=PICTURES), replace(BULK, ordinary=False)],
    ids=["plain text", "asking", "long", "spaces", "pictures", "emergency"],
)
def test_every_variant_is_verified(bulk: Bulk, form: str) -> None:
    message = signed(replace(bulk, mail_form=form))
    assert (b"7bit" in message) == (form in (JIS, JIS_PLAIN))
    assert verified(message)


@pytest.mark.parametrize(
    "to", [Recipient(1, "a@b.jp", "x@y.jp", "", ""), TO._replace(leave_url="")]
)
def test_whoever_has_fewer_links_has_a_sound_signature(to: Recipient) -> None:
    assert verified(signed(BULK, to))
    assert verified(signed(replace(BULK, mail_form=JIS, text=""), to))


WILD = st.text(
    st.characters() | st.sampled_from(" \t\r\n.%①か\u3099👨‍👩‍👧\ud800\x00\x1b～"), max_size=200
)


@given(WILD, WILD, WILD, st.sampled_from(MAIL_FORMS))
@settings(max_examples=40)
def test_whatever_people_write(text: str, subject: str, name: str, form: str) -> None:
    bulk = replace(BULK, text=text, subject=subject, sender_name=name, signature=name)
    assert verified(signed(replace(bulk, mail_form=form)))


@given(st.text("あいう .\t\n%A〜", max_size=200), st.text("あ い\t.", max_size=60))
@settings(max_examples=40)
def test_spaces_and_dots_in_7_bits(text: str, name: str) -> None:
    bulk = replace(BULK, text=text, lead=name, signature=name, mail_form=JIS)
    assert verified(signed(bulk))


def _header(name: str) -> Callable[[bytes], bytes]:
    return lambda message: re.sub(rb"(\r\n%s: .)" % name.encode(), rb"\1x", message, count=1)


CHANGES = {
    name: _header(name)
    for name in (
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "Auto-Submitted",
        "Content-Language",
    )
} | {
    "the shared body": lambda message: message.replace(b"\r\n\r\n", b"\r\n\r\nAAAA", 1),
    "the personal end": lambda message: message[:-2] + b"\r\nAAAA\r\n",
    "another From": lambda message: b"From: evil@example.com\r\n" + message,
    "another Subject": lambda message: b"Subject: evil\r\n" + message,
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_can_be_changed(change: str) -> None:
    message = signed(BULK)
    changed = CHANGES[change](message)
    assert changed != message
    assert not verified(changed)


def test_nobody_can_add_a_way_to_leave_an_emergency() -> None:
    message = signed(replace(BULK, ordinary=False))
    assert verified(message)
    assert not verified(b"List-Unsubscribe: <https://evil.example/>\r\n" + message)


def test_a_picture_cannot_be_changed() -> None:
    message = signed(replace(BULK, pictures=PICTURES))
    assert not verified(message.replace(b"AQEB", b"AQEC", 1))


def test_relays_may_fold_and_space_headers_anew() -> None:
    message = signed(LONG).replace(b"\r\nSubject: ", b"\r\nSUBJECT:\t ")
    assert verified(message.replace(b"List-Id: ", b"List-Id:   \r\n  "))


def test_no_line_of_the_header_is_long() -> None:
    signer = Signer("renrakumo.board-of-education.city.example.lg.jp", "r" * 60, key())
    lines = signed(BULK, signer=signer).split(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[0].startswith(b"DKIM-Signature: v=1; a=rsa-sha256;")
    assert max(map(len, lines)) <= 78


def test_each_recipient_has_their_own_signature() -> None:
    mail = template(BULK, SENDER, signer=ours())
    other = TO._replace(page_url="https://renraku.example.jp/m/x", leave_mail="l%n@in.example.jp")
    first, second, again = (mail.wire(to, "x@example.jp") for to in (TO, other, TO))
    assert first == again
    assert verified(first)
    assert verified(second)
    assert first.partition(b"From:")[0] != second.partition(b"From:")[0]


def test_the_record_fits_into_strings_of_dns() -> None:
    strings = record_strings(key())
    assert [len(each) for each in strings] == [255, len("".join(strings)) - 255]
    assert "".join(strings).startswith("v=DKIM1; k=rsa; p=MIIB")


def test_a_key_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "r2026a.pem"
    path.write_bytes(private_pem(key()))
    signer = read_signer("city.example.jp", "r2026a", path)
    assert signer.key.key_size == BITS
    assert verified(signed(BULK, signer=signer))
    assert "PrivateKey" not in repr(signer)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (private_pem(Ed25519PrivateKey.generate()), "only an RSA key"),  # type: ignore[arg-type]
        (SHORT, "512 bits"),
        (b"no key", "no private key"),
        (None, "cannot be read"),
    ],
    ids=["Ed25519", "short", "none", "missing"],
)
def test_a_key_that_receivers_do_not_take_is_refused(
    tmp_path: Path, file: bytes | None, why: str
) -> None:
    path = tmp_path / "key.pem"
    if file is not None:
        path.write_bytes(file)
    with pytest.raises(KeyRefused, match=why):
        read_signer("city.example.jp", "r2026a", path)


@pytest.mark.parametrize("name", ["", "a b", "x;\r\nBcc: y", "あ", "a..b", "-a"])
def test_a_name_that_could_break_the_header_is_refused(name: str) -> None:
    with pytest.raises(KeyRefused, match="letters"):
        Signer("city.example.jp", name, key())
    with pytest.raises(KeyRefused, match="letters"):
        Signer(name, "r2026a", key())
