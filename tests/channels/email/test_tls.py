"""Encryption and signing in, against aiosmtpd, since the stand-in speaks no TLS."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from channels.base import Message
from channels.email.channel import EmailChannel, MailWays
from channels.email.session import Timeouts
from domain.outcomes import Accepted, Outcome, TryLater
from tests.channels.answers import answer
from tests.smtp_standin import free_port


class Taken:
    """Takes every mail, noting whether it came encrypted and from whom."""

    def __init__(self) -> None:
        self.mails: list[tuple[bool, bool]] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.mails.append((session.ssl is not None, bool(session.authenticated)))
        return "250 2.0.0 Ok: queued as TLS1"


def _authenticated(server: Any, session: Any, envelope: Any, how: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"u", b"p")
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    return path


@contextmanager
def relay(certificate: Path, *, at_once: bool = False) -> Iterator[tuple[int, Taken]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    taken = Taken()
    controller = Controller(
        taken,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=context if at_once else None,
        tls_context=None if at_once else context,
        authenticator=_authenticated,
        # aiosmtpd does not see that "at once" is encrypted too.
        auth_require_tls=not at_once,
    )
    controller.start()
    try:
        yield controller.port, taken
    finally:
        controller.stop()


def answered(url: str) -> Outcome:
    ways = MailWays(url, timeouts=Timeouts(2, 2, 2, 1))
    channel = EmailChannel(ways, "renraku@city.example.jp")
    try:
        return channel.reply(answer("a@example.jp", Message("試験")))
    finally:
        channel.close()


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def test_tls_is_used_when_offered_whoever_signed_the_certificate(certificate: Path) -> None:
    with relay(certificate) as (port, taken):
        assert answered(f"smtp://127.0.0.1:{port}") == Accepted("TLS1")
    assert taken.mails == [(True, False)]


def test_required_tls_wants_a_certificate_to_trust(certificate: Path) -> None:
    with relay(certificate) as (port, taken):
        assert answered(f"smtp://127.0.0.1:{port}?tls=required") == TryLater("no_relay")
        assert answered(f"smtp://u:p@127.0.0.1:{port}") == TryLater("no_relay")
    assert taken.mails == []


@pytest.mark.usefixtures("trusted")
def test_signing_in(certificate: Path) -> None:
    with relay(certificate) as (port, taken):
        assert answered(f"smtp://u:p@127.0.0.1:{port}") == Accepted("TLS1")
        assert answered(f"smtp://u:wrong@127.0.0.1:{port}") == TryLater("no_relay")
    assert taken.mails == [(True, True)]


@pytest.mark.usefixtures("trusted")
def test_tls_at_once(certificate: Path) -> None:
    with relay(certificate, at_once=True) as (port, taken):
        assert answered(f"smtps://u:p@127.0.0.1:{port}") == Accepted("TLS1")
    assert len(taken.mails) == 1
