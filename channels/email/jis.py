"""ISO-2022-JP (RFC 1468), for the few handsets that cannot read UTF-8.

A mail is written in it only when it has every character that people wrote: there are no circled
digits, no half-width kana, no emoji, and of names neither 髙 nor 﨑.  A mail with any of those goes
out in UTF-8 after all, because a wrong character is worse than an old handset's trouble.

The twins below are no exception to that: they are characters of JIS X 0208, which Windows and
Android enter under another code point than the one that the standard's table names.
"""

from __future__ import annotations

import re

from channels.email.headers import Charset

_TWINS = str.maketrans(
    {
        "\uff5e": "\u301c",  # wave dash
        "\uff0d": "\u2212",  # minus
        "\u2225": "\u2016",  # double vertical line
        "\u2014": "\u2015",  # dash
        "\uffe0": "\u00a2",  # cent
        "\uffe1": "\u00a3",  # pound
        "\uffe2": "\u00ac",  # not
    }
)
# The encoding is made of escape sequences: a control character of somebody's text could end or
# begin one.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def encode(text: str) -> bytes:
    """The bytes of a text; every line of it ends in ASCII.

    Raises UnicodeEncodeError for a character that ISO-2022-JP has not.
    """
    return text.translate(_TWINS).encode("iso2022_jp")


def fits(text: str) -> bool:
    """Whether ISO-2022-JP has every character of a text whose line ends are `\\n`."""
    if _CONTROLS.search(text):
        return False
    try:
        encode(text)
    except UnicodeEncodeError:
        return False
    return True


JIS = Charset("ISO-2022-JP", encode)
