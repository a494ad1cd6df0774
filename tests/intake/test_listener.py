"""The mail listener over real SMTP on loopback."""

import asyncio
import smtplib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from channels.base import Incoming
from domain import tokens
from intake.listener import MAX_BYTES, Handler, server_factory
from tests.databases import START

SECRET = b"a secret of the tests, 32 bytes."
TOKEN = tokens.seal(SECRET, "leave", 7, 3)
LEAVE = f"leave-{TOKEN}@in.example.jp"
BODY = b"Subject: bye\r\n\r\n\xe9\x80\x80\xe4\xbc\x9a\r\n"


@dataclass
class Kept:
    """What the listener stored; `broken` makes storing fail, as a full disk would."""

    arrivals: list[Incoming] = field(default_factory=list)
    broken: bool = False
    port: int = 0

    def __call__(self, incoming: Incoming) -> bool:
        if self.broken:
            raise OSError("no space left")
        self.arrivals.append(incoming)
        return True


@pytest.fixture
def listener() -> Iterator[Kept]:
    kept, ready, stop = Kept(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        factory = server_factory(
            Handler("in.example.jp", SECRET, kept, lambda: START), "in.example.jp"
        )
        server = await loop.create_server(factory, "127.0.0.1", 0)
        kept.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    yield kept
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def _connected(listener: Kept) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", listener.port, timeout=10)


def test_a_mail_to_a_leave_address_is_taken_in(listener: Kept) -> None:
    with _connected(listener) as smtp:
        smtp.sendmail("anyone@example.jp", [LEAVE], BODY)
    (arrival,) = listener.arrivals
    assert (arrival.kind, arrival.token, arrival.channel) == ("leave", TOKEN, "email")
    assert arrival.text == ""


def test_who_came_back_may_leave_again(listener: Kept) -> None:
    with _connected(listener) as smtp:
        smtp.sendmail("anyone@example.jp", [LEAVE], BODY)
        smtp.sendmail("somebody@else.jp", [LEAVE.replace("in.", "IN.")], BODY)
    first, second = listener.arrivals
    assert first.event_id != second.event_id
    assert first.sender == second.sender
    assert TOKEN not in first.event_id + first.sender


@pytest.mark.parametrize(
    "address",
    [
        "taro@in.example.jp",
        "leave-@in.example.jp",
        f"leave-{TOKEN}@elsewhere.jp",
        f"leave-{TOKEN}../x@in.example.jp",
        f"leave-{'A' * 30}@in.example.jp",
        f"leave-{tokens.seal(b'another secret', 'leave', 7, 3)}@in.example.jp",
    ],
)
def test_every_other_recipient_is_refused_at_once(listener: Kept, address: str) -> None:
    with _connected(listener) as smtp:
        smtp.ehlo()
        smtp.mail("anyone@example.jp")
        code, words = smtp.rcpt(address)
    assert code == 550
    assert "contact the school" in words.decode("ascii")
    assert listener.arrivals == []


def test_two_recipients_are_taken_one_at_a_time(listener: Kept) -> None:
    with _connected(listener) as smtp:
        smtp.ehlo()
        smtp.mail("anyone@example.jp")
        assert smtp.rcpt(LEAVE)[0] == 250
        assert smtp.rcpt(LEAVE)[0] == 452


def test_a_mail_that_cannot_be_stored_is_kept_by_its_sender(listener: Kept) -> None:
    listener.broken = True
    with _connected(listener) as smtp, pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail("anyone@example.jp", [LEAVE], BODY)
    assert refused.value.smtp_code == 451


def test_a_huge_mail_is_refused(listener: Kept) -> None:
    with _connected(listener) as smtp, pytest.raises(smtplib.SMTPException):
        smtp.sendmail("anyone@example.jp", [LEAVE], BODY + b"x" * 60 * (MAX_BYTES // 50))
    assert listener.arrivals == []
