"""One rendering of a broadcast as bytes, with each recipient's own parts put in.

Rendering happens once per variant.  The text is encoded up to the last whole base64 line, so
that for a recipient only the end of it, which holds the personal links, is encoded; pictures
are encoded once.  What comes out is ready for the wire: CRLF, dot-stuffed, without the final
dot.

No line is longer than 998 bytes, and none of base64 than 76 characters.  Whatever people wrote,
every header is ASCII, and so is every address that domain.addresses lets in: no mail of ours needs
SMTPUTF8 (RFC 6531), nor BODY=8BITMIME.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from struct import Struct
from urllib.parse import quote

from channels.base import Bulk, Picture, Recipient
from channels.email import headers
from channels.email.dkim import Seal, Signer, relaxed_body
from channels.email.personal import Foot, Has, Shape, encoded
from channels.email.words import Words, words

# 57 bytes make one base64 line of 76 characters (RFC 2045 section 6.8).
_LINE_BYTES, _LINE = 57, 76
# Up to so many characters of base64 are cut by a recipe that is kept; pictures are longer.
_CUT_BY_RECIPE = 8192
# No line of base64, nor of a header, can begin with this: so no content can end a part.
_BOUNDARY = "=_renrakumo"
_DELIMITER = f"--{_BOUNDARY}\r\n".encode()
_CLOSE = f"--{_BOUNDARY}--\r\n".encode()
# What a recipient's own values are made of: nothing that could end a header or begin another.
_VISIBLE = bytes(range(0x21, 0x7F))
# RFC 3986 section 2.3, and the @ that a mailto URI (RFC 6068) holds as it is.
_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~@"
# With a header's name and brackets around it, a value of this length makes no line too long.
_LONGEST_VALUE = 900
_WEB = (b"https://", b"http://")

# Whether a recipient has no page, no leave link, one of the web, and no leave address.
_Lacks = tuple[bool, bool, bool, bool]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the mail is from: the address of envelope and From, and what stands beside it."""

    address: str
    display: str


@dataclass(frozen=True, slots=True)
class Template:
    """A rendering with holes for a recipient's own parts; safe to use from several threads.

    `head` are the headers that all have, `start` is the body before the personal part and `end`
    after it.  A text that is `bare` (7bit) can have lines that begin with a dot.
    """

    head: bytes
    start: bytes
    end: bytes
    foot: Foot
    bare: bool
    seal: Seal | None
    shapes: dict[_Lacks, Shape] = field(default_factory=dict)

    def wire(self, recipient: Recipient, to: str) -> bytes:
        """The whole message for one recipient; `to` is the address as the envelope has it.

        Raises ValueError for a value of the recipient's that no header may hold.
        """
        address, name = to.encode(), recipient.message_id.encode()
        page, leave = recipient.page_url.encode(), recipient.leave_url.encode()
        uri = mail = recipient.leave_mail.encode()
        together = b"".join((address, name, page, leave))
        if (
            mail.translate(None, _UNRESERVED)
            or len(together) + len(mail) > _LONGEST_VALUE
            or not address
        ):
            uri = _with_care(address, name, page, leave, mail)
        if together.translate(None, _VISIBLE):
            raise ValueError("only visible ASCII can stand in a recipient's address, ID and links")
        has = (not page, not leave, leave.startswith(_WEB), not mail)
        shape = self.shapes.get(has) or self._shape(has)
        own, links = (address, name, leave, uri), (page, leave, mail)
        mine, foot = shape.headers % own, shape.foot % links
        part = stuffed(foot) if self.bare else base64_lines(foot)
        if self.seal is None:
            return b"".join((self.head, mine, self.start, part, self.end))
        middle = shape.canonical_foot % links if self.bare else part
        signature = self.seal.header(shape.canonical_headers % own, middle)
        return b"".join((signature, self.head, mine, self.start, part, self.end))

    def _shape(self, has: _Lacks) -> Shape:
        no_page, no_leave, click, no_mail = has
        shape = self.foot.shape(Has(not no_page, not no_leave, click, not no_mail))
        self.shapes[has] = shape
        return shape


def template(
    bulk: Bulk, sender: Sender, automatic: str = "auto-generated", signer: Signer | None = None
) -> Template:
    """Render what all recipients share; `automatic` is the value of RFC 3834's header."""
    date = bulk.date or datetime.now(UTC)
    said = words(bulk, sender.display)
    text = encoded(f"{said.text}\n", said.charset)
    bare = said.charset is not headers.UTF8 and _can_be_bare(said.text, text)
    whole = len(text) if bare else len(text) // _LINE_BYTES * _LINE_BYTES
    content, before, after = _around(bulk.pictures, said, bare)
    head = _shared_headers(bulk, said, sender, automatic, date) + content
    start = text if bare else base64_lines(text[:whole])
    canonical = before + (relaxed_body(text) if bare else start)
    return Template(
        head=head,
        start=b"\r\n" + before + (stuffed(start) if bare else start),
        end=after,
        foot=_foot(bulk, said, text[whole:]),
        bare=bare,
        seal=signer.seal(head, canonical, after, int(date.timestamp())) if signer else None,
    )


