"""What the SMTP stand-in refuses, each rule with the document that it comes from."""

from __future__ import annotations

import re

RECIPIENTS = 100
COMMAND_LINE = 512
TEXT_LINE = 998

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_QUOTED = r'"(?:[ !#-\[\]-~]|\\[ -~])*"'
_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.?)+|\[[0-9A-Za-z:.]+\]"
_STRICT = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*|{_QUOTED})@({_DOMAIN})")
_LENIENT = re.compile(rf"((?:{_ATEXT}|\.)+|{_QUOTED})@({_DOMAIN})")
_BEYOND = re.compile(r"[^\x00-\x7f]")
_ESCAPE = re.compile(r"\\(.)")
_SINGLE = re.compile(rb"(?im)^(from|to|subject|date|message-id):(?:\r\n(?=[ \t])|[ \t])*(\S?)")

# docomo, "imode mail: notes on sending": the 101st recipient ends the session.
TOO_MANY = "554 Transaction failed"
# RFC 5321 section 4.5.3.1.4; longer with the parameters of extensions, which fit here.
COMMAND_TOO_LONG = "500 5.5.2 Line too long"
# RFC 5321 section 2.3.8: only CRLF ends a line.
COMMAND_BARE_LF = "500 5.5.2 Lines end with CRLF"
# RFC 1870 section 6.
TOO_LARGE = "552 5.3.4 Message exceeds fixed maximum message size"
# RFC 2920 section 3.1: DATA is the last command of a group.
PIPELINED_DATA = "503 5.5.0 Data command rejected: Improper use of SMTP command pipelining"
# RFC 2920 section 3.1: nothing is sent ahead where PIPELINING is not offered.
PIPELINED = "503 5.5.0 Error: Improper use of SMTP command pipelining"
# RFC 6531 section 3.5: this server does not offer SMTPUTF8.
NOT_ASCII = "553 5.6.7 Non-ASCII addresses not permitted"
# RFC 5321 section 4.1.1.11.
UNKNOWN_PARAMETER = "555 5.5.4 MAIL FROM/RCPT TO parameters not recognized or not implemented"


def mailbox(path: str, *, lenient: bool) -> str | None:
    """The dequoted address in a path, with the domain in lower case; None if it is none.

    RFC 5321 section 4.1.2: an unquoted local part has no two dots in a row and none at an
    end.  `lenient` takes them all the same, as docomo's and au's own servers do.  Letters
    beyond ASCII stand where others may (RFC 6531 section 3.3).
    """
    plain = path if path.isascii() else _BEYOND.sub("x", path)
    match = (_LENIENT if lenient else _STRICT).fullmatch(plain)
    if not match or len(match[1]) > 64 or len(match[2]) > 255:  # section 4.5.3.1
        return None
    local, domain = path[: match.end(1)], path[match.start(2) :]
    if local.startswith('"'):
        local = _ESCAPE.sub(r"\1", local[1:-1])
    return f"{local}@{domain.lower()}"


def objection(content: bytes) -> str | None:
    """Why a message's content, as it stood on the wire, is refused; None if it is not."""
    ends = content.count(b"\r\n")
    if content.count(b"\n") != ends or content.count(b"\r") != ends:
        # RFC 5321 section 2.3.8; the words are Postfix's smtpd_forbid_bare_newline.
        return "521 5.5.2 Error: bare <LF> received"
    if max(map(len, content.split(b"\r\n"))) > TEXT_LINE:
        return "500 Line too long"  # RFC 5321 section 4.5.3.1.6, in docomo's words
    return _header_objection(content.partition(b"\r\n\r\n")[0] + b"\r\n")


def _header_objection(head: bytes) -> str | None:
    if not head.isascii():
        return "550 5.6.7 Headers are not ASCII"  # RFC 6532 needs SMTPUTF8, not offered
    if b"?==?" in head:
        # RFC 2047 section 2: white space stands between encoded words; Yahoo's words.
        return "554 5.6.0 Invalid header: encoded words without white space between"
    found = [name.lower() for name, value in _SINGLE.findall(head) if value]
    if len(found) != len(set(found)):
        return "550 5.7.1 A header that may stand once stands twice"  # RFC 5322 section 3.6
    for name in (b"from", b"date", b"message-id"):
        if name not in found:
            # RFC 5322 section 3.6 for From and Date; SoftBank also refuses empty ones and a
            # missing Message-ID ("notes on sending mail", 2008).
            return f"550 5.7.1 The header {name.decode()} is missing or empty"
    return None
