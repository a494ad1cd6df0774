"""Sealed tokens: numbers that went out in a link or a button and come back unaltered.

A token keeps nothing secret (the numbers can be read) and is not stored anywhere: its seal proves
that we made it, for this kind of use. Layout: varint numbers, then 16 bytes of HMAC-SHA256
(truncated as RFC 2104 §5 allows), in base64url without padding (RFC 4648 §5).
"""

import base64
import hmac
from binascii import b2a_base64

from domain.keyed_hash import KeyedHash

_SEAL_SIZE = 16
_DOMAIN = b"renrakumo token 1\0"
_MORE = 0x80
_URLSAFE = bytes.maketrans(b"+/", b"-_")


def seal(key: bytes, kind: str, *numbers: int, extra: bytes = b"") -> str:
    """Make a token of these numbers, in the characters A-Z a-z 0-9 _ - only.

    Four numbers below 2**40 take 54 characters, within the 64 bytes Telegram allows for
    `callback_data` (Bot API, InlineKeyboardButton).

    `kind` and `extra` are sealed but not carried: whoever opens the token must know them.

    Raises:
        ValueError: a number is negative.
    """
    return Sealer(key, kind, extra).seal(*numbers)


class Sealer(KeyedHash):
    """Makes tokens of one kind, for many at once: see `seal`."""

    __slots__ = ()

    def __init__(self, key: bytes, kind: str, extra: bytes = b"") -> None:
        super().__init__(key, _DOMAIN + _framed(kind.encode()) + _framed(extra))

    def seal(self, *numbers: int) -> str:
        body = b"".join(map(_varint, numbers))
        return _encode(body + self.digest(_framed(body))[:_SEAL_SIZE])

    def sealed(self, body: bytes, given: bytes) -> bool:
        """Whether this is the seal of a token's body."""
        return hmac.compare_digest(given, self.digest(_framed(body))[:_SEAL_SIZE])


def unseal(key: bytes, kind: str, token: str, *, extra: bytes = b"") -> tuple[int, ...] | None:
    """Return the numbers of a token we sealed with this key, kind and extra; otherwise None.

    Takes any text without raising. Exactly one spelling of a token is accepted, so a token can
    also serve as a key.
    """
    raw = _decode(token)
    if raw is None or len(raw) < _SEAL_SIZE:
        return None
    body, given = raw[:-_SEAL_SIZE], raw[-_SEAL_SIZE:]
    return _numbers(body) if Sealer(key, kind, extra).sealed(body, given) else None


def _framed(part: bytes) -> bytes:
    """Each part is preceded by its length, so that no two different inputs read the same."""
    return len(part).to_bytes(8, "big") + part


def _encode(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).translate(_URLSAFE, b"=").decode("ascii")


def _decode(token: str) -> bytes | None:
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    # The decoder skips foreign characters and unused bits; encoding again shows both.
    return raw if _encode(raw) == token else None


def _varint(number: int) -> bytes:
    if number < 0:
        raise ValueError(f"a token holds no negative number: {number}")
    groups = []
    while number >= _MORE:
        groups.append(number & 0x7F | _MORE)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def _numbers(body: bytes) -> tuple[int, ...]:
    numbers, number, shift = [], 0, 0
    for byte in body:
        number |= (byte % _MORE) << shift
        shift += 7
        if byte < _MORE:
            numbers.append(number)
            number, shift = 0, 0
    return tuple(numbers)