def _with_care(*values: bytes) -> bytes:
    """The last value, a leave address, as a mailto URI holds it: for what is out of the ordinary.

    Raises ValueError where there is no address, and for what would make a line too long.
    """
    mail = values[-1]
    if mail.translate(None, _VISIBLE):
        raise ValueError("only visible ASCII can stand in a recipient's leave address")
    uri = quote(mail, safe="@").encode()
    if not values[0] or max(map(len, (*values, uri))) > _LONGEST_VALUE:
        raise ValueError(f"a recipient's address and links have 1 to {_LONGEST_VALUE} characters")
    return uri


def _can_be_bare(text: str, lines: bytes) -> bool:
    """Whether a text in 7 bits can be sent as it is, without a line longer than mail may have."""
    longest = headers.LONGEST_LINE - 1  # for a dot that is doubled
    return text != "" and max(map(len, lines.split(b"\r\n"))) <= longest


def _foot(bulk: Bulk, said: Words, rest: bytes) -> Foot:
    return Foot(
        language=bulk.language,
        ordinary=bulk.ordinary,
        asks=bool(bulk.confirm_token),
        plain=said.plain,
        signature=said.signature,
        charset=said.charset,
        rest=rest,
    )


def _shared_headers(
    bulk: Bulk, said: Words, sender: Sender, automatic: str, date: datetime
) -> bytes:
    lines = [
        headers.address_header("From", sender.address, said.sender, said.charset),
        headers.text_header("Subject", said.subject, said.charset),
        headers.token_header("Date", format_datetime(date)),
        headers.token_header("MIME-Version", "1.0"),
        headers.token_header("Auto-Submitted", automatic),
    ]
    if bulk.list_id:
        lines.append(headers.token_header("List-Id", f"<{bulk.list_id}>"))
    if bulk.language:
        lines.append(headers.token_header("Content-Language", bulk.language))
    return b"".join(lines)


def _around(pictures: tuple[Picture, ...], said: Words, bare: bool) -> tuple[bytes, bytes, bytes]:
    """The headers that tell the content, and what the body has before and after the text."""
    encoding = "7bit" if bare else "base64"
    text = headers.token_header("Content-Type", f"text/plain; charset={said.charset.name}")
    text += headers.token_header("Content-Transfer-Encoding", encoding)
    if not pictures:
        return text, b"", b""
    kind = f'multipart/mixed; boundary="{_BOUNDARY}"'
    shown = "attachment" if said.plain else "inline"
    after = b"".join(_picture_parts(pictures, shown)) + _CLOSE
    return headers.token_header("Content-Type", kind), _DELIMITER + text + b"\r\n", after


def _picture_parts(pictures: tuple[Picture, ...], shown: str) -> Iterator[bytes]:
    """The pictures, shown below the text by programs that can, attached by those that cannot."""
    for number, picture in enumerate(pictures, 1):
        name = f"{number}.{picture.media_type.rpartition('/')[2].replace('jpeg', 'jpg')}"
        yield _DELIMITER
        yield headers.token_header("Content-Type", picture.media_type)
        yield headers.token_header("Content-Transfer-Encoding", "base64")
        yield headers.token_header("Content-Disposition", f'{shown}; filename="{name}"')
        yield b"\r\n" + base64_lines(picture.data)


def base64_lines(data: bytes) -> bytes:
    """Base64 in lines of 76 characters; the last one may be shorter."""
    made = b2a_base64(data, newline=False)
    if len(made) <= _CUT_BY_RECIPE:
        return b"\r\n".join(_recipe(len(made))(made))
    lines = [made[start : start + _LINE] for start in range(0, len(made), _LINE)]
    return b"\r\n".join([*lines, b""])


@lru_cache(maxsize=_CUT_BY_RECIPE // 4)
def _recipe(length: int) -> Callable[[bytes], tuple[bytes, ...]]:
    """What cuts so many characters into lines, with nothing after the last: one call into C."""
    lines, rest = divmod(length, _LINE)
    return Struct(f"{_LINE}s" * lines + f"{rest}s" * bool(rest) + "0s").unpack


def stuffed(lines: bytes) -> bytes:
    """Double each dot that begins a line, lest it end the message (RFC 5321 section 4.5.2).

    Only a text in 7 bits needs it: our headers begin otherwise, and base64 has no dots.
    """
    if lines.startswith(b"."):
        lines = b"." + lines
    return lines.replace(b"\r\n.", b"\r\n..")
