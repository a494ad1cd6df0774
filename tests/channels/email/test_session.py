"""One connection, against a peer that behaves as a script says, however badly."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast
from unittest.mock import AsyncMock, patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.email.keeper import Reply
from channels.email.session import Session, Timeouts
from tests.channels.email.scripted import (
    PARCELS,
    TARGET,
    Keeper,
    Script,
    conversation,
    judge,
    parcel,
    parcels,
)


@given(st.integers(0, 2**32), st.integers(3, 9), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_the_server_does(seed: int, fair: int, pipelining: bool) -> None:
    keeper = Keeper(parcels())
    peers = conversation(Script(seed, fair), keeper, pipelining=pipelining)
    judge(keeper, peers, PARCELS)
    assert not keeper.waiting


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_good_server_in_whatever_pieces_it_answers(seed: int, pipelining: bool) -> None:
    keeper = Keeper(parcels())
    peers = conversation(Script(seed, fair=10), keeper, pipelining=pipelining)
    judge(keeper, peers, PARCELS)
    assert all(isinstance(said, str) for said in keeper.told.values())
    assert [sum(peer.arrived.values()) for peer in peers] == [6, 6, 6, 2]
    # One write for each message, one more for the first envelope, and one after each large body.
    assert not pipelining or [peer.writes for peer in peers] == [8, 8, 8, 4]


# One thing at a time, word for word.


class Wire:
    """A transport that keeps what was written; `stuck` bytes have not left."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.stuck = 0

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.stuck

    def abort(self) -> None:
        pass


def spoken(*said: bytes | str, count: int = 3, pipelining: bool = True) -> tuple[Keeper, Wire]:
    """What comes of these lines, each followed by a turn of the loop.

    "reset" is a reset, "clogged" and "free" what a transport says of its buffer, and so many bytes
    are what lies there.
    """
    keeper, wire = Keeper([parcel(number) for number in range(1, count + 1)]), Wire()

    async def listen() -> None:
        session = Session(keeper, Timeouts(), TARGET)
        session.connection_made(cast(Any, wire))
        session.begin(pipelining=pipelining, sizes=False)
        keeper.ready(session)
        keeper.turn()
        for line in said:
            if line == "reset":
                session.connection_lost(ConnectionResetError())
            elif line == "clogged":
                session.pause_writing()
            elif line == "free":
                session.resume_writing()
            elif isinstance(line, str):
                session.data_received(line.encode() + b"\r\n")
            else:
                wire.stuck = len(line)
            keeper.turn()

    asyncio.run(listen())
    return keeper, wire


ENVELOPE = ("250 2.1.0 Ok", "250 2.1.5 Ok", "354 Go on")


def test_body_and_next_envelope_leave_in_one_write() -> None:
    _, wire = spoken(*ENVELOPE)
    first, second = wire.written
    envelope = b"MAIL FROM:<school@example.jp>\r\nRCPT TO:<g%d@example.jp>\r\nDATA\r\n"
    assert first == envelope % 1
    assert second == b"body 1\r\n.\r\n" + envelope % 2


def test_content_is_wanted_though_nobody_was_accepted() -> None:
    """RFC 2920 section 3.1."""
    keeper, wire = spoken("250 Ok", "550 5.1.1 Unknown", "354 Go on", "554 Nobody", "250 Reset")
    assert wire.written[1] == b".\r\n"
    assert wire.written[2].startswith(b"RSET\r\nMAIL")
    assert keeper.told == {1: Reply("rcpt", 550, "5.1.1 Unknown")}


def test_the_first_refusal_is_the_one_that_counts() -> None:
    keeper, _ = spoken("450 4.7.1 Not\u2026 now", "503 5.5.1 Who?", "503 5.5.1 Whom?")
    assert keeper.told == {1: Reply("mail", 450, "4.7.1 Not\u2026 now")}


def test_words_of_several_lines_are_kept_and_those_of_others_are_not() -> None:
    keeper, _ = spoken("250-a\r\n250 b", "550-5.1.1 User\r\n550 unknown", "503 no")
    assert keeper.told == {1: Reply("rcpt", 550, "5.1.1 User\nunknown")}


@pytest.mark.parametrize("before", range(4))
def test_421_puts_back_what_has_not_left(before: int) -> None:
    keeper, _ = spoken(*ENVELOPE[:before], "421 4.3.2 Bye")
    if before < 3:
        assert (keeper.told, keeper.ended_with) == ({}, [1])
    else:
        assert keeper.told == {1: Reply("dot", 421, "4.3.2 Bye")}
        assert keeper.ended_with == [2]
    assert keeper.resets == [True]


def test_a_reset_after_the_dot_leaves_it_unknown() -> None:
    keeper, _ = spoken(*ENVELOPE, "reset")
    assert keeper.told == {1: None}
    assert keeper.ended_with == [2]


