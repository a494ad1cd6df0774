"""The engine against stand-ins when things go wrong."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from unittest.mock import Mock

import pytest

from channels.base import Picture
from channels.email.channel import EmailChannel
from channels.email.session import Timeouts
from domain.outcomes import Accepted, Outcome, Refused, Unknown
from tests.channels.email.sending import (
    BULK,
    Log,
    begun,
    channel_to,
    chunk,
    chunk_of,
    recipient,
    sent,
    wait_for,
)
from tests.smtp_standin import SmtpStandin, free_port, smtp_standin

pytestmark = pytest.mark.usefixtures("short_pauses")

HASTY = Timeouts(connect=0.1, command=0.1, answer=0.1, quit=0.1)


# Waiting for too long.


@pytest.mark.parametrize("phase", ["connect", "mail", "rcpt", "data"])
def test_no_answer_before_the_body_leaves_is_tried_again(standin: SmtpStandin, phase: str) -> None:
    channel = channel_to(standin.url, standin.url, timeouts=HASTY)
    standin.fault(match="", phase=phase, delay=0.4, times=1)
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert all(isinstance(outcome, Accepted) for outcome in log.outcomes_of.values())
    assert standin.stats()["doubles"] == 0
    channel.close()


def test_no_answer_to_the_body_leaves_it_unknown_and_its_lane_slower(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url, connections=5, timeouts=HASTY)
    standin.fault(match="^a@", phase="dot", delay=0.4)
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert log.outcomes_of[1] == Unknown("no_answer")
    assert isinstance(log.outcomes_of[2], Accepted)
    assert channel.lanes()[0].connections == 2
    channel.close()


def test_a_goodbye_is_not_waited_for(standin: SmtpStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers QUIT must not keep the place of another connection."""
    monkeypatch.setattr("channels.email.routing._RELAY_MESSAGES", 1)
    channel = channel_to(standin.url, timeouts=Timeouts(2, 2, 2, quit=0.05))
    log = sent(channel, "a@example.jp", "b@example.jp")
    assert len(log.outcomes_of) == 2
    assert channel.lanes()[0].connections == 1
    channel.close()


# Things that go wrong.


@pytest.fixture
def cutting() -> Iterator[int]:
    """A server that takes 200,000 bytes of a body and then resets the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_cut, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]


def _cut(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    connection.sendall(b"220 hello\r\n")
    for said in (b"250-hello\r\n250 PIPELINING\r\n", b"250 a\r\n250 b\r\n354 c\r\n"):
        connection.recv(1000)
        connection.sendall(said)
    left = 200_000
    while left > 0:
        left -= len(connection.recv(left))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_a_large_body_that_was_cut_off_was_not_sent(standin: SmtpStandin, cutting: int) -> None:
    channel = channel_to(f"smtp://127.0.0.1:{cutting}", standin.url)
    picture = Picture("00" * 32, "image/jpeg", 1, 1, b"j" * 6_000_000, b"")
    made = replace(chunk_of("a@example.jp"), bulk=replace(BULK, pictures=(picture,)))
    log = Log()
    channel.send(made, log)
    assert isinstance(log.outcomes_of[1], Accepted)
    assert standin.stats()["messages"] == 1
    channel.close()


class _Broken(Log):
    """A journal that cannot be written after some lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._left = lines

    def intents(self, delivery_ids: Sequence[int]) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError("disk full")
        super().intents(delivery_ids)


