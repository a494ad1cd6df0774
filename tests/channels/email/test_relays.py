"""The URLs of relays."""

import pytest

from channels.email.relays import Relay, relays


def test_several_relays_in_order() -> None:
    assert relays("smtp://one.example.jp, smtps://u%40x:p%2Fw@two.example.jp:4650") == (
        Relay("one.example.jp", 25, "offered"),
        Relay("two.example.jp", 4650, "at once", "u@x", "p/w"),
    )


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("smtp://h", "offered"),
        ("smtp://h?tls=required", "required"),
        ("smtp://u:p@h", "required"),
        ("smtp://u:p@h?tls=offered", "offered"),
        ("smtps://h", "at once"),
    ],
)
def test_a_password_goes_out_encrypted_unless_told_otherwise(url: str, tls: str) -> None:
    assert relays(url)[0].tls == tls


@pytest.mark.parametrize(
    "urls",
    [
        "",
        " , ",
        "http://secret@h",
        "smtp://",
        "smtp://h?tls=perhaps",
        "smtp://h?verify=no",
        "smtp://u:secret/x@h:587",
    ],
)
def test_what_is_no_relay_is_refused_and_not_repeated(urls: str) -> None:
    with pytest.raises(ValueError, match="relay") as error:
        relays(urls)
    assert "secret" not in str(error.value)


def test_a_relay_does_not_show_its_password() -> None:
    assert "hidden" not in repr(relays("smtp://u:hidden@h"))
