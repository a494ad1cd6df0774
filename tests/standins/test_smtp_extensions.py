"""The SMTP stand-in's extensions on order: TLS, login, SMTPUTF8, and replies in pieces."""

import asyncio
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from standins.mailbox import Mailbox
from standins.smtp_session import Server, Session
from tests.smtp_standin import SmtpStandin, smtp_standin
from tests.standins.test_smtp import MAIL, Dialogue


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls") / "certificate.pem"


@pytest.fixture(scope="module")
def guarded(certificate: Path) -> Iterator[SmtpStandin]:
    options = ("--tls=offered", f"--certificate={certificate}", "--login=u:p:w", "--utf8")
    with smtp_standin(*options, "--pieces=3") as standin:
        yield standin


def _client(standin: SmtpStandin, certificate: Path) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", standin.port, timeout=5)
    client.starttls(context=ssl.create_default_context(cafile=str(certificate)))
    client.ehlo()
    return client


def test_tls_login_and_utf8(guarded: SmtpStandin, certificate: Path) -> None:
    with _client(guarded, certificate) as client:
        assert {"auth", "smtputf8"} <= set(client.esmtp_features)
        assert "starttls" not in client.esmtp_features
        assert client.docmd("MAIL FROM:<a@b.jp>")[0] == 530
        client.login("u", "p:w")
        client.sendmail("a@b.jp", ["保護者@d.jp"], MAIL, mail_options=["SMTPUTF8"])
    assert ("保護者@d.jp", "1@b.jp") in guarded.received()


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
@pytest.mark.parametrize(("password", "code"), [("p:w", 235), ("wrong", 535)])
def test_logging_in(
    guarded: SmtpStandin, certificate: Path, mechanism: str, password: str, code: int
) -> None:
    with _client(guarded, certificate) as client:
        client.user, client.password = "u", password
        name = mechanism.removeprefix("auth_").upper()
        initial = mechanism == "auth_plain"
        try:
            answer = client.auth(name, getattr(client, mechanism), initial_response_ok=initial)
        except smtplib.SMTPAuthenticationError as error:
            answer = (error.smtp_code, b"")
        assert answer[0] == code


def test_no_login_in_clear(guarded: SmtpStandin) -> None:
    dialogue = Dialogue(guarded.port).to_mail()
    assert dialogue.ask("AUTH PLAIN AHUAcDp3").startswith("502")
    dialogue.close()


def test_what_was_put_behind_starttls_is_forgotten(guarded: SmtpStandin, certificate: Path) -> None:
    dialogue = Dialogue(guarded.port).to_mail()
    dialogue.write(b"STARTTLS\r\nRSET\r\n")
    assert dialogue.reply().startswith("220")
    context = ssl.create_default_context(cafile=str(certificate))
    with context.wrap_socket(dialogue.socket, server_hostname="localhost") as inner:
        inner.sendall(b"NOOP x\r\nVRFY\r\n")
        received = b""
        while received.count(b"\n") < 2:
            received += inner.recv(100)
    assert received == b"250 2.0.0 Ok\r\n501 5.5.4 Syntax: VRFY\r\n"


def test_tls_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "c.pem"
    with smtp_standin("--tls=at-once", f"--certificate={path}") as standin:
        context = ssl.create_default_context(cafile=str(path))
        with smtplib.SMTP_SSL("localhost", standin.port, timeout=5, context=context) as client:
            client.sendmail("a@b.jp", ["c@d.jp"], MAIL)
            assert "starttls" not in client.esmtp_features
        assert standin.stats()["messages"] == 1


def test_a_server_of_the_plainest_kind() -> None:
    options = ("--no-pipelining", "--no-8bitmime", "--no-enhanced-codes")
    with smtp_standin(*options) as standin:
        with smtplib.SMTP("127.0.0.1", standin.port, timeout=5) as client:
            client.ehlo()
            assert set(client.esmtp_features) == {"size"}
            assert client.docmd("MAIL FROM:<a@b.jp> BODY=8BITMIME")[0] == 555
            client.sendmail("a@b.jp", ["c@d.jp"], MAIL)
            assert client.noop() == (250, b"Ok")
        dialogue = Dialogue(standin.port).to_mail()
        dialogue.write(b"NOOP\r\nNOOP\r\n")
        assert [dialogue.reply()[:3] for _ in range(3)] == ["250", "503", ""]
        dialogue.close()


class _Recorder(asyncio.Transport):
    """A transport that keeps what is written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


def test_replies_in_pieces() -> None:
    async def written() -> list[bytes]:
        recorder = _Recorder()
        Session(Server(Mailbox(), pieces=10)).connection_made(recorder)
        at_once = len(recorder.written)
        await asyncio.sleep(0)
        assert len(recorder.written) == at_once + 1
        await asyncio.sleep(0)
        return recorder.written

    assert asyncio.run(written()) == [b"220 standi", b"n.example ", b"ESMTP\r\n"]


@pytest.mark.parametrize(("drop", "counted"), [("reset before", 0), ("reset after", 1)])
def test_a_reset_after_the_dot(standin: SmtpStandin, drop: str, counted: int) -> None:
    standin.fault(match="", phase="dot", drop=drop)
    dialogue = Dialogue(standin.port).ready()
    dialogue.write(MAIL + b".\r\n")
    with pytest.raises(ConnectionResetError):
        dialogue.socket.recv(1)
    assert standin.stats()["messages"] == counted
    dialogue.close()


def test_a_fault_in_several_lines_after_some_were_spared(standin: SmtpStandin) -> None:
    standin.fault(phase="rcpt", reply="550-first\n550 last", skip=1, times=1)
    dialogue = Dialogue(standin.port).to_recipient()
    replies = []
    for _ in range(3):
        dialogue.write(b"RCPT TO:<c@d.jp>\r\n")
        replies.append(dialogue.reply())
    assert replies == ["250 2.1.5 Ok", "550 last", "250 2.1.5 Ok"]
    dialogue.close()
