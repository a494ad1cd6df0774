"""The SMTP stand-in's own rules: it must refuse what real servers refuse, and count right."""

import smtplib
import socket
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.smtp_standin import SmtpStandin, smtp_standin

HEAD = b"From: a@b.jp\r\nDate: Thu, 7 May 2026 06:30:00 +0900\r\nMessage-ID: <1@b.jp>\r\n"
MAIL = HEAD + b"Subject: =?UTF-8?B?6YGg6Laz?=\r\n\r\nhello\r\n"


class Dialogue:
    """A raw connection: what is written is exactly what goes over the wire."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), timeout=5)
        self._file = self.socket.makefile("rb")

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self) -> str:
        """One reply, of which the last line; empty when the server has hung up."""
        try:
            line = self._file.readline().decode().rstrip("\r\n")
        except ConnectionResetError:
            return ""
        return self.reply() if line[3:4] == "-" else line

    def ask(self, command: str) -> str:
        self.write(command.encode() + b"\r\n")
        return self.reply()

    def ready(self, to: str = "c@d.jp") -> "Dialogue":
        """Go on up to where a message's content is expected."""
        self.to_recipient()
        assert self.ask(f"RCPT TO:<{to}>").startswith("250")
        assert self.ask("DATA").startswith("354")
        return self

    def to_recipient(self) -> "Dialogue":
        self.to_mail()
        assert self.ask("MAIL FROM:<a@b.jp>").startswith("250")
        return self

    def to_mail(self) -> "Dialogue":
        assert self.reply().startswith("220")
        assert self.ask("EHLO test").startswith("250")
        return self

    def send(self, content: bytes) -> str:
        self.write(content + b".\r\n")
        return self.reply()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@pytest.fixture
def dialogue(standin: SmtpStandin) -> Iterator[Dialogue]:
    dialogue = Dialogue(standin.port)
    yield dialogue
    dialogue.close()


def test_a_whole_session(standin: SmtpStandin, dialogue: Dialogue) -> None:
    assert dialogue.ready().send(MAIL) == "250 2.0.0 Ok: queued as 00000001"
    assert dialogue.ask("QUIT").startswith("221")
    assert dialogue.reply() == ""
    assert standin.received() == {("c@d.jp", "1@b.jp"): 1}
    assert standin.raw(1) == MAIL
    assert standin.messages()[0]["subject"] == "遠足"


def test_what_is_offered(standin: SmtpStandin) -> None:
    with smtplib.SMTP("127.0.0.1", standin.port) as client:
        client.ehlo()
        assert set(client.esmtp_features) == {
            "pipelining",
            "size",
            "enhancedstatuscodes",
            "8bitmime",
        }


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (["MAIL FROM:<a@b.jp>"], "503"),
        (["EHLO"], "501"),
        (["EHLO x", "RCPT TO:<c@d.jp>"], "503"),
        (["EHLO x", "DATA"], "503"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "DATA"], "503"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "MAIL FROM:<a@b.jp>"], "503"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RSET", "RCPT TO:<c@d.jp>"], "503"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "EHLO x", "RCPT TO:<c@d.jp>"], "503"),
        (["EHLO x", "MAIL FROM: <a@b.jp>"], "501"),
        (["EHLO x", "MAIL FROM:a@b.jp"], "501"),
        (["EHLO x", "MAIL TO:<a@b.jp>"], "501"),
        (["EHLO x", "MAIL FROM:<>"], "250"),
        (["EHLO x", "MAIL FROM:<a@b.jp> SIZE=10 BODY=8BITMIME"], "250"),
        (["EHLO x", "MAIL FROM:<a@b.jp> SIZE=999999999"], "552"),
        (["EHLO x", "MAIL FROM:<a@b.jp> SMTPUTF8"], "555"),
        (["HELO x", "MAIL FROM:<a@b.jp> SIZE=10"], "555"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RCPT TO:<>"], "501"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RCPT TO:<Postmaster>"], "250"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RCPT TO:<c@d.jp> NOTIFY=NEVER"], "555"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RCPT TO:<あ@d.jp>"], "553"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RCPT TO:<a..b@d.jp>"], "501"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", "RCPT TO:<a.@d.jp>"], "501"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", 'RCPT TO:<"a..b."@d.jp>'], "250"),
        (["EHLO x", "MAIL FROM:<a@b.jp>", f"RCPT TO:<{'a' * 65}@d.jp>"], "501"),
        (["EHLO x", "mail from:<a@b.jp>"], "250"),
        (["NOOP"], "250"),
        (["RSET"], "250"),
        (["VRFY a"], "252"),
        (["VRFY"], "501"),
        (["HELP"], "214"),
        (["EXPN a"], "502"),
        (["TURN"], "500"),
        (["NOOP " + "x" * 600], "500"),
    ],
)
def test_commands(dialogue: Dialogue, commands: list[str], code: str) -> None:
    dialogue.reply()
    *before, last = commands
    for command in before:
        assert dialogue.ask(command).startswith("250")
    assert dialogue.ask(last)[:3] == code


