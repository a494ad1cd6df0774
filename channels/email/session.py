"""One SMTP connection that pipelines (RFC 2920).

A message costs one round trip: its body, the final dot and the envelope of the next message
leave in one write, and the four replies to them come back together.  Never more than one body
is without an answer, so that a killed process leaves at most one message per connection of which
nobody knows whether it arrived.  Where the server does not offer PIPELINING, each command waits
for the reply to the one before.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from channels.email.keeper import Keeper, Reply
from channels.email.loads import Parcel
from channels.email.routing import Target
from channels.email.verdicts import Phase


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds: RFC 5321 section 4.5.3.2, except for connecting and TLS.

    `greeting` is for the last server that there is to try: one that takes connections and says
    nothing is left for the next one after `connect`.  The ten minutes after the final dot are long
    because giving up sooner means that the message may arrive twice.
    """

    connect: float = 30
    command: float = 300
    answer: float = 600
    quit: float = 5
    idle: float = 60
    greeting: float = 300
    handshake: float = 60


_FIRM = frozenset((501, 553, 554))
# So many bytes that lie here without making a reply, or so many lines of one: no server's (RFC 5321
# section 4.5.3.1.5).  As many in one read would answer far more than was asked.
_LONGEST, _MOST_LINES = 65_536, 100
_PLAIN = ("mail", "rcpt")
# A body of so many bytes leaves alone, so that one that is cut off is known not to have arrived: a
# transport says that it is clogged until the last byte has left.
_LARGE = 65_536
_DATA = (b"DATA\r\n", "data")
_GOODBYE = ((b"QUIT\r\n", "quit"),)


