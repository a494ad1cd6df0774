"""A mail server that behaves as a script says, however badly, and a keeper that remembers.

No network: the peer gets what a session writes and answers as it likes, in pieces of any size.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter, deque
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from channels.base import Recipient
from channels.email.keeper import Reply
from channels.email.loads import Parcel
from channels.email.routing import Target
from channels.email.session import Session, Timeouts

TARGET = Target("mx.example.jp", "127.0.0.1", 25, "offered")
LOAD = cast(Any, SimpleNamespace(mail_from=b"school@example.jp"))

MAIL = [
    "250 2.1.0 Ok",
    "250-2.1.0 so\r\n250 so",
    "450 4.3.2 Later",
    "550 5.7.1 No",
    "421 4.3.2 Bye",
]
NO = Reply("mail", 550, "5.7.1 No")
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


PARCELS = 20


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

    def elsewhere(self, session: Session, parcel: Parcel, reply: Reply) -> bool:
        """As if there were another server, but once for each parcel."""
        assert session.offered is parcel
        if reply != NO or parcel.tries:
            return False
        parcel.tries += 1
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
    return [parcel(number, (1, 40, 40, 40, 130)[number % 5]) for number in range(PARCELS)]
