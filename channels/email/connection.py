"""One SMTP connection, in lock-step: never more than one message without an answer."""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass
from time import monotonic

from channels.email.relays import Relay
from channels.email.verdicts import Phase


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds: RFC 5321 section 4.5.3.2, except for connecting.

    The ten minutes after the final dot are long because giving up sooner means that the
    message may arrive twice.
    """

    connect: float = 30
    command: float = 300
    answer: float = 600
    quit: float = 5


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay answered, and to what."""

    phase: Phase
    code: int
    text: str


class LostError(Exception):
    """The connection ended, or the relay said 421, before it could have the message."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Connection:
    """A connection that is ready for MAIL.  Opening raises OSError or SMTPException."""

    def __init__(self, relay: Relay, ehlo_name: str, timeouts: Timeouts) -> None:
        self.relay = relay
        self.messages = 0
        self.used_at = monotonic()
        self.alive = True
        self._timeouts = timeouts
        self._smtp = _opened(relay, ehlo_name, timeouts.connect)
        self._announces_size = self._smtp.has_extn("size")
        self._socket = _socket(self._smtp)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(timeouts.command)

    def offer(self, mail_from: str, forms: tuple[str, ...], size: int) -> Reply | None:
        """Ask to take one message; None means that the relay now waits for its body.

        `forms` are the spellings of the recipient's address, to be tried in order: some
        relays refuse a quoted local part that is right, and take it without quotes.
        """
        self.messages += 1
        announced = f" SIZE={size}" if self._announces_size else ""
        reply = self._ask("mail", f"MAIL FROM:<{mail_from}>{announced}")
        if reply.code == 250:
            reply = self._name_recipient(forms)
        if 250 <= reply.code < 260:
            reply = self._ask("data", "DATA")
            if reply.code == 354:
                return None
        self._reset()
        return reply

    def _name_recipient(self, forms: tuple[str, ...]) -> Reply:
        for form in forms[:-1]:
            reply = self._ask("rcpt", f"RCPT TO:<{form}>")
            if reply.code not in (501, 553, 554):
                return reply
        return self._ask("rcpt", f"RCPT TO:<{forms[-1]}>")

    def hand_over(self, wire: bytes) -> Reply | None:
        """Send the body and read the verdict; None means that none came.

        When sending itself fails, the final dot has not left, so that the relay cannot have
        taken the message: that is a LostError.
        """
        try:
            self._socket.sendall(wire + b".\r\n")
        except OSError as error:
            self.close()
            raise LostError("connection_lost") from error
        self._socket.settimeout(self._timeouts.answer)
        try:
            reply = self._read("dot")
        except LostError:
            return None
        if reply.code == 421:
            self.close()
        else:
            self._socket.settimeout(self._timeouts.command)
            self.used_at = monotonic()
        return reply

    def _ask(self, phase: Phase, command: str) -> Reply:
        try:
            self._smtp.putcmd(command)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise LostError("connection_lost") from error
        reply = self._read(phase)
        if reply.code == 421:
            self.close()
            raise LostError("too_busy")
        return reply

    def _read(self, phase: Phase) -> Reply:
        """One reply.  One that is no SMTP leaves nothing to rely on, and counts as lost."""
        try:
            code, text = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise LostError("connection_lost") from error
        if code < 200:
            self.close()
            raise LostError("connection_lost")
        return Reply(phase, code, text.decode("utf-8", "replace"))

    def _reset(self) -> None:
        """Give the transaction up; a connection that cannot do that is not used again."""
        try:
            if self._ask("mail", "RSET").code != 250:
                self.close()
        except LostError:
            self.close()

    def quit(self) -> None:
        """Say goodbye, without waiting long for the answer."""
        if not self.alive:
            return
        try:
            self._socket.settimeout(self._timeouts.quit)
            self._smtp.docmd("QUIT")
        except (OSError, smtplib.SMTPException):
            pass  # the relay was faster
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection.  A body without its final dot is thus never taken."""
        self.alive = False
        self._smtp.close()


def _opened(relay: Relay, ehlo_name: str, timeout: float) -> smtplib.SMTP:
    smtp = _connected(relay, ehlo_name, timeout)
    try:
        smtp.ehlo_or_helo_if_needed()
        if relay.tls != "at once":
            _start_tls(smtp, relay)
        if relay.user:
            smtp.login(relay.user, relay.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _connected(relay: Relay, ehlo_name: str, timeout: float) -> smtplib.SMTP:
    where = (relay.host, relay.port, ehlo_name)
    if relay.tls == "at once":
        return smtplib.SMTP_SSL(*where, timeout=timeout, context=ssl.create_default_context())
    return smtplib.SMTP(*where, timeout=timeout)


def _start_tls(smtp: smtplib.SMTP, relay: Relay) -> None:
    """Encrypt where possible.  Only "required" can also insist on a good certificate.

    To refuse a self-signed certificate where no encryption at all would do would only mean
    that the mail goes in clear (RFC 7435).
    """
    required = relay.tls == "required"
    if not smtp.has_extn("starttls"):
        if required:
            raise smtplib.SMTPNotSupportedError("the relay offers no STARTTLS")
        return
    context = ssl.create_default_context()
    if not required:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    smtp.starttls(context=context)
    smtp.ehlo_or_helo_if_needed()


def _socket(smtp: smtplib.SMTP) -> socket.socket:
    if smtp.sock is None:
        raise smtplib.SMTPServerDisconnected("the relay closed the connection")
    return smtp.sock