class Session(asyncio.Protocol):
    """A connection that is open for MAIL, once `begin` was called.

    `offered` is the parcel whose envelope was sent, and `granted` that the server waits for its
    body; `sent` is the parcel whose body was sent and not answered yet.
    """

    def __init__(self, keeper: Keeper, timeouts: Timeouts, target: Target) -> None:
        self.keeper = keeper
        self.target = target
        self._timeouts = timeouts
        self._awaited: deque[str] = deque()
        self._pending: deque[tuple[bytes, str]] = deque()
        self._rest = b""
        self._lines: list[bytes] = []
        self._refusal: Reply | None = None
        self._dirty = False
        self._after_dot = 0
        self._clogged = False
        self._pipelining = self._sizes = False
        self._waiter: asyncio.Future[Reply] | None = None
        self.transport: asyncio.Transport | None = None
        self.sent: Parcel | None = None
        self.offered: Parcel | None = None
        self.granted = False
        self.listed = False
        self.open = False
        self.leaving = False
        # Nothing more is to be offered here, and a goodbye said.
        self.spent = False
        self.carried = 0
        self.due = 0.0
        self._loop = asyncio.get_running_loop()

    # Opening: one command at a time, by whoever opens it (channels.email.opening).

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    async def reply(self, patience: float) -> Reply:
        """The next reply, while the session is being opened.

        Raises ConnectionError, and TimeoutError after so many seconds.
        """
        if self._waiter is None:
            if self.transport is None:
                raise ConnectionError("closed")
            self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout(patience):
                return await self._waiter
        finally:
            self._waiter = None

    async def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Go on encrypted, after the server said that it is ready for that (RFC 3207).

        Raises OSError, which TimeoutError and ssl.SSLError are.
        """
        if self.transport is None:
            raise ConnectionError("closed")
        # What came in clear after the "ready" may be anybody's.
        self._rest, self._lines = b"", []
        async with asyncio.timeout(self._timeouts.handshake):
            transport = await self._loop.start_tls(
                self.transport, self, context, server_hostname=host
            )
        self.transport = cast(asyncio.Transport, transport)

    async def ask(self, command: str) -> Reply:
        """Send one command while the session is being opened, and hear its reply."""
        if self.transport is None:
            raise ConnectionError("closed")
        self._waiter = self._loop.create_future()
        self._write(command.encode("ascii") + b"\r\n")
        return await self.reply(self._timeouts.command)

    def begin(self, *, pipelining: bool, sizes: bool) -> None:
        """From now on it carries parcels."""
        self._pipelining, self._sizes = pipelining, sizes
        self._waiter = None
        self.open = True
        self._rest_until(self._timeouts.idle)

    # Sending.

    def advance(self, parcel: Parcel | None, *, last: bool = False) -> None:
        """Send the body that the server waits for, if it does, and offer the next parcel.

        With `last` the server is told goodbye after that.
        """
        body: bytes | None = None
        if self.granted and self.offered is not None:
            self.sent, self.offered, self.granted = self.offered, None, False
            body = self.sent.wire
        if parcel is not None:
            self.offered = parcel
            self.carried += 1
            self._send(body, self._envelope(parcel))
        elif last and self.offered is None and not self.leaving:
            self.leaving = True
            self._send(body, _GOODBYE)
        elif body is not None:
            self._send(body, ())

    def _envelope(self, parcel: Parcel) -> tuple[tuple[bytes, str], ...]:
        size = b" SIZE=%d" % len(parcel.wire) if self._sizes else b""
        mail = b"MAIL FROM:<%b>%b\r\n" % (parcel.load.mail_from, size)
        to = b"RCPT TO:<%b>\r\n" % parcel.forms[parcel.form].encode()
        if self._dirty:
            self._dirty = False
            return ((b"RSET\r\n", "rset"), (mail, "mail"), (to, "rcpt"), _DATA)
        return ((mail, "mail"), (to, "rcpt"), _DATA)

    def _send(self, body: bytes | None, commands: Sequence[tuple[bytes, str]]) -> None:
        """In one write where the server takes that, else one after the other."""
        if self._pipelining and (body is None or len(body) < _LARGE):
            after = b"".join([line for line, _ in commands])
            self._after_dot = len(after)
            if body is not None:
                self._awaited.append("dot")
            self._awaited.extend([phase for _, phase in commands])
            self._write(after if body is None else b"%b.\r\n%b" % (body, after))
        else:
            if body is not None:
                self._pending.append((body + b".\r\n", "dot"))
            self._pending.extend(commands)
            self._send_pending()
        self._rest_until(self._patience())

    def _send_pending(self) -> None:
        if self._pending and not self._awaited:
            line, phase = self._pending.popleft()
            self._awaited.append(phase)
            while self._pipelining and phase != "dot" and self._pending:
                more, phase = self._pending.popleft()
                self._awaited.append(phase)
                line += more
            self._after_dot = 0
            self._write(line)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def _patience(self) -> float:
        if self.sent is not None:
            return self._timeouts.answer
        return self._timeouts.quit if self.leaving else self._timeouts.command

    def _rest_until(self, patience: float) -> None:
        self.due = self._loop.time() + patience

    # Replies.

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        held = sum(map(len, self._lines)) if self._lines else 0
        if held + len(data) > _LONGEST:
            self.abort()
            return
        lines = data.split(b"\r\n")
        self._rest = lines.pop()
        awaited, usual = self._awaited, self._pipelining and self.open
        for line in lines:
            if line[3:4] == b"-":
                self._lines.append(line)
                if len(self._lines) > _MOST_LINES:
                    self.abort()
                    return
            elif usual and line[:3] == b"250" and awaited and awaited[0] in _PLAIN:
                # What MAIL and RCPT are answered tens of thousands of times a second.
                awaited.popleft()
                self._lines.clear()
            else:
                self._take(line)

    def _take(self, line: bytes) -> None:
        """One whole reply; what is no SMTP leaves nothing to rely on."""
        code = int(line[:3]) if line[:3].isdigit() else 0
        if self._waiter is not None or not self.open:
            self._tell_waiter(code, line)
        elif code == 421:
            self._closing_down(line)
        elif not 200 <= code < 600 or not self._awaited:
            self.abort()
        else:
            self._answer(self._awaited.popleft(), code, line)

    def _tell_waiter(self, code: int, line: bytes) -> None:
        if self._waiter is None:
            self._waiter = self._loop.create_future()
        if not self._waiter.done():
            self._waiter.set_result(self._whole("connect", code, line))

    def _whole(self, phase: str, code: int, line: bytes) -> Reply:
        """The reply with all its lines, without the codes."""
        lines, self._lines = [*self._lines, line], []
        text = b"\n".join([each[4:] for each in lines])
        return Reply(cast(Phase, phase), code, text.decode("utf-8", "replace"))

    def _answer(self, phase: str, code: int, line: bytes) -> None:
        if phase == "dot":
            self._dot(code, line)
        elif phase in ("mail", "rcpt"):
            self._hear(phase, code, line)
        elif phase == "data":
            self._data(code, line)
        elif phase == "quit" or code >= 300:
            # Goodbye; or a RSET, or a dot without content, that left the server astray.
            self._lines.clear()
            if phase != "null":
                self.abort()
        else:
            self._lines.clear()
        if self._pending:
            self._send_pending()

    def _hear(self, phase: str, code: int, line: bytes) -> None:
        if code < 300:
            self._lines.clear()
            return
        reply = self._whole(phase, code, line)
        self._refusal = self._refusal or reply
        if not self._pipelining:
            self._pending.clear()
            self._refused(self._refusal)

    def _data(self, code: int, line: bytes) -> None:
        if code != 354:
            reply = self._whole("data", code, line)
            self._refused(self._refusal or reply)
        elif self._refusal is None:
            self._lines.clear()
            self.granted = True
            self.keeper.ready(self)
        else:
            self._lines.clear()
            # RFC 2920 section 3.1: it waits for content although nobody was accepted.
            self._awaited.append("null")
            self._write(b".\r\n")
            self._refused(self._refusal)

    def _refused(self, reply: Reply) -> None:
        parcel = self.offered
        self._refusal, self._dirty = None, True
        if parcel is None:
            return
        bad_form = reply.phase == "rcpt" and reply.code in _FIRM
        if not (bad_form and self.keeper.misspelt(parcel)) and not self.keeper.elsewhere(
            self, parcel, reply
        ):
            self.keeper.settled(parcel, reply)
        self.offered = None
        self.keeper.ready(self)

    def _dot(self, code: int, line: bytes) -> None:
        # It stays ours until the keeper knows: what fails there must not lose it.
        parcel = self.sent
        if code == 250 and parcel is not None and not self._lines:
            self.keeper.accepted(parcel, line[4:].decode("utf-8", "replace"))
        elif parcel is not None:
            self.keeper.settled(parcel, self._whole("dot", code, line))
        self.sent = None
        if self.offered is None:
            self._rest_until(self._timeouts.quit if self.leaving else self._timeouts.idle)
            self.keeper.ready(self)
        else:
            self._rest_until(self._timeouts.command)

    def _closing_down(self, line: bytes) -> None:
        """421: the server hangs up.  It has not taken what it has not answered."""
        busy = not self.is_idle()
        if self.sent is not None:
            self.keeper.settled(self.sent, self._whole("dot", 421, line))
            self.sent = None
        self._end(reset=busy)

    # The end.

    def is_late(self, now: float) -> bool:
        """Whether it waits longer than it should, idle or not."""
        return now >= self.due

    def is_idle(self) -> bool:
        """Whether nothing is on its way."""
        return self.sent is None and self.offered is None

    def may_offer(self) -> bool:
        """Whether another parcel can be offered with the next write."""
        return not self.leaving and (self.offered is None or self.granted)

    def quit(self) -> None:
        """Say goodbye; the answer is not waited for long."""
        self.leaving = True
        self._awaited.append("quit")
        self._write(b"QUIT\r\n")
        self.due = self._loop.time() + self._timeouts.quit

    def abort(self) -> None:
        """Drop the connection at once.  A body without its final dot is thus never taken."""
        self._end(reset=False)

    def give_up(self) -> None:
        """Wait no longer: an answer that does not come is as bad as a connection cut off."""
        self._end(reset=not self.is_idle())

    def pause_writing(self) -> None:
        """More lies here than the network takes: only a large body, which leaves alone."""
        self._clogged = self.sent is not None and len(self.sent.wire) >= _LARGE

    def resume_writing(self) -> None:
        self._clogged = False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionError("closed"))
        # Who hangs up while nothing is on its way, or after our goodbye, complains of nothing.
        self._end(reset=not self.is_idle())

    def _end(self, *, reset: bool) -> None:
        whole = self._dot_has_left()
        if self.transport is not None:
            self.transport.abort()
            self.transport = None
        if not self.open:
            return
        self.open = False
        parcel, self.sent = self.sent, None
        unsent, self.offered = [self.offered] if self.offered is not None else [], None
        if parcel is not None and whole:
            self.keeper.settled(parcel, None)
        elif parcel is not None:
            unsent.insert(0, parcel)
        self.keeper.ended(self, unsent, reset)

    def _dot_has_left(self) -> bool:
        """False while the final dot still lies here, so that the server cannot have the message."""
        if self.transport is None:
            return True
        if self._clogged:
            return False
        return self.transport.get_write_buffer_size() <= self._after_dot
