"""Header lines as bytes, with Japanese in them.

The standard library's writer is not used for mail that leaves: it sets encoded words side by
side, which Yahoo refuses as "Invalid Subject header" (cpython #144156), and re-folding breaks
quoting (#121284).  What this module writes never holds a control character, so that no value
can begin a header of its own.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# RFC 2047 section 2: a line with an encoded word in it has at most 76 characters, and an
# encoded word at most 75.
LINE = 76
WORD = 75
# RFC 5322 section 2.1.1, without the CRLF.
LONGEST_LINE = 998

_CLOSE = "?="
_FOLD = "\r\n "
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_TOKEN = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_NAME = re.compile(r"[A-Za-z0-9-]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ZWJ = "\u200d"


@dataclass(frozen=True, slots=True)
class Charset:
    """A character set of mail: its name (RFC 2978), and what turns a text into its bytes.

    What `encode` makes of any text by itself begins and ends in ASCII, so that it can stand in an
    encoded word (RFC 2047 section 5).
    """

    name: str
    encode: Callable[[str], bytes]


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


UTF8 = Charset("UTF-8", _utf8)


def text_header(name: str, value: str, charset: Charset = UTF8) -> bytes:
    """A header of free text, such as Subject; control characters become spaces.

    Raises UnicodeEncodeError for a character that the charset has not; UTF-8 has them all.
    """
    return _finished(name, _folded(clean(value), len(name) + 1, charset))


def address_header(name: str, address: str, display: str = "", charset: Charset = UTF8) -> bytes:
    """A header that names one mailbox, whose address is already in the form of the envelope."""
    if not _VISIBLE.fullmatch(address):
        raise ValueError(f"{name}: the address holds a character that no header may hold")
    if not display.strip():
        return _finished(name, f" {address}")
    phrase = _phrase(clean(display).strip(), len(name) + 1, charset)
    start = " " if _column(name + ":" + phrase) + len(address) + 3 <= LINE else _FOLD
    return _finished(name, f"{phrase}{start}<{address}>")


def token_header(name: str, *values: str) -> bytes:
    """A header that machines read, such as Message-ID; several values stand on own lines."""
    for value in values:
        if not _TOKEN.fullmatch(value):
            raise ValueError(f"{name}: only visible ASCII and single spaces can stand here")
    return _finished(name, " " + f",{_FOLD}".join(values))


def clean(value: str) -> str:
    """Put a space for each control character, and U+FFFD for what UTF-8 cannot hold."""
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", value))


def _finished(name: str, folded: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError("not a header's name")
    text = f"{name}:{folded}\r\n"
    if max(map(len, text.split("\r\n"))) > LONGEST_LINE:
        raise ValueError(f"{name}: a line of more than {LONGEST_LINE} bytes")
    return text.encode("ascii")


def _phrase(display: str, column: int, charset: Charset) -> str:
    """A display name: as it is, quoted, or as encoded words where it is not short ASCII."""
    if not display.isascii() or "=?" in display or len(display) > LINE // 2:
        return "".join(_encoded(display, column, charset))
    if _ATOMS.fullmatch(display) and "  " not in display:
        return f" {display}"
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    return f' "{escaped}"'


def _folded(value: str, column: int, charset: Charset) -> str:
    """The value from after the colon on: each word or run of words begins with its space."""
    parts: list[str] = []
    for text, plain in _runs(value):
        if plain:
            parts.append(f" {text}" if column + 1 + len(text) <= LINE else f"{_FOLD}{text}")
        else:
            parts.extend(_encoded(text, column, charset))
        column = _column(parts[-1]) if parts[-1].startswith("\r\n") else column + len(parts[-1])
    return "".join(parts)


def _runs(value: str) -> Iterator[tuple[str, bool]]:
    """Cut the value at single spaces into plain words, and runs of words to be encoded.

    The space between two encoded words is lost in decoding, so such words are joined to one
    run that has the space inside.
    """
    if not value:
        return
    words = value.split(" ")
    run: list[str] = []
    for index, word in enumerate(words):
        if not _is_plain(words, index):
            run.append(word)
            continue
        if run:
            yield " ".join(run), False
            run = []
        yield word, True
    if run:
        yield " ".join(run), False


def _is_plain(words: list[str], index: int) -> bool:
    """Whether a word can stand as it is; one beside a second space carries it, encoded."""
    word = words[index]
    doubled = "" in words[max(index - 1, 0) : index + 2]
    too_long = len(word) >= LINE
    return word.isascii() and "=?" not in word and not doubled and not too_long


def _encoded(text: str, column: int, charset: Charset) -> Iterator[str]:
    """Encoded words, each with the space or fold before it, cut between graphemes."""
    word = ""
    room = _payload(column, charset)
    for piece in _pieces(text, charset):
        if len(charset.encode(word + piece)) > room:
            if word:
                yield _word(word, column, charset)
            word, column = "", LINE  # whatever follows begins a new line
            room = _payload(0, charset)
        word += piece
    yield _word(word, column, charset)


def _payload(column: int, charset: Charset) -> int:
    """How many bytes of text fit into an encoded word that begins at this column."""
    characters = min(WORD, LINE - column - 1) - len(_open(charset)) - len(_CLOSE)
    return max(characters, 0) // 4 * 3


def _open(charset: Charset) -> str:
    return f"=?{charset.name}?B?"


def _word(text: str, column: int, charset: Charset) -> str:
    word = _open(charset) + b64encode(charset.encode(text)).decode("ascii") + _CLOSE
    return f" {word}" if column + 1 + len(word) <= LINE else f"{_FOLD}{word}"


def _pieces(text: str, charset: Charset) -> Iterator[str]:
    """Graphemes, or single characters of a grapheme too long for one encoded word."""
    for grapheme in _graphemes(text):
        if len(charset.encode(grapheme)) <= _payload(0, charset):
            yield grapheme
        else:
            yield from grapheme


def _graphemes(text: str) -> Iterator[str]:
    """What a reader takes for one character: with its dakuten, selectors and joined emoji."""
    grapheme = ""
    for character in text:
        if grapheme and not _extends(grapheme, character):
            yield grapheme
            grapheme = ""
        grapheme += character
    if grapheme:
        yield grapheme


def _extends(grapheme: str, character: str) -> bool:
    if character == _ZWJ or grapheme.endswith(_ZWJ):
        return True
    if _is_flag_half(character):
        return len(grapheme) == 1 and _is_flag_half(grapheme)
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character in "\uff9e\uff9f"  # half-width dakuten and handakuten
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags, as in the flag of Wales
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _column(text: str) -> int:
    return len(text.rpartition("\r\n")[2])
