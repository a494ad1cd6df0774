"""The URLs of relays, and of going without one."""

import pytest

from channels.email.relays import Direct, Relay, ways


def test_several_relays_in_order() -> None:
    assert ways("smtp://one.example.jp, smtps://u%40x:p%2Fw@two.example.jp:4650?rate=2.5") == (
        Relay("one.example.jp", 25, "offered"),
        Relay("two.example.jp", 4650, "at once", "u@x", "p/w", rate=2.5),
    )
    assert ways("smtp://h?connections=3") == (Relay("h", 25, "offered", connections=3),)


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
    assert [way.tls for way in ways(url)] == [tls]


def test_straight_to_the_exchangers() -> None:
    assert ways("mx://") == (Direct(),)
    assert ways("mx://203.0.113.5?port=2525&tls=required, mx://[2001:DB8::1]") == (
        Direct("203.0.113.5", 2525, "required"),
        Direct("2001:db8::1"),
    )


@pytest.mark.parametrize(
    "urls",
    [
        "",
        " , ",
        "http://secret@h",
        "smtp://",
        "smtp://[secret",
        "smtp://h?tls=perhaps",
        "smtp://h?verify=no",
        "smtp://h?rate=secret",
        "smtp://h?rate=0",
        "smtp://h?rate=nan",
        "smtp://h?connections=2.5",
        "smtp://h?port=25",
        "smtp://u:secret/x@h:587",
    ],
)
def test_what_is_no_relay_is_refused_and_not_repeated(urls: str) -> None:
    with pytest.raises(ValueError, match="relay") as error:
        ways(urls)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "urls",
    [
        "mx://, smtp://u:secret@h",
        "mx://secret.example.jp",
        "mx://203.0.113.5:2525",
        "mx://u:secret@203.0.113.5",
        "mx://203.0.113.5/secret",
        "mx://203.0.113.5, mx://203.0.113.5?port=2525",
    ],
)
def test_what_cannot_be_sent_from_is_refused_and_not_repeated(urls: str) -> None:
    with pytest.raises(ValueError, match="mx://") as error:
        ways(urls)
    assert "secret" not in str(error.value)


def test_a_relay_does_not_show_its_password() -> None:
    assert "hidden" not in repr(ways("smtp://u:hidden@h"))
