"""Asking a mail server for TLS, against aiosmtpd."""

from __future__ import annotations

from pathlib import Path

import pytest

from channels.email.tls_offer import NoTls, NotReached, try_tls
from tests.channels.email.tls_server import HOST, make_certificate, tls_server
from tests.smtp_standin import free_port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("at_once", [False, True])
def test_a_certificate_that_nobody_knows_does_not_hold(
    certificate: Path, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_server(certificate, at_once) as port:
        with pytest.raises(NoTls, match="certificate does not hold"):
            try_tls(HOST, port, "a.jp", at_once)
        try_tls(HOST, port, "a.jp", at_once, verified=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        try_tls(HOST, port, "a.jp", at_once)


def test_who_offers_none_and_who_is_not_there() -> None:
    with tls_server() as port, pytest.raises(NoTls, match="does not offer STARTTLS"):
        try_tls(HOST, port, "a.jp")
    with pytest.raises(NotReached, match="does not answer"):
        try_tls(HOST, free_port(), "a.jp")