def test_a_bare_line_feed_ends_no_command(dialogue: Dialogue) -> None:
    dialogue.reply()
    dialogue.write(b"NOOP\n")
    assert dialogue.reply().startswith("500")


def test_a_line_without_end_is_cut_off(dialogue: Dialogue) -> None:
    dialogue.reply()
    dialogue.write(b"x" * 2000)
    assert dialogue.reply().startswith("500")
    assert dialogue.reply() == ""


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (HEAD + b"\r\n" + b"x" * 998 + b"\r\n", "250"),
        (HEAD + b"\r\n" + b"x" * 999 + b"\r\n", "500 Line too long"),
        (HEAD + b"\r\nbare\nfeed\r\n", "521"),
        (HEAD + b"\r\nbare\rreturn\r\n", "521"),
        (HEAD + "Subject: 遠足\r\n\r\n".encode(), "550 5.6.7"),
        (HEAD + "\r\n遠足\r\n".encode(), "250"),
        (HEAD + b"Subject: =?UTF-8?B?6YGg?==?UTF-8?B?6Laz?=\r\n\r\n", "554 5.6.0"),
        (HEAD + b"Message-ID: <2@b.jp>\r\n\r\n", "550 5.7.1"),
        (HEAD.replace(b"a@b.jp", b"") + b"\r\n", "550 5.7.1 The header from"),
        (HEAD.replace(b"Message-ID", b"X-ID") + b"\r\n", "550 5.7.1 The header message-id"),
        (HEAD.replace(b"Message-ID: ", b"Message-ID:\r\n ") + b"\r\n", "250"),
        (b"", "550 5.7.1 The header from"),
    ],
)
def test_content(standin: SmtpStandin, dialogue: Dialogue, content: bytes, reply: str) -> None:
    assert dialogue.ready().send(content).startswith(reply)
    assert standin.stats()["messages"] == reply.startswith("250")


def test_dots_at_the_beginning_of_lines(standin: SmtpStandin, dialogue: Dialogue) -> None:
    content = HEAD + b"\r\n..\r\n...a\r\n.b\r\n"
    assert dialogue.ready().send(content).startswith("250")
    assert standin.raw(1) == HEAD + b"\r\n.\r\n..a\r\nb\r\n"


def test_content_in_small_pieces(standin: SmtpStandin, dialogue: Dialogue) -> None:
    dialogue.ready()
    for byte in MAIL + b".\r\n":
        dialogue.write(bytes([byte]))
    assert dialogue.reply().startswith("250")
    assert standin.raw(1) == MAIL


def test_the_101st_recipient_ends_the_session(dialogue: Dialogue) -> None:
    dialogue.to_recipient()
    for number in range(100):
        assert dialogue.ask(f"RCPT TO:<c{number}@d.jp>").startswith("250")
    assert dialogue.ask("RCPT TO:<c100@d.jp>") == "554 Transaction failed"
    assert dialogue.reply() == ""


