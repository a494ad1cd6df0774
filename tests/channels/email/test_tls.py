"""Encryption and signing in."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from channels.base import Message
from domain.outcomes import Accepted, Outcome, TryLater
from tests.channels.answers import answer
from tests.channels.email.sending import QUICK, channel_to, sent, wait_for
from tests.smtp_standin import SmtpStandin, smtp_standin


def answered(url: str) -> Outcome:
    channel = channel_to(url)
    try:
        return channel.reply(answer("a@example.jp", Message("試験")))
    finally:
        channel.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls") / "certificate.pem"


@pytest.fixture(scope="module")
def relay(certificate: Path) -> Iterator[SmtpStandin]:
    """Takes mail in TLS alone, and from one user."""
    with smtp_standin("--tls=offered", "--login=u:p", f"--certificate={certificate}") as relay:
        yield relay


@pytest.fixture
def trusted(relay: SmtpStandin, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert relay.port
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def test_tls_is_used_when_offered_whoever_signed_the_certificate() -> None:
    with smtp_standin("--tls=offered") as relay:
        assert answered(relay.url) == Accepted("00000001")


def test_required_tls_wants_a_certificate_to_trust(relay: SmtpStandin) -> None:
    assert answered(f"{relay.url}?tls=required") == TryLater("no_relay")
    assert answered(f"smtp://u:p@127.0.0.1:{relay.port}") == TryLater("no_relay")
    assert relay.stats()["messages"] == 0


@pytest.mark.usefixtures("trusted")
def test_signing_in(relay: SmtpStandin) -> None:
    assert answered(f"smtp://u:p@127.0.0.1:{relay.port}") == Accepted("00000001")
    wrong = answered(f"smtp://u:wrong@127.0.0.1:{relay.port}")
    assert wrong == TryLater("relay_needs_login")
    assert relay.stats()["messages"] == 1


def test_tls_at_once(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = certificate.with_name("at-once.pem")
    with smtp_standin("--tls=at-once", "--login=u:p", f"--certificate={path}") as relay:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        assert answered(f"smtps://u:p@127.0.0.1:{relay.port}") == Accepted("00000001")


@contextmanager
def half_a_server(*said: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Says these lines, each to one of ours, and then hangs up; and what it heard."""
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                for line in said:
                    connection.sendall(line)
                    heard.append(connection.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], heard
        listening.shutdown(socket.SHUT_RDWR)


HASTY = replace(QUICK, command=0.1, quit=0.1, handshake=0.05)
GREETING = (b"220 hello\r\n", b"250-hello\r\n250 STARTTLS\r\n")


@pytest.mark.usefixtures("short_pauses")
@pytest.mark.parametrize("handshake", [b"no TLS\r\n", b""])
def test_who_offers_tls_and_cannot_is_given_the_mail_without(handshake: bytes) -> None:
    """Also who says nothing any more."""
    with half_a_server(*GREETING, b"220 go on\r\n", handshake) as (port, heard):
        channel = channel_to(f"smtp://127.0.0.1:{port}", timeouts=HASTY)
        assert sent(channel, "a@example.jp").outcomes_of == {1: TryLater("no_relay")}
        wait_for(lambda: len(heard) == 4 or bool(handshake))
        heard.clear()
        sent(channel, "a@example.jp")
        channel.close()
    assert heard[1].startswith(b"MAIL FROM")


def test_a_server_that_hangs_up_after_its_greeting_is_not_waited_for() -> None:
    with half_a_server(b"220 hello\r\n") as (port, _):
        channel = channel_to(f"smtp://127.0.0.1:{port}")
        assert sent(channel, "a@example.jp").outcomes_of == {1: TryLater("no_relay")}
        channel.close()
