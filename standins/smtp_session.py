"""The SMTP stand-in's connections: the state machine of RFC 5321, with faults on order.

A message is counted before its 250 is written, for a real server queues before it answers:
if the answer is lost, the message is not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from standins import smtp_rules as rules
from standins.faults import Fault
from standins.mailbox import Mailbox
from standins.smtp_offers import Login, Offers
from standins.smtp_wire import Wire

_END = b"\r\n.\r\n"
_PATH = re.compile(r"(?i)(?:FROM|TO):<([^<>]*|\"(?:[^\"\\]|\\.)*\"@[^<>]*)>(?: (.*))?")
_PARAMETER = re.compile(r"(?i)SIZE=(\d{1,20})|BODY=(?:7BIT|8BITMIME)|(SMTPUTF8)|(AUTH=.+)")


@dataclass(slots=True)
class Server:
    """What all connections share."""

    mailbox: Mailbox
    lenient: bool = False
    size_limit: int = 10 * 1024 * 1024
    faults: list[Fault] = field(default_factory=list)
    connections: int = 0
    peak_connections: int = 0
    offers: Offers = Offers()  # noqa: RUF009 - frozen
    pieces: int = 0
    name: str = "standin.example"

    def opened(self, session: Session) -> None:
        """Count an open connection."""
        self.connections += 1
        self.peak_connections = max(self.peak_connections, self.connections)

    def closed(self, session: Session) -> None:
        """It is open no more."""
        self.connections -= 1

    def fault(self, phase: str, subjects: Sequence[str], session: Session) -> Fault | None:
        """The first fault that strikes at this point."""
        if not self.faults:
            return None
        return next((f for f in self.faults if f.strikes(phase, subjects)), None)

    def take(self, mail_from: str, recipients: tuple[str, ...], raw: bytes) -> int:
        """Keep a message that was accepted; its number."""
        return self.mailbox.add(mail_from, recipients, raw)


class Session(Wire):
    """One connection: the state machine of RFC 5321 section 4.1.4.

    `messages` counts the MAIL commands that were taken.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(server.offers, server.pieces)
        self._server = server
        self._in_content = self._too_large = False
        self._greeted = ""
        self._scanned = 0
        self._login = Login(server.offers.login) if server.offers.login else None
        self.messages = 0
        self._reset()

    def _reset(self) -> None:
        self._mail_from: str | None = None
        self._recipients: list[str] = []
        self._utf8 = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.opened(self)
        self._answer("connect", [""], lambda: f"220 {self._server.name} ESMTP")
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def _work(self) -> None:
        """Do all that can be done, then send the replies in one go (RFC 2920)."""
        while not (self._held or self._closing):
            if not (self._take_content() if self._in_content else self._take_line()):
                break
            if self._buffer and not self._offers.pipelining and not self._in_content:
                self._say(rules.PIPELINED)
                self._closing = True
        self._flush()

    def _answer(self, phase: str, subjects: Sequence[str], right: Callable[[], str]) -> None:
        """Give the right answer, unless a fault was ordered for this point."""
        fault = self._server.fault(phase, subjects, self)
        if fault is None:
            self._say(right())
        elif fault.drop:
            if fault.drop.endswith("after"):
                right()
            self._closing = True
            self._resetting = fault.drop.startswith("reset")
        elif fault.delay:
            reply = fault.reply or right()
            self._held = True
            asyncio.get_running_loop().call_later(fault.delay, self._release, reply)
        else:
            self._say(fault.reply or right())

    def _release(self, reply: str) -> None:
        self._held = False
        if not self._closing:
            self._say(reply)
            self._work()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n")
        if end < 0 and len(self._buffer) <= rules.COMMAND_LINE:
            return False
        if end < 0 or end >= rules.COMMAND_LINE:
            self._say(rules.COMMAND_TOO_LONG)
            self._closing = end < 0
            del self._buffer[: end + 1]
            return True
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        if not line.endswith(b"\r\n"):
            self._say(rules.COMMAND_BARE_LF)
            return
        text = line[:-2].decode("utf-8", "replace")
        if self._login and self._login.asks:
            self._say(self._login.asks(text))
            return
        verb, _, rest = text.partition(" ")
        action = _COMMANDS.get(verb.upper())
        if action is None:
            self._say("500 5.5.2 Error: command not recognized")
        else:
            action(self, rest.rstrip(" "))

    def _helo(self, name: str) -> None:
        self._hello(name, "HELO", f"250 {self._server.name}")

    def _ehlo(self, name: str) -> None:
        offers = self._offers.lines(self._server.size_limit, secure=self.secure)
        *lines, last = [self._server.name, *offers]
        self._hello(name, "EHLO", "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}")

    def _hello(self, name: str, verb: str, reply: str) -> None:
        if not name:
            self._say(f"501 5.5.4 Syntax: {verb} hostname")
            return
        self._greeted = verb
        self._reset()
        self._say(reply)

    def _starttls(self, rest: str) -> None:
        context = self._offers.tls
        if not context or self.secure:
            self._say("502 5.5.1 Error: command not implemented")
            return
        self._say("220 2.0.0 Ready to start TLS")
        self._flush()
        self._greeted = ""
        self._reset()
        self._encrypt(context)

    def _auth(self, rest: str) -> None:
        if not self._login or (self._offers.tls and not self.secure):
            self._say("502 5.5.1 Error: command not implemented")
        elif self._greeted != "EHLO" or self._login.passed:
            self._say("503 5.5.1 Error: not now")
        else:
            self._say(self._login.begin(rest))

    def _mail(self, rest: str) -> None:
        match = _PATH.fullmatch(rest) if rest[:5].upper() == "FROM:" else None
        path = match[1] if match else ""
        sender = rules.mailbox(path, lenient=False) if path else ""
        if not self._greeted:
            self._say("503 5.5.1 Error: send EHLO first")
        elif self._login and not self._login.passed:
            self._say("530 5.7.0 Authentication required")
        elif self._mail_from is not None:
            self._say("503 5.5.1 Error: nested MAIL command")
        elif match is None or sender is None:
            self._say("501 5.5.4 Syntax: MAIL FROM:<address>")
        elif refusal := self._bad_parameters(match[2] or ""):
            self._say(refusal)
        else:
            self._answer("mail", [sender], lambda: self._accept_sender(sender))

    def _accept_sender(self, sender: str) -> str:
        self._mail_from = sender
        self.messages += 1
        return "250 2.1.0 Ok"

    def _bad_parameters(self, text: str) -> str | None:
        for parameter in text.split():
            match = _PARAMETER.fullmatch(parameter)
            if match is None or self._greeted == "HELO" or not self._is_offered(parameter.upper()):
                return rules.UNKNOWN_PARAMETER
            self._utf8 |= bool(match[2])
            if int(match[1] or 0) > self._server.size_limit:
                return rules.TOO_LARGE
        return None

    def _is_offered(self, parameter: str) -> bool:
        if parameter.startswith("BODY="):
            return self._offers.eight_bit
        if parameter.startswith("AUTH="):
            return self._login is not None
        return self._offers.utf8 if parameter == "SMTPUTF8" else True

    def _rcpt(self, rest: str) -> None:
        match = _PATH.fullmatch(rest) if rest[:3].upper() == "TO:" else None
        if self._mail_from is None:
            self._say("503 5.5.1 Error: need MAIL command")
        elif match is None:
            self._say("501 5.5.4 Syntax: RCPT TO:<address>")
        elif match[2]:
            self._say(rules.UNKNOWN_PARAMETER)
        elif not (match[1].isascii() or self._utf8):
            self._say(rules.NOT_ASCII)
        elif len(self._recipients) >= rules.RECIPIENTS:
            self._say(rules.TOO_MANY)
            self._closing = True
        else:
            path = match[1]
            self._answer("rcpt", [path], lambda: self._accept_recipient(path))

    def _accept_recipient(self, path: str) -> str:
        # RFC 5321 section 4.5.1: postmaster is known without a domain.
        whole = f"{path}@{self._server.name}" if path.lower() == "postmaster" else path
        recipient = rules.mailbox(whole, lenient=self._server.lenient)
        if recipient is None:
            return "501 5.1.3 Bad recipient address syntax"
        self._recipients.append(recipient)
        return "250 2.1.5 Ok"

    def _data(self, rest: str) -> None:
        if rest:
            self._say("501 5.5.4 Syntax: DATA")
        elif not self._recipients:
            self._say("503 5.5.1 Error: need RCPT command")
        elif self._buffer:
            self._say(rules.PIPELINED_DATA)
            self._closing = True
        else:
            self._answer("data", self._recipients, self._accept_content)

    def _accept_content(self) -> str:
        self._in_content = True
        return "354 End data with <CR><LF>.<CR><LF>"

    def _take_content(self) -> bool:
        """Look for the final dot, only in what is new."""
        if self._buffer.startswith(b".\r\n") and not self._too_large:
            end = -2  # the line of DATA itself gave the CRLF before the dot
        else:
            end = self._buffer.find(_END, max(self._scanned - len(_END), 0))
            if end < 0:
                self._skim()
                return False
        content = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_END)]
        too_large = self._too_large or len(content) > self._server.size_limit
        self._in_content = self._too_large = False
        self._scanned = 0
        self._answer("dot", self._recipients, lambda: self._judge(content, too_large))
        self._reset()
        return True

    def _skim(self) -> None:
        """Remember how far we looked, and let go of what is too large anyway."""
        if len(self._buffer) > self._server.size_limit + len(_END):
            self._too_large = True
            del self._buffer[: -len(_END)]
        self._scanned = len(self._buffer)

    def _judge(self, content: bytes, too_large: bool) -> str:
        refusal = rules.TOO_LARGE if too_large else rules.objection(content)
        if refusal:
            return refusal
        # RFC 5321 section 4.5.2: the first dot of a line was added by the sender.
        raw = content.removeprefix(b".").replace(b"\r\n.", b"\r\n")
        sequence = self._server.take(self._mail_from or "", tuple(self._recipients), raw)
        return f"250 2.0.0 Ok: queued as {sequence:08X}"

    def _rset(self, rest: str) -> None:
        if rest:
            self._say("501 5.5.4 Syntax: RSET")
            return
        self._reset()
        self._say("250 2.0.0 Ok")

    def _noop(self, rest: str) -> None:
        self._say("250 2.0.0 Ok")

    def _vrfy(self, rest: str) -> None:
        self._say(
            "252 2.5.0 Send some mail, I'll try my best" if rest else "501 5.5.4 Syntax: VRFY"
        )

    def _help(self, rest: str) -> None:
        self._say("214 2.0.0 See RFC 5321")

    def _expn(self, rest: str) -> None:
        self._say("502 5.5.1 EXPN is not implemented")

    def _quit(self, rest: str) -> None:
        self._say("221 2.0.0 Bye")
        self._closing = True


_COMMANDS: dict[str, Callable[[Session, str], None]] = {
    "HELO": Session._helo,
    "EHLO": Session._ehlo,
    "STARTTLS": Session._starttls,
    "AUTH": Session._auth,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data,
    "RSET": Session._rset,
    "NOOP": Session._noop,
    "VRFY": Session._vrfy,
    "HELP": Session._help,
    "EXPN": Session._expn,
    "QUIT": Session._quit,
}
