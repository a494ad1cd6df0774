"""What one recipient's copy has of its own: To, Message-ID, how to leave, and the text's end.

All of it is written once per rendering, with holes; a recipient's own bytes are put in by one
formatting.  Which links they have decides among a few shapes.
"""

from __future__ import annotations

from dataclasses import dataclass

from channels.email.dkim import relaxed_body, relaxed_headers
from channels.email.headers import Charset
from domain.wording import Text, render, say

# A hole that takes its value, and one that swallows it.
_HOLE, _NOTHING = b"%b", b"%.0b"
# Stands for a recipient's value while a text is rendered; no text of the catalogue holds it.
_MARK = "\x00"
_END = b"\r\n"


@dataclass(frozen=True, slots=True)
class Has:
    """Which links a recipient has; `click` is a leave link that a mail program may call."""

    page: bool
    leave: bool
    click: bool
    mail: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """Formats of bytes, and the same in DKIM's canonical form.

    `headers` takes the address, the Message-ID, the leave link and the leave address as in a
    mailto URI; `foot` takes the page, the leave link and the leave address.
    """

    headers: bytes
    canonical_headers: bytes
    foot: bytes
    canonical_foot: bytes


@dataclass(frozen=True, slots=True)
class Foot:
    """How what stands below a notice reads.

    `rest` is the end of the notice's own text, where that is encoded together with the foot.
    """

    language: str
    ordinary: bool
    asks: bool
    plain: bool
    signature: str
    charset: Charset
    rest: bytes

    def shape(self, has: Has) -> Shape:
        """What is written for recipients who have these links."""
        headers, foot = self._headers(has), self._foot(has)
        return Shape(headers, relaxed_headers(headers), foot, relaxed_body(foot))

    def _headers(self, has: Has) -> bytes:
        """How to leave is for mail programs; an emergency is no list that one could leave."""
        click = has.click and self.ordinary and not self.plain
        mail = has.mail and self.ordinary
        by_web = b"<" + _HOLE + b">" if click else _NOTHING
        by_mail = b"<mailto:" + _HOLE + b">" if mail else _NOTHING
        lines = b"To: " + _HOLE + b"\r\nMessage-ID: <" + _HOLE + b">"
        if not click and not mail:
            return lines + by_web + by_mail + _END
        between = b",\r\n " if click and mail else b""
        lines += b"\r\nList-Unsubscribe: " + by_web + between + by_mail + _END
        return lines + b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" * click

    def _foot(self, has: Has) -> bytes:
        parts = self._without_links(has) if self.plain else self._with_links(has)
        signature = self.signature.strip()
        ending = self._paragraph(signature) if signature else b""
        return _escaped(self.rest) + parts + ending

    def _with_links(self, has: Has) -> bytes:
        page = "copy.confirm.mail" if self.asks else "mail.footer.page"
        parts = self._holed(say(page, page=_MARK)) if has.page else _NOTHING
        leaves = has.leave and self.ordinary
        parts += self._holed(say("mail.footer.leave", leave=_MARK)) if leaves else _NOTHING
        return parts + _NOTHING

    def _without_links(self, has: Has) -> bytes:
        """Whom to ask instead; the address for leaving is no link, and no filter minds it."""
        parts = self._holed(say("mail.plain.confirm")) if self.asks else b""
        parts += _NOTHING + _NOTHING
        if not self.ordinary:
            return parts + _NOTHING
        if has.mail:
            return parts + self._holed(say("mail.plain.leave_by_mail", address=_MARK))
        return parts + self._holed(say("mail.plain.leave")) + _NOTHING

    def _holed(self, text: Text) -> bytes:
        """A paragraph of ours with its hole, if it has one."""
        return self._paragraph(render(text, self.language)).replace(_MARK.encode(), _HOLE)

    def _paragraph(self, text: str) -> bytes:
        return _END + _escaped(encoded(text, self.charset)) + _END


def encoded(text: str, charset: Charset) -> bytes:
    """The text with the line ends that a text part has (RFC 2046 section 4.1.1)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return charset.encode(lines)


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
