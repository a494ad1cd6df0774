"""Where everything stands on a printed page: slips to be cut out of A4, and a poster.

Pure geometry, in millimetres from the upper left corner of the page; what draws it knows the
font, and tells how wide words are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

PAGE_WIDTH, PAGE_HEIGHT = 210.0, 297.0
_COLUMNS, _ROWS = 2, 4
CARDS = _COLUMNS * _ROWS
CARD_WIDTH, CARD_HEIGHT = PAGE_WIDTH / _COLUMNS, PAGE_HEIGHT / _ROWS
# No printer reaches the edge of its paper, and no scissors cut exactly.
INSET = 7.0
_INNER = CARD_WIDTH - 2 * INSET
_POINT = 25.4 / 72
# From one line to the next, in millimetres for each point of size.
_STEP = _POINT * 1.28
_SMALLEST = 5.0
_POSTER_INSET = 18.0
# No line begins with these.
_CLOSING = "、。，．）」』！？ー・"
_PIECE = re.compile(r"[!-~’“”–]+ *|.")

Measure = Callable[[str, float], float]
"""How wide a text is in a size (in points), in millimetres."""


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `y` is its base line."""

    x: float
    y: float
    text: str
    size: float
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code, its quiet zone within the square."""

    x: float
    y: float
    side: float
    content: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line to cut along."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Frame:
    """A box around something."""

    x: float
    y: float
    width: float
    height: float


Ink = Words | Qr | Line | Frame
Page = list[Ink]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to begin: what it is called, and the address that its QR code holds."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Slip:
    """What stands on one slip; `child` is a class and a number, and there is never a name."""

    heading: str
    school: str
    child: str
    code_label: str
    code: str
    ways: tuple[Way, ...]
    steps: str
    steps_english: str
    footer: str


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on the poster with a school's ID."""

    heading: str
    school: str
    code_label: str
    code: str
    ways: tuple[Way, ...]
    steps: str
    steps_english: str
    footer: str


def slip_pages(slips: Sequence[Slip], measure: Measure) -> list[Page]:
    """Slips in the order in which they are handed out, eight a page, with lines to cut along."""
    pages: list[Page] = []
    for start in range(0, len(slips), CARDS):
        page: Page = list(_cuts())
        for place, slip in enumerate(slips[start : start + CARDS]):
            row, column = divmod(place, _COLUMNS)
            page += _card(slip, column * CARD_WIDTH, row * CARD_HEIGHT, measure)
        pages.append(page)
    return pages


def _cuts() -> Iterator[Line]:
    for column in range(1, _COLUMNS):
        yield Line(column * CARD_WIDTH, 0, column * CARD_WIDTH, PAGE_HEIGHT)
    for row in range(1, _ROWS):
        yield Line(0, row * CARD_HEIGHT, PAGE_WIDTH, row * CARD_HEIGHT)


def _card(slip: Slip, x: float, y: float, measure: Measure) -> Iterator[Ink]:
    left, right, top = x + INSET, x + CARD_WIDTH - INSET, y + INSET
    child_size = fitting(slip.child, _INNER * 0.42, 14, measure)
    yield Words(right, top + 5.6, slip.child, child_size, bold=True, anchor="end")
    yield Words(left, top + 2.2, slip.heading, fitting(slip.heading, _INNER * 0.56, 7, measure))
    yield Words(left, top + 6.6, slip.school, fitting(slip.school, _INNER * 0.56, 10, measure))
    yield Frame(left, top + 8.6, _INNER, 11.2)
    yield Words(left + 1.5, top + 11.4, slip.code_label, 5.5)
    yield Words(left + _INNER / 2, top + 17.6, slip.code, 18, bold=True, anchor="middle")
    yield from _ways(slip.ways, left, top + 21, _INNER, 19.5, 6.5)
    steps = _paragraph(slip.steps, left, top + 47, _INNER, 6.3, measure)
    yield from steps
    below = steps[-1].y + 5.2 * _STEP
    yield from _paragraph(slip.steps_english, left, below, _INNER, 5.2, measure)
    size = fitting(slip.footer, _INNER, 7.5, measure)
    yield Words(left, top + CARD_HEIGHT - 2 * INSET, slip.footer, size)


def poster_page(poster: Poster, measure: Measure) -> Page:
    """The poster: one page with the school ID, and a QR code for each way to begin."""
    return list(_poster(poster, measure))


def _poster(poster: Poster, measure: Measure) -> Iterator[Ink]:
    left, width = _POSTER_INSET, PAGE_WIDTH - 2 * _POSTER_INSET
    middle = PAGE_WIDTH / 2
    size = fitting(poster.school, width, 24, measure)
    yield Words(middle, 32, poster.school, size, bold=True, anchor="middle")
    for number, line in enumerate(poster.heading.split("\n")):
        size = fitting(line, width, 26, measure)
        yield Words(middle, 50 + number * 13, line, size, bold=True, anchor="middle")
    yield Frame(left, 76, width, 34)
    yield Words(middle, 85, poster.code_label, 13, anchor="middle")
    yield Words(middle, 102, poster.code, 40, bold=True, anchor="middle")
    yield from _ways(poster.ways, left, 118, width, min(52.0, width / len(poster.ways)), 13)
    steps = _paragraph(poster.steps, left, 190, width, 14, measure)
    yield from steps
    below = steps[-1].y + 4 + 10.5 * _STEP
    yield from _paragraph(poster.steps_english, left, below, width, 10.5, measure)
    size = fitting(poster.footer, width, 12, measure)
    yield Words(middle, PAGE_HEIGHT - _POSTER_INSET, poster.footer, size, anchor="middle")


def _ways(
    ways: Sequence[Way], left: float, top: float, width: float, side: float, size: float
) -> Iterator[Ink]:
    """The QR codes side by side, each with its name beneath it."""
    slot = width / len(ways)
    for number, way in enumerate(ways):
        middle = left + (number + 0.5) * slot
        yield Qr(middle - side / 2, top, side, way.address)
        yield Words(middle, top + side + size * _POINT, way.label, size, anchor="middle")


def _paragraph(
    text: str, x: float, y: float, width: float, size: float, measure: Measure
) -> list[Words]:
    """A text over several lines, the first of which stands on `y`."""
    lines = wrapped(text, width, size, measure)
    return [Words(x, y + n * size * _STEP, line, size) for n, line in enumerate(lines)]


def wrapped(text: str, width: float, size: float, measure: Measure) -> list[str]:
    """Break a text into lines: Japanese between any characters, English between words."""
    return [line for each in text.split("\n") for line in _lines(each, width, size, measure)]


def _lines(text: str, width: float, size: float, measure: Measure) -> Iterator[str]:
    line = ""
    for piece in _pieces(text):
        if line and measure((line + piece).rstrip(), size) > width:
            yield line.rstrip()
            line = ""
        line += piece
    yield line.rstrip()


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        if pieces and piece in _CLOSING:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def fitting(text: str, width: float, size: float, measure: Measure) -> float:
    """The size, or as much smaller as it takes to fit the text in."""
    wide = measure(text, size)
    return size if wide <= width else max(_SMALLEST, size * width / wide)