def test_a_body_that_lies_here_without_its_dot_has_not_been_sent() -> None:
    _, wire = spoken(*ENVELOPE)
    after = len(wire.written[1]) - len(b"body 1\r\n.\r\n")
    keeper, _ = spoken(*ENVELOPE, b"x" * (after + 1), "reset")
    assert (keeper.told, keeper.ended_with) == ({}, [1, 2])
    keeper, _ = spoken(*ENVELOPE, b"x" * after, "reset")
    assert (keeper.told, keeper.ended_with) == ({1: None}, [2])


@pytest.mark.parametrize(("said", "left"), [(("clogged",), False), (("clogged", "free"), True)])
def test_a_large_body_leaves_alone_and_is_known_to_have_left(
    said: tuple[str, ...], left: bool
) -> None:
    """When a connection is gone, nobody can say any more how much of its buffer was left."""
    with patch("channels.email.session._LARGE", 5):
        keeper, wire = spoken(*ENVELOPE, *said, "reset")
    assert wire.written[-1] == b"body 1\r\n.\r\n"
    assert (keeper.told, keeper.ended_with) == (({1: None}, [2]) if left else ({}, [1, 2]))


def test_what_is_said_in_clear_before_tls_begins_counts_for_nothing() -> None:
    async def greet() -> Reply:
        session, wire = Session(Keeper([]), Timeouts(), TARGET), cast(Any, Wire())
        session.connection_made(wire)
        ready = asyncio.ensure_future(session.ask("STARTTLS"))
        await asyncio.sleep(0)
        session.data_received(b"220 go on\r\n250 PIPELINING\r\n250-AUTH PLAIN\r\n250-AU")
        assert await ready == Reply("connect", 220, "go on")
        with patch.object(asyncio.get_running_loop(), "start_tls", AsyncMock(return_value=wire)):
            await session.encrypt(cast(Any, None), "")
        offers = asyncio.ensure_future(session.ask("EHLO us"))
        await asyncio.sleep(0)
        session.data_received(b"250-mx\r\n250 SIZE\r\n")
        return await offers

    assert asyncio.run(greet()).text == "mx\nSIZE"


@pytest.mark.parametrize("said", ["reset", "421 4.4.2 Idle for too long"])
def test_who_hangs_up_while_nothing_is_on_its_way_complains_of_nothing(said: str) -> None:
    keeper, wire = spoken(*ENVELOPE, "250 2.0.0 Ok", said, count=1)
    assert wire.written[-1].endswith(b"QUIT\r\n")
    assert keeper.resets == [False]


@pytest.mark.parametrize("said", ["hello", "25", "120 2.0.0 Wait", "x" * 70_000])
def test_what_is_no_smtp_ends_the_connection(said: str) -> None:
    keeper, _ = spoken(said)
    assert (keeper.told, keeper.ended_with) == ({}, [1])


def test_a_reply_without_end_ends_the_connection() -> None:
    long, many = ["550-" + "x" * 30_000] * 3, ["\r\n".join(["550-more"] * 101)]
    for said in (long, many, ["550 " + "x" * 70_000]):
        keeper, _ = spoken(*said, "550 No", "503 No", "503 No", count=1)
        assert (keeper.told, keeper.ended_with) == ({}, [1])


def test_what_fails_in_the_keeper_loses_nothing() -> None:
    """A loop that gets an exception out of a protocol cuts its connection."""
    keeper = Keeper([parcel(number) for number in range(1, 4)])

    async def listen() -> None:
        session = Session(keeper, Timeouts(), TARGET)
        session.connection_made(cast(Any, Wire()))
        session.begin(pipelining=True, sizes=False)
        session.advance(keeper.waiting.popleft())
        session.data_received("\r\n".join([*ENVELOPE, ""]).encode())
        session.advance(keeper.waiting.popleft())
        with patch.object(keeper, "accepted", side_effect=RuntimeError), suppress(RuntimeError):
            session.data_received(b"250 2.0.0 Ok\r\n")
        session.connection_lost(None)

    asyncio.run(listen())
    assert (keeper.told, keeper.ended_with) == ({1: None}, [2])


def test_one_command_at_a_time_where_pipelining_is_not_offered() -> None:
    keeper, wire = spoken(*ENVELOPE, "250 2.0.0 Ok", "550 5.1.0 You", pipelining=False)
    assert wire.written == [
        b"MAIL FROM:<school@example.jp>\r\n",
        b"RCPT TO:<g1@example.jp>\r\n",
        b"DATA\r\n",
        b"body 1\r\n.\r\n",
        b"MAIL FROM:<school@example.jp>\r\n",
        b"RSET\r\n",
    ]
    assert keeper.told == {1: "2.0.0 Ok", 2: Reply("mail", 550, "5.1.0 You")}
