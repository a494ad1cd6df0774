"""DKIM signatures (RFC 6376, RFC 8301): rsa-sha256, relaxed/relaxed, one signature per recipient.

Only RSA: Yahoo and Microsoft do not verify Ed25519 (RFC 8463) yet, and a signature that nobody
verifies is none.  Every header that we write is signed, so each recipient needs an own signature,
and the one RSA operation is what it costs; everything around it that is the same for all is
prepared once (`Seal`).

`cryptography` keeps the GIL while it signs: threads sign no faster than one does, processes do.
"""

from __future__ import annotations

import hashlib
import re
import stat
from binascii import b2a_base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

# RFC 8301 section 3.2: a signer should use at least 2048 bits (1024 are barely taken any more), and
# a verifier need not know how to verify more than 4096.  More than 2048 cost several times as much.
BITS = 2048
LONGEST = 4096
_EXPONENT = 65537

# A verifier takes the lowest header of a name for its first mention and finds none for the second:
# so nobody can add another From or Subject above ours, which many programs would show instead.
_TWICE = (b"from", b"subject")
# What `Seal.header` is given for each recipient, in this order; a mention of one that is not there
# forbids to add it (RFC 6376 section 5.4.2).
_PERSONAL = (b"to", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post")

_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})?(\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*"
)
_FOLDED = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"[ \t]+")
_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_PADDING, _HASH = PKCS1v15(), SHA256()
_COLUMNS = 72
# One string of a TXT record holds so many bytes (RFC 1035 section 3.3.14).
_TXT = 255


class KeyRefused(ValueError):
    """A key, selector or domain that mail cannot be signed with; says why, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who answers for a mail: the domain, and which of its keys signs."""

    domain: str
    selector: str
    key: RSAPrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.domain) or not _NAME.fullmatch(self.selector):
            raise KeyRefused("DKIM: domain and selector are letters, digits, hyphens and dots")
        if not BITS <= self.key.key_size <= LONGEST:
            raise KeyRefused(f"DKIM: the key has {self.key.key_size} bits; make one of {BITS}")

    def seal(self, shared: bytes, start: bytes, end: bytes, at: int) -> Seal:
        """Prepare what is the same for all recipients of one rendering.

        `shared` are the headers that all have, as they are sent; `start` and `end` the body before
        and after a recipient's own part of it, canonical; `at` is when, in seconds of Unix time.
        """
        canonical = relaxed_headers(shared)
        opening = self._opening(_names(canonical), at)
        return Seal(
            key=self.key,
            headers=canonical,
            body=hashlib.sha256(start),
            end=end,
            opening=opening,
            canonical_opening=relaxed_headers(opening),
        )

    def _opening(self, names: list[bytes], at: int) -> bytes:
        """The signature's header as it is sent, up to where a recipient's own hash begins."""
        twice = [name for name in names for _ in range(1 + (name in _TWICE))]
        tags = b"v=1; a=rsa-sha256; c=relaxed/relaxed; t=%d;" % at
        whose = f"d={self.domain};\r\n s={self.selector};".encode()
        return b"".join(
            (
                b"DKIM-Signature: ",
                tags,
                b"\r\n ",
                whose,
                b"\r\n h=",
                b"\r\n ".join(_lines_of_names([*twice, *_PERSONAL])),
                b";\r\n bh=",
            )
        )


@dataclass(frozen=True, slots=True)
class Seal:
    """A rendering ready to be signed for each recipient; safe to use from several threads."""

    key: RSAPrivateKey
    headers: bytes
    body: hashlib._Hash
    end: bytes
    opening: bytes
    canonical_opening: bytes

    def header(self, own: bytes, middle: bytes) -> bytes:
        """The DKIM-Signature header of one copy.

        `own` are the recipient's own headers and `middle` their part of the body, canonical.
        """
        body = self.body.copy()
        body.update(middle)
        body.update(self.end)
        digest = b2a_base64(body.digest(), newline=False)
        data = b"".join((self.headers, own, self.canonical_opening, digest, b"; b="))
        made = b2a_base64(self.key.sign(data, _PADDING, _HASH), newline=False)
        lines = [made[at : at + _COLUMNS] for at in range(0, len(made), _COLUMNS)]
        value = b"\r\n ".join(lines)
        return b"".join((self.opening, digest, b";\r\n b=", value, b"\r\n"))


def read_signer(domain: str, selector: str, key_file: Path) -> Signer:
    """The signer whose private key is in a PEM file.

    Raises KeyRefused for what is no file or cannot be read, and for a key that receivers do not
    take.
    """
    try:
        key = load_pem_private_key(_contents(key_file), password=None)
    except OSError as error:
        raise KeyRefused(f"{key_file} cannot be read ({type(error).__name__})") from None
    except KeyRefused:
        raise
    except (ValueError, TypeError):
        raise KeyRefused(f"{key_file} holds no private key in PEM without a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise KeyRefused(f"{key_file}: only an RSA key is verified by all receivers")
    return Signer(domain, selector, key)


def _contents(path: Path) -> bytes:
    """Of a file alone: a pipe would be waited for, and a device may have no end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise KeyRefused(f"{path} is no file")
    return path.read_bytes()


def new_key() -> RSAPrivateKey:
    return generate_private_key(_EXPONENT, BITS)


def private_pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def record_name(selector: str, domain: str) -> str:
    """Where the public key is published (RFC 6376 section 3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"


def record_strings(key: RSAPrivateKey) -> list[str]:
    """The TXT record that publishes a key's public half, in strings that DNS can hold."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; p={b2a_base64(public, newline=False).decode('ascii')}"
    return [text[start : start + _TXT] for start in range(0, len(text), _TXT)]


def relaxed_headers(block: bytes) -> bytes:
    """Whole header lines in the canonical form "relaxed" (RFC 6376 section 3.4.2)."""
    lines = _FOLDED.sub(b"", block).split(b"\r\n")
    return b"\r\n".join(map(_relaxed_header, lines))


def _relaxed_header(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    return name.strip().lower() + colon + _SPACES.sub(b" ", value).strip(b" ")


def relaxed_body(lines: bytes) -> bytes:
    """Whole lines of a body in the canonical form "relaxed" (RFC 6376 section 3.4.4).

    Empty lines at the very end of a body, which that form leaves out, we never write.
    """
    return _SPACES.sub(b" ", _AT_END.sub(b"", lines))


def _names(canonical: bytes) -> list[bytes]:
    return [line.partition(b":")[0] for line in canonical.split(b"\r\n") if line]


def _lines_of_names(names: list[bytes]) -> Iterator[bytes]:
    line = b""
    for name in names:
        if len(line) + len(name) > _COLUMNS:
            yield line + b":"
            line = b""
        line += (b":" if line else b"") + name
    yield line