def test_a_pipelined_group(standin: SmtpStandin, dialogue: Dialogue) -> None:
    group = b"MAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n"
    dialogue.to_mail().write(group)
    assert [dialogue.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    dialogue.write(MAIL + b".\r\n" + group)
    assert [dialogue.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    assert dialogue.send(MAIL).startswith("250")
    stats = standin.stats()
    assert (stats["messages"], stats["recipients"], stats["doubles"]) == (2, 1, 1)
    assert stats["doubled"] == [["c@d.jp", "1@b.jp", 2]]


def test_content_may_not_be_sent_before_it_is_asked_for(dialogue: Dialogue) -> None:
    dialogue.to_recipient().write(b"RCPT TO:<c@d.jp>\r\nDATA\r\n" + MAIL)
    assert dialogue.reply().startswith("250")
    assert dialogue.reply().startswith("503")
    assert dialogue.reply() == ""


def test_one_key_for_both_spellings_of_an_address() -> None:
    with smtp_standin("--dots=lenient") as standin:
        for to in ("a..b@Docomo.ne.jp", '"a..b"@docomo.ne.jp'):
            dialogue = Dialogue(standin.port)
            assert dialogue.ready(to).send(MAIL).startswith("250")
            dialogue.close()
        assert standin.received() == {("a..b@docomo.ne.jp", "1@b.jp"): 2}
        assert len(standin.messages(to="a..b@docomo.ne.jp")) == 2


def test_too_large() -> None:
    with smtp_standin("--size-limit=1000") as standin:
        dialogue = Dialogue(standin.port)
        line = b"x" * 70 + b"\r\n"
        assert dialogue.ready().send(HEAD + b"\r\n" + line * 20_000).startswith("552")
        assert dialogue.ask("MAIL FROM:<a@b.jp> SIZE=1001").startswith("552")
        assert dialogue.ask("MAIL FROM:<a@b.jp> SIZE=1000").startswith("250")
        dialogue.close()


def test_faults_by_recipient_and_times(standin: SmtpStandin, dialogue: Dialogue) -> None:
    standin.fault(match="^c@", phase="rcpt", reply="450 4.2.0 Later", times=1)
    dialogue.to_recipient()
    assert dialogue.ask("RCPT TO:<e@d.jp>").startswith("250")
    assert dialogue.ask("RCPT TO:<c@d.jp>") == "450 4.2.0 Later"
    assert dialogue.ask("RCPT TO:<c@d.jp>").startswith("250")


def test_the_share_of_a_fault(standin: SmtpStandin, dialogue: Dialogue) -> None:
    standin.fault(match="", phase="rcpt", reply="450 4.2.0 Later", share=0.5)
    dialogue.to_recipient()
    codes = [dialogue.ask("RCPT TO:<e@d.jp>")[:3] for _ in range(60)]
    assert set(codes) == {"250", "450"}


@pytest.mark.parametrize(("drop", "counted"), [("before", 0), ("after", 1)])
def test_hanging_up_around_the_count(
    standin: SmtpStandin, dialogue: Dialogue, drop: str, counted: int
) -> None:
    standin.fault(match="", phase="dot", drop=drop)
    assert dialogue.ready().send(MAIL) == ""
    assert standin.stats()["messages"] == counted


def test_a_message_is_counted_before_its_answer(standin: SmtpStandin, dialogue: Dialogue) -> None:
    standin.fault(match="", phase="dot", delay=0.05)
    dialogue.ready().write(MAIL + b".\r\nNOOP\r\n")
    standin.wait(lambda stats: stats["messages"] == 1)
    dialogue.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        dialogue.socket.recv(1)
    dialogue.socket.settimeout(5)
    assert dialogue.reply() == "250 2.0.0 Ok: queued as 00000001"
    assert dialogue.reply() == "250 2.0.0 Ok"


def test_a_silent_filter(standin: SmtpStandin, dialogue: Dialogue) -> None:
    standin.fault(match="", phase="dot", reply="250 2.0.0 Ok")
    assert dialogue.ready().send(MAIL) == "250 2.0.0 Ok"
    assert standin.stats()["messages"] == 0


def test_faults_are_listed_and_ended(standin: SmtpStandin, dialogue: Dialogue) -> None:
    standin.fault(match="^c", phase="rcpt", reply="450 4.2.0 Later")
    assert b'"match": "^c"' in standin.get("/faults")
    standin.end_faults()
    dialogue.ready()


@pytest.mark.parametrize("order", [{}, {"phase": "lunch"}, {"phase": "rcpt", "reply": "no"}])
def test_a_fault_that_is_none(standin: SmtpStandin, order: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        standin.fault(**order)


def test_connections_are_counted(standin: SmtpStandin) -> None:
    both = [Dialogue(standin.port) for _ in range(2)]
    standin.wait(lambda stats: stats["connections"] == 2)
    for dialogue in both:
        dialogue.close()
    assert standin.wait(lambda stats: stats["connections"] == 0)["peak_connections"] == 2


def test_what_is_not_there(standin: SmtpStandin) -> None:
    for path in ("/messages/1", "/messages/1/raw", "/lunch"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            standin.get(path)


def test_only_the_newest_are_kept_whole_without_a_store(standin: SmtpStandin) -> None:
    _send_many(standin, 2_001)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        standin.raw(1)
    assert standin.raw(2) == MAIL
    assert standin.stats()["messages"] == 2_001


def test_a_store_keeps_all(tmp_path: Path) -> None:
    with smtp_standin(f"--store={tmp_path}") as standin:
        _send_many(standin, 2_001)
        assert standin.raw(1) == standin.raw(2_001) == MAIL
        _send_many(standin, 1)
        assert standin.raw(2_002) == MAIL


def _send_many(standin: SmtpStandin, count: int) -> None:
    """Many messages over one connection, each content in one group with the next envelope."""
    dialogue = Dialogue(standin.port).ready()
    group = MAIL + b".\r\nMAIL FROM:<a@b.jp>\r\nRCPT TO:<c@d.jp>\r\nDATA\r\n"
    for _ in range(count - 1):
        dialogue.write(group)
        assert [dialogue.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    assert dialogue.send(MAIL).startswith("250")
    dialogue.close()
