"""One connection against a peer that behaves as a script says, however badly.

No network: the peer gets what the session writes and answers as it likes, in pieces of any size.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, deque
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Recipient
from channels.email.loads import Parcel
from channels.email.routing import Target
from channels.email.session import Reply, Session, Timeouts

TARGET = Target("mx.example.jp", "127.0.0.1", 25, "offered")
LOAD = cast(Any, SimpleNamespace(mail_from=b"school@example.jp"))

MAIL = [
    "250 2.1.0 Ok",
    "250-2.1.0 so\r\n250 so",
    "450 4.3.2 Later",
    "550 5.7.1 No",
    "421 4.3.2 Bye",
]
RCPT = [
    "250 2.1.5 Ok",
    "250-2.1.5 so\r\n250 so",
    "550 5.1.1 Unknown",
    "550-5.1.1 User\r\n550 unknown",
]
RCPT += ["452 4.2.2 Full", "553 5.1.3 Bad address", "421 4.7.0 Too much", "2", "hello", ""]
DATA = [
    "354 Go on",
    "354-Go\r\n354 on",
    "451 4.3.0 Later",
    "554 5.5.1 No",
    "421 4.3.2 Bye",
    "250 What?",
]
DOT = ["250 2.0.0 Ok", "250-2.0.0 so\r\n250 Ok: queued as 1", "554 5.7.1 Spam", "451 4.3.0 Later"]
DOT += ["421 4.3.2 Bye", "999 What?", ""]
"""An empty answer hangs up."""


_PARCELS = 20


def parcel(number: int, size: int = 1) -> Parcel:
    address = f"g{number}@example.jp"
    to = Recipient(number, address, "", page_url="", leave_url="")
    forms = (f'"{address[0]}."@example.jp', address) if number % 5 == 0 else (address,)
    return Parcel(LOAD, to, forms, "example.jp", wire=b"body %d\r\n" % number * size)


class Script:
    """What comes next, as a seed says; `fair` of ten answers are those of a good server."""

    def __init__(self, seed: int, fair: int) -> None:
        self._random = random.Random(seed)
        self._fair = fair

    def number(self, below: int) -> int:
        return self._random.randrange(below)

    def choice(self, answers: list[str]) -> str:
        """The first of the answers, mostly."""
        return answers[0] if self.number(10) < self._fair else self._random.choice(answers)


class Peer:
    """A server, and the connection to it: what the session wrote lies in `unread` until read."""

    def __init__(self, script: Script, *, pipelining: bool, intended: set[int]) -> None:
        self._script = script
        self._pipelining = pipelining
        self._intended = intended
        self._buffer = b""
        self._content = False
        self._sender = False
        self._recipient = ""
        self.unread = b""
        self.replies = b""
        self.gone = False
        self.writes = 0
        self.bodies_open = 0
        self.taken: Counter[int] = Counter()
        self.arrived: Counter[int] = Counter()

    # As a transport.

    def write(self, data: bytes) -> None:
        if not self._pipelining:
            assert data.count(b"\r\n") == 1 or b"body" in data
            assert not self.unread
            assert not self.replies, "it spoke before it was answered"
        self.unread += data
        self.writes += 1

    def get_write_buffer_size(self) -> int:
        return len(self.unread)

    def abort(self) -> None:
        self.gone = True

    # As a server.

    def read(self, count: int) -> None:
        self._buffer, self.unread = self._buffer + self.unread[:count], self.unread[count:]
        while not self.gone and self._step():
            pass

    def _step(self) -> bool:
        wants_nothing = self._content and not self._recipient
        assert not (wants_nothing and self._buffer) or self._buffer.startswith(b".")
        end = b".\r\n" if self._buffer.startswith(b".\r\n") else b"\r\n.\r\n"
        found, mark, rest = self._buffer.partition(end if self._content else b"\r\n")
        if not mark:
            return False
        self._buffer = rest
        if self._content:
            self._judge(found)
        else:
            self._command(found.decode())
        return True

    def _command(self, line: str) -> None:
        verb = line[:4]
        if verb == "MAIL":
            assert not self._sender, "RFC 5321 section 4.1.4: a nested MAIL"
            said = self._script.choice(MAIL)
            self._sender, self._recipient = said.startswith("250"), ""
            self._say(said)
        elif verb == "RCPT":
            assert self._pipelining or self._sender, "it did not listen"
            said = self._script.choice(RCPT) if self._sender else "503 5.5.1 Who are you?"
            self._recipient = line if said.startswith("250") else ""
            self._say(said)
        elif verb == "DATA":
            assert not self._buffer, "DATA is the last of its group"
            assert self._pipelining or self._recipient, "it did not listen"
            answers = DATA if self._recipient else ["503 5.5.1 No recipients", "354 Well"]
            said = self._script.choice(answers)
            self._content = said.startswith("354")
            self._say(said)
        else:
            assert line in ("RSET", "QUIT"), line
            self._sender = False
            self._say("250 2.0.0 Ok" if verb == "RSET" else "221 2.0.0 Bye")
            self.gone |= verb == "QUIT" and self._script.number(2) == 1

    def _judge(self, content: bytes) -> None:
        self._content = self._sender = False
        assert bool(content) == bool(self._recipient), "a body for nobody"
        if not content:
            self._say(self._script.choice(["554 5.5.1 Nobody", "250 2.0.0 Nothing"]))
            return
        self.bodies_open += 1
        assert self.bodies_open == 1, "two bodies without an answer"
        number = int(re.findall(rb"\d+", content)[0])
        assert number in self._intended, "it left before it was written down"
        said = self._script.choice(DOT)
        self.arrived[number] += 1
        self.taken[number] += said.startswith("250") or (not said and self._script.number(2))
        self._say(said)

    def _say(self, reply: str) -> None:
        if reply:
            self.replies += reply.encode() + b"\r\n"
        self.gone |= not reply or reply.startswith("421")


class Keeper:
    """What is to be sent, and what is told of it."""

    def __init__(self, parcels: list[Parcel]) -> None:
        self.waiting = deque(parcels)
        self.intended: set[int] = set()
        self.told: dict[int, Reply | str | None] = {}
        self.ended_with: list[int] | None = None
        self.due: list[Session] = []
        self.resets: list[bool] = []

    def turn(self) -> None:
        """What the engine does once in a turn of its loop."""
        due, self.due = self.due, []
        for session in due:
            if session.open and session.granted and session.offered:
                self.intended.add(session.offered.number)
        for session in due:
            if session.open:
                self.advance(session)

    def advance(self, session: Session) -> None:
        may = session.may_offer() and self.waiting and session.carried < 6
        given = self.waiting.popleft() if may else None
        session.advance(given, last=given is None and session.may_offer())

    def ready(self, session: Session) -> None:
        self.due.append(session)

    def accepted(self, parcel: Parcel, text: str) -> None:
        self._tell(parcel, text)

    def settled(self, parcel: Parcel, reply: Reply | None) -> None:
        self._tell(parcel, reply)

    def _tell(self, parcel: Parcel, what: Reply | str | None) -> None:
        assert parcel.number not in self.told, "told twice"
        self.told[parcel.number] = what

    def ended(self, session: Session, unsent: list[Parcel], reset: bool) -> None:
        assert self.ended_with is None, "ended twice"
        self.resets.append(reset)
        assert not session.open
        self.ended_with = [each.number for each in unsent]
        self.waiting.extendleft(reversed(unsent))

    def misspelt(self, parcel: Parcel) -> bool:
        if parcel.form + 1 >= len(parcel.forms):
            return False
        parcel.form += 1
        self.waiting.appendleft(parcel)
        return True


def talk(session: Session, peer: Peer, keeper: Keeper, script: Script) -> None:
    """Until the connection is over: reading, answering in pieces, and turns of the loop."""
    keeper.ready(session)
    while session.open:
        keeper.turn()
        peer.read(len(peer.unread) if script.number(3) else 1 + script.number(200))
        if peer.replies:
            _answer(session, peer, keeper, script)
        elif peer.gone and session.open:
            session.connection_lost(ConnectionResetError() if script.number(2) else None)
        elif not peer.unread and not keeper.due and session.open:
            session.give_up()


def _answer(session: Session, peer: Peer, keeper: Keeper, script: Script) -> None:
    size = script.number(40) or len(peer.replies)
    piece, peer.replies = peer.replies[:size], peer.replies[size:]
    before = session.sent
    session.data_received(piece)
    peer.bodies_open -= before is not None and session.sent is None
    if script.number(2):
        keeper.turn()


def judge(keeper: Keeper, peers: list[Peer], count: int) -> None:
    """Nothing lost; nothing said of it that is not so; nothing twice unless it is unknown."""
    waiting = [each.number for each in keeper.waiting]
    assert sorted([*keeper.told, *waiting]) == list(range(count))
    arrived = sum((peer.arrived for peer in peers), Counter())
    taken = sum((peer.taken for peer in peers), Counter())
    assert not arrived or max(arrived.values()) == 1
    for number, said in keeper.told.items():
        if said is not None:
            assert taken[number] == _is_yes(said), (number, said)
    assert not any(arrived[number] for number in waiting), "back in the queue though it arrived"


def _is_yes(said: Reply | str) -> bool:
    return isinstance(said, str) or (said.phase == "dot" and 200 <= said.code < 300)


def conversation(script: Script, keeper: Keeper, *, pipelining: bool) -> list[Peer]:
    """Connection after connection until nothing waits; returns the peers of each."""
    peers: list[Peer] = []

    async def converse() -> None:
        while keeper.waiting and len(peers) < 1_000:
            peers.append(Peer(script, pipelining=pipelining, intended=keeper.intended))
            keeper.ended_with, keeper.due = None, []
            session = Session(keeper, Timeouts(), TARGET)
            session.connection_made(cast(Any, peers[-1]))
            session.begin(pipelining=pipelining, sizes=True)
            talk(session, peers[-1], keeper, script)
            assert session.sent is None
            assert session.offered is None

    with patch("channels.email.session._LARGE", 1_000):
        asyncio.run(converse())
    return peers


def parcels() -> list[Parcel]:
    """Of several sizes, one of them so large that it leaves alone."""
    return [parcel(number, (1, 40, 40, 40, 130)[number % 5]) for number in range(_PARCELS)]


@given(st.integers(0, 2**32), st.integers(3, 9), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_the_server_does(seed: int, fair: int, pipelining: bool) -> None:
    keeper = Keeper(parcels())
    peers = conversation(Script(seed, fair), keeper, pipelining=pipelining)
    judge(keeper, peers, _PARCELS)
    assert not keeper.waiting


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_good_server_in_whatever_pieces_it_answers(seed: int, pipelining: bool) -> None:
    keeper = Keeper(parcels())
    peers = conversation(Script(seed, fair=10), keeper, pipelining=pipelining)
    judge(keeper, peers, _PARCELS)
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
    keeper, _ = spoken("\r\n".join(["250-more"] * 1_100), "250-more")
    assert keeper.ended_with == [1]


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