def test_a_journal_that_breaks_stops_its_load_and_no_other(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    broken, whole = _Broken(3), Log()
    standin.fault(match="", phase="dot", delay=0.02, times=1)
    ends = [
        begun(channel, chunk([recipient(n) for n in range(50)]), broken),
        begun(channel, chunk([recipient(n) for n in range(100, 150)]), whole),
    ]
    with pytest.raises(OSError, match="disk full"):
        ends[0].result(5)
    ends[1].result(5)
    assert len(whole.outcomes_of) == 50
    assert len(broken.outcomes_of) == 3
    assert standin.stats()["messages"] == 53


def test_who_takes_a_load_back_badly_harms_no_other(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    def done(error: BaseException | None) -> None:
        raise RuntimeError(error)

    channel.start(chunk_of("a@example.jp"), Log(), done)
    log = sent(channel, *["b@example.jp"] * 3)
    assert len(log.outcomes_of) == 3
    assert standin.wait(lambda stats: stats["messages"] == 4)


def test_a_message_that_cannot_be_made_for_one_goes_to_the_others(
    standin: SmtpStandin, channel: EmailChannel
) -> None:
    bad = chunk([recipient(1), recipient(2)._replace(page_url="https://é/"), recipient(3)])
    log = Log()
    channel.send(bad, log)
    assert log.outcomes_of.pop(2) == Refused("bad_address")
    assert outcomes(log) == {Accepted}
    assert standin.stats()["messages"] == 2


def test_a_message_that_cannot_be_made_at_all_refuses_nobody(
    standin: SmtpStandin, channel: EmailChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("channels.email.message.Template.wire", Mock(side_effect=OSError("no key")))
        log = Log()
        with pytest.raises(OSError, match="no key"):
            channel.send(chunk([recipient(1), recipient(2)]), log)
    assert log.lines == []
    assert isinstance(sent(channel, "b@example.jp").outcomes_of[1], Accepted)
    assert standin.stats()["messages"] == 1


def test_closing_in_the_middle_leaves_nobody_waiting(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url)
    standin.fault(match="", phase="dot", delay=30)
    log = Log()
    end = begun(channel, chunk([recipient(n) for n in range(5)]), log)
    wait_for(lambda: (0, "intent") in log.lines)
    channel.close()
    end.result(1)
    assert log.outcomes_of == {0: Unknown("no_answer")}
    standin.wait(lambda stats: stats["connections"] == 0)


def test_closing_while_a_connection_is_opened(standin: SmtpStandin) -> None:
    channel = channel_to(standin.url)
    standin.fault(match="", phase="connect", delay=30)
    log = Log()
    end = begun(channel, chunk_of("a@example.jp"), log)
    standin.wait(lambda stats: stats["connections"] == 1)
    channel.close()
    end.result(1)
    assert log.lines == []


def test_a_relay_that_takes_no_mail_gives_way_to_the_next(standin: SmtpStandin) -> None:
    with smtp_standin() as broken:
        broken.fault(match="", phase="mail", drop="reset before")
        dead = f"smtp://127.0.0.1:{free_port()}"
        channel = channel_to(dead, broken.url, standin.url)
        log = sent(channel, *["a@example.jp"] * 5)
        assert all(isinstance(outcome, Accepted) for outcome in log.outcomes_of.values())
        channel.close()


@pytest.mark.parametrize("drop", ["reset before", "reset after"])
def test_resets_after_the_dot(standin: SmtpStandin, drop: str) -> None:
    channel = channel_to(standin.url, connections=10)
    standin.fault(match="", phase="dot", drop=drop, skip=50, times=5)
    wanted = [recipient(number) for number in range(300)]
    log = Log()
    channel.send(chunk(wanted), log)
    unknown = [n for n, outcome in log.outcomes_of.items() if isinstance(outcome, Unknown)]
    received = {int(to.removeprefix("guardian").partition("@")[0]) for to, _ in standin.received()}
    assert len(unknown) == 5
    assert received >= {n for n, o in log.outcomes_of.items() if isinstance(o, Accepted)}
    assert (set(unknown) <= received) == (drop == "reset after")
    assert standin.stats()["doubles"] == 0
    assert len(log.outcomes_of) == 300
    channel.close()


def outcomes(log: Log) -> set[type[Outcome]]:
    return set(map(type, log.outcomes_of.values()))


def test_a_server_without_pipelining_answering_byte_by_byte() -> None:
    with smtp_standin("--no-pipelining", "--pieces=3") as standin:
        channel = channel_to(standin.url, connections=3)
        standin.fault(match="7@", phase="rcpt", reply="550-5.1.1 User\n550 5.1.1 unknown")
        log = Log()
        channel.send(chunk([recipient(n) for n in range(60)]), log)
        assert sorted(n for n, o in log.outcomes_of.items() if isinstance(o, Refused)) == [
            *range(7, 60, 10)
        ]
        assert outcomes(log) == {Accepted, Refused}
        assert standin.stats()["messages"] == 54
        channel.close()
