"""One rendering of a broadcast as bytes, with each recipient's own parts put in.

Rendering happens once per chunk.  The text is encoded up to the last whole base64 line, so
that for a recipient only the end of it, which holds the personal links, is encoded; pictures
are encoded once.  What comes out is ready for the wire: CRLF, dot-stuffed, without the final
dot.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from channels import copies
from channels.base import Bulk, Picture, Recipient
from channels.email import headers
from domain.wording import render, say

# 57 bytes make one base64 line of 76 characters (RFC 2045 section 6.8).
_LINE_BYTES = 57
# No line of base64, nor of a header, can begin with this: so no content can end a part.
_BOUNDARY = "=_renrakumo"
_DELIMITER = f"--{_BOUNDARY}\r\n".encode()
_CLOSE = f"--{_BOUNDARY}--\r\n".encode()
_TEXT_PART = (
    headers.token_header("Content-Type", "text/plain; charset=UTF-8")
    + headers.token_header("Content-Transfer-Encoding", "base64")
    + b"\r\n"
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the mail is from: the address of envelope and From, and what stands beside it."""

    address: str
    display: str


@dataclass(frozen=True, slots=True)
class Template:
    """The pieces between which a recipient's own parts go."""

    head: bytes
    before_text: bytes
    text_lines: bytes
    text_rest: bytes
    after_text: bytes
    language: str
    ordinary: bool
    asks: bool
    signature: str

    def wire(self, recipient: Recipient, to: str) -> bytes:
        """The whole message for one recipient; `to` is the address as the envelope has it."""
        personal = self.text_rest + _text_bytes(self._footer(recipient))
        pieces = (
            self.head,
            stuffed(self._own_headers(recipient, to)),
            self.before_text,
            self.text_lines,
            base64_lines(personal),
            self.after_text,
        )
        return b"".join(pieces)

    def _own_headers(self, recipient: Recipient, to: str) -> bytes:
        lines = headers.address_header("To", to)
        lines += headers.token_header("Message-ID", f"<{recipient.message_id}>")
        return lines + self._leave_headers(recipient)

    def _leave_headers(self, recipient: Recipient) -> bytes:
        """How to leave, for mail programs; an emergency is no list that one could leave."""
        by_web = recipient.leave_url.startswith(("https://", "http://"))
        ways = [f"<{recipient.leave_url}>"] if by_web else []
        if recipient.leave_mail:
            ways.append(f"<mailto:{quote(recipient.leave_mail, safe='@')}>")
        if not ways or not self.ordinary:
            return b""
        lines = headers.token_header("List-Unsubscribe", *ways)
        if by_web:
            lines += headers.token_header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        return lines

    def _footer(self, recipient: Recipient) -> str:
        parts = [""]
        if recipient.page_url:
            key = "copy.confirm.mail" if self.asks else "mail.footer.page"
            parts.append(render(say(key, page=recipient.page_url), self.language))
        if recipient.leave_url and self.ordinary:
            leave = say("mail.footer.leave", leave=recipient.leave_url)
            parts.append(render(leave, self.language))
        if self.signature:
            parts.append(self.signature)
        return "\n\n".join(parts) + "\n"


def template(bulk: Bulk, sender: Sender, automatic: str = "auto-generated") -> Template:
    """Render what all recipients share; `automatic` is the value of RFC 3834's header."""
    text = _text_bytes(copies.paragraphs(bulk.lead, bulk.text.rstrip()))
    whole = len(text) // _LINE_BYTES * _LINE_BYTES
    mixed = bool(bulk.pictures)
    return Template(
        head=stuffed(_shared_headers(bulk, sender, automatic)),
        before_text=_mixed_start() + _TEXT_PART if mixed else _TEXT_PART,
        text_lines=base64_lines(text[:whole]),
        text_rest=text[whole:],
        after_text=b"".join(_picture_parts(bulk.pictures)) + _CLOSE if mixed else b"",
        language=bulk.language,
        ordinary=bulk.ordinary,
        asks=bool(bulk.confirm_token),
        signature=bulk.signature,
    )


def _shared_headers(bulk: Bulk, sender: Sender, automatic: str) -> bytes:
    date = bulk.date or datetime.now(UTC)
    lines = [
        headers.address_header("From", sender.address, bulk.sender_name or sender.display),
        headers.text_header("Subject", bulk.subject),
        headers.token_header("Date", format_datetime(date)),
        headers.token_header("MIME-Version", "1.0"),
        headers.token_header("Auto-Submitted", automatic),
    ]
    if bulk.list_id:
        lines.append(headers.token_header("List-Id", f"<{bulk.list_id}>"))
    if bulk.language:
        lines.append(headers.token_header("Content-Language", bulk.language))
    return b"".join(lines)


def _mixed_start() -> bytes:
    kind = f'multipart/mixed; boundary="{_BOUNDARY}"'
    return headers.token_header("Content-Type", kind) + b"\r\n" + _DELIMITER


def _picture_parts(pictures: tuple[Picture, ...]) -> Iterator[bytes]:
    """The pictures, shown below the text by programs that can, attached by those that cannot."""
    for number, picture in enumerate(pictures, 1):
        name = f"{number}.{picture.media_type.rpartition('/')[2].replace('jpeg', 'jpg')}"
        yield _DELIMITER
        yield headers.token_header("Content-Type", picture.media_type)
        yield headers.token_header("Content-Transfer-Encoding", "base64")
        yield headers.token_header("Content-Disposition", f'inline; filename="{name}"')
        yield b"\r\n" + base64_lines(picture.data)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 characters; the last one may be shorter."""
    encoded = b2a_base64(data, newline=False)
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
    return b"\r\n".join([*lines, b""])


def stuffed(lines: bytes) -> bytes:
    """Double each dot that begins a line, lest it end the message (RFC 5321 section 4.5.2).

    Only headers need it: base64 has no dots.
    """
    if lines.startswith(b"."):
        lines = b"." + lines
    return lines.replace(b"\r\n.", b"\r\n..")


def _text_bytes(text: str) -> bytes:
    """The text with the line ends that a text part has (RFC 2046 section 4.1.1)."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    return lines.encode("utf-8", "replace")
