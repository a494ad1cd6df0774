"""The pictures of the rich menus, drawn by code: labels, signs and colours from the layouts.

The font lies beside this file, cut down to the letters of the labels: a bare machine has no
Japanese one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from channels.line.menu_icons import ICONS, Pen
from channels.line.menu_layouts import LAYOUTS, WIDTH, Cell, Layout
from domain.menus import Menu

FONT = Path(__file__).parent / "fonts" / "labels.otf"
# Drawn at twice the size and then reduced, so that edges are smooth.
_FINE = 2
_INK, _SECOND_INK, _CARD, _WHITE = "#1b2733", "#4a5866", "#ffffff", "#ffffff"
_GAP = 16
_ROUND = 44


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one cell's sign and of its two labels, in pixels of the finished picture."""

    icon: int
    first: int
    second: int

    @property
    def height(self) -> int:
        return self.icon + self.first * 17 // 10 + self.second * 17 // 10


def sizes(cell: Cell) -> Sizes:
    """As large as the width of the cell allows; a phone shows 2500 pixels as some 400."""
    if cell.width > WIDTH // 3 + 1:
        return Sizes(icon=300, first=160, second=88)
    if cell.width > WIDTH // 4:
        return Sizes(icon=290, first=138, second=80)
    return Sizes(icon=280, first=116, second=70)


@cache
def drawn(menu: Menu) -> bytes:
    """The picture as PNG; at most 1 MB ("Requirements for rich menu image")."""
    layout = LAYOUTS[menu]
    size = (WIDTH * _FINE, layout.height * _FINE)
    picture = Image.new("RGB", size, _tint(layout.colour))
    draw = ImageDraw.Draw(picture)
    for cell in layout.cells:
        _draw_cell(draw, cell, layout)
    out = io.BytesIO()
    smooth = picture.resize((WIDTH, layout.height), Image.Resampling.BOX)
    smooth.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


def _draw_cell(draw: ImageDraw.ImageDraw, cell: Cell, layout: Layout) -> None:
    """A card: the sign above, the Japanese label large, the English one beneath it."""
    card = layout.colour if cell.leading else _CARD
    box = [cell.x + _GAP, cell.y + _GAP, cell.x + cell.width - _GAP, cell.y + cell.height - _GAP]
    draw.rounded_rectangle([edge * _FINE for edge in box], _ROUND * _FINE, fill=card)
    part, (first, second) = sizes(cell), cell.labels
    y = cell.y + (cell.height - part.height) // 2
    centre = cell.x + cell.width // 2
    _draw_icon(draw, cell, layout, (centre - part.icon // 2, y, part.icon))
    ink, faint = (_WHITE, _WHITE) if cell.leading else (_INK, _SECOND_INK)
    y += part.icon + part.first * 15 // 10
    _write(draw, (centre, y), first, part.first, ink)
    _write(draw, (centre, y + part.second * 15 // 10), second, part.second, faint)


def _draw_icon(
    draw: ImageDraw.ImageDraw, cell: Cell, layout: Layout, place: tuple[int, int, int]
) -> None:
    left, top, size = (value * _FINE for value in place)
    ink, paper = (_WHITE, layout.colour) if cell.leading else (layout.colour, _CARD)
    ICONS[cell.item](Pen(draw, left, top, size, ink, paper))


def _write(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, ink: str
) -> None:
    """A line of text that stands at this height, with its middle at this place."""
    x, y = (value * _FINE for value in place)
    draw.text((x, y), text, fill=ink, font=font(size * _FINE), anchor="ms")


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of the labels, in pixels."""
    # Without libraqm, which not every build of Pillow has: the labels need no shaping.
    return ImageFont.truetype(str(FONT), size, layout_engine=ImageFont.Layout.BASIC)


def _tint(colour: str) -> str:
    """A pale form of a colour, for the ground between the cards."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{255 - (255 - part) // 6:02x}" for part in parts)
