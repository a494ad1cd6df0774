"""What the SMTP stand-in offers in answer to EHLO, and the login it may ask for."""

from __future__ import annotations

import argparse
import re
import ssl
from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from standins.certificate import self_signed

_OWN_NAMES = ("standin.example", "localhost", "127.0.0.1", "::1")
_ENHANCED = re.compile(r"(?m)^(\d{3}[ -])[245]\.\d{1,3}\.\d{1,3} ")


@dataclass(frozen=True, slots=True)
class Offers:
    """The extensions.  `tls` is offered as STARTTLS, or spoken from the start with `at_once`.

    With a `login` (user, password) nothing is taken before it, and where there is TLS not even
    that is taken in clear.
    """

    pipelining: bool = True
    eight_bit: bool = True
    enhanced: bool = True
    utf8: bool = False
    tls: ssl.SSLContext | None = None
    at_once: bool = False
    login: tuple[str, str] | None = None

    def lines(self, size_limit: int, *, secure: bool) -> Iterator[str]:
        """The lines of the answer to EHLO, without its first."""
        if self.pipelining:
            yield "PIPELINING"
        yield f"SIZE {size_limit}"
        if self.tls and not secure:
            yield "STARTTLS"
        if self.login and (secure or not self.tls):
            yield "AUTH PLAIN LOGIN"
        if self.enhanced:
            yield "ENHANCEDSTATUSCODES"
        if self.utf8:
            yield "SMTPUTF8"
        if self.eight_bit:
            yield "8BITMIME"

    def spoken(self, reply: str) -> str:
        """A reply as this server says it: with enhanced codes (RFC 2034) only if it offers them."""
        return reply if self.enhanced else _ENHANCED.sub(r"\1", reply)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What can be ordered at the start."""
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--no-8bitmime", action="store_true")
    parser.add_argument("--no-enhanced-codes", action="store_true")
    parser.add_argument("--utf8", action="store_true", help="offer SMTPUTF8")
    parser.add_argument("--tls", choices=("offered", "at-once"))
    parser.add_argument("--certificate", type=Path, help="where to write the certificate made")
    parser.add_argument("--login", help="user:password, and nothing without")


def offers_from(options: argparse.Namespace) -> Offers:
    """As the options say."""
    login = options.login.partition(":") if options.login else None
    return Offers(
        pipelining=not options.no_pipelining,
        eight_bit=not options.no_8bitmime,
        enhanced=not options.no_enhanced_codes,
        utf8=options.utf8,
        tls=self_signed(_OWN_NAMES, options.certificate) if options.tls else None,
        at_once=options.tls == "at-once",
        login=(login[0], login[2]) if login else None,
    )


class Login:
    """One AUTH dialogue (RFC 4954), by PLAIN or LOGIN.

    Each step takes what the client said, and gives the reply; `asks` is what takes the next line.
    """

    def __init__(self, right: tuple[str, str]) -> None:
        self._right = right
        self._user = ""
        self.asks: Callable[[str], str] | None = None
        self.passed = False

    def begin(self, rest: str) -> str:
        """After the verb: the mechanism, and with PLAIN perhaps all at once."""
        mechanism, _, first = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            return self._plain(first) if first else self._ask("", self._plain)
        if mechanism.upper() == "LOGIN":
            return self._name(first) if first else self._ask("VXNlcm5hbWU6", self._name)
        return "504 5.5.4 Unrecognized authentication type"

    def _ask(self, prompt: str, then: Callable[[str], str]) -> str:
        self.asks = then
        return f"334 {prompt}"

    def _plain(self, text: str) -> str:
        parts = _decoded(text).split("\0")
        return self._judge(parts[1], parts[2]) if len(parts) == 3 else self._judge("", "")

    def _name(self, text: str) -> str:
        self._user = _decoded(text)
        return self._ask("UGFzc3dvcmQ6", lambda word: self._judge(self._user, _decoded(word)))

    def _judge(self, user: str, password: str) -> str:
        self.asks = None
        self.passed = (user, password) == self._right
        if self.passed:
            return "235 2.7.0 Authentication successful"
        return "535 5.7.8 Authentication credentials invalid"


def _decoded(text: str) -> str:
    try:
        return b64decode(text, validate=True).decode()
    except (Error, ValueError):
        return ""
