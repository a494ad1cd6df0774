"""The signs in the rich menus, drawn from plain shapes on a field of 100 by 100."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, pi, sin
from types import MappingProxyType

from PIL import ImageDraw

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws in `ink`, and in `paper` where something is left out, at a place of the picture."""

    draw: ImageDraw.ImageDraw
    left: float
    top: float
    size: float
    ink: str
    paper: str

    def polygon(self, *points: Point, out: bool = False) -> None:
        self.draw.polygon([self._at(point) for point in points], fill=self._colour(out))

    def disc(self, x: float, y: float, radius: float, out: bool = False) -> None:
        self.draw.ellipse(
            (self._at((x - radius, y - radius)), self._at((x + radius, y + radius))),
            fill=self._colour(out),
        )

    def plate(
        self, left: float, top: float, right: float, bottom: float, round_: float, out: bool = False
    ) -> None:
        """A rectangle with round corners."""
        box = (self._at((left, top)), self._at((right, bottom)))
        self.draw.rounded_rectangle(box, round_ * self._unit, fill=self._colour(out))

    def line(self, *points: Point, width: float = 6, out: bool = False) -> None:
        """A stroke with round ends and joints."""
        pixels = [self._at(point) for point in points]
        stroke = round(width * self._unit)
        self.draw.line(pixels, fill=self._colour(out), width=stroke, joint="curve")
        for x, y in points:
            self.disc(x, y, width / 2, out)

    @property
    def _unit(self) -> float:
        return self.size / 100

    def _at(self, point: Point) -> Point:
        return self.left + point[0] * self._unit, self.top + point[1] * self._unit

    def _colour(self, out: bool) -> str:
        return self.paper if out else self.ink


def _child(pen: Pen) -> None:
    """A child with a school cap, and a plus."""
    pen.disc(42, 34, 20)
    pen.plate(10, 60, 74, 132, 32)
    pen.polygon((0, 94), (100, 94), (100, 140), (0, 140), out=True)
    pen.disc(78, 66, 23, out=True)
    pen.disc(78, 66, 18)
    pen.line((69, 66), (87, 66), width=5, out=True)
    pen.line((78, 57), (78, 75), width=5, out=True)


def _sheet(pen: Pen) -> None:
    """A sheet of paper with a folded corner."""
    pen.plate(18, 6, 82, 94, 8)
    pen.polygon((56, 0), (90, 0), (90, 34), (56, 34), out=True)
    pen.polygon((60, 8), (60, 30), (82, 30))


def _status(pen: Pen) -> None:
    """A clipboard with a tick."""
    pen.plate(16, 12, 84, 94, 9)
    pen.plate(33, 2, 67, 25, 8, out=True)
    pen.plate(37, 5, 63, 21, 6)
    pen.line((33, 58), (45, 70), (68, 44), width=8, out=True)


def _language(pen: Pen) -> None:
    """A globe."""
    pen.disc(50, 50, 44)
    for across in (15, 44):
        _oval(pen, across)
    pen.line((10, 50), (90, 50), width=4, out=True)
    for y, reach in ((27, 36), (73, 36)):
        pen.line((50 - reach, y), (50 + reach, y), width=4, out=True)
    pen.line((50, 8), (50, 92), width=4, out=True)
    _ring(pen, 50, 50, 44, 6)


def _oval(pen: Pen, across: float) -> None:
    around = [2 * pi * step / 96 for step in range(97)]
    points = [(50 + across * 0.5 * cos(a) * 1.2, 50 + 44 * sin(a)) for a in around]
    pen.line(*points, width=4, out=True)


def _ring(pen: Pen, x: float, y: float, radius: float, width: float) -> None:
    around = [2 * pi * step / 96 for step in range(97)]
    pen.line(*[(x + radius * cos(a), y + radius * sin(a)) for a in around], width=width)


def _help(pen: Pen) -> None:
    """A speech bubble with a question mark."""
    pen.plate(6, 10, 94, 78, 20)
    pen.polygon((24, 70), (24, 97), (52, 74))
    bend = [(50 + 13 * cos(a), 34 + 13 * sin(a)) for a in _sweep(-pi, pi * 0.38)]
    pen.line(*bend, (50, 51), (50, 54), width=7, out=True)
    pen.disc(50, 66, 4.6, out=True)


def _sweep(start: float, end: float) -> list[float]:
    return [start + (end - start) * step / 48 for step in range(49)]


def _compose(pen: Pen) -> None:
    """A pencil on its line."""
    pen.polygon((70, 8), (90, 28), (34, 84), (14, 64))
    pen.polygon((11, 67), (31, 87), (4, 94))
    pen.line((60, 18), (80, 38), width=4, out=True)
    pen.line((12, 66), (32, 86), width=3.5, out=True)
    pen.line((52, 92), (92, 92), width=7)


def _drafts(pen: Pen) -> None:
    """A sheet, half of it written."""
    _sheet(pen)
    for y, right in ((44, 68), (58, 68), (72, 50)):
        pen.line((32, y), (right, y), width=5.5, out=True)


def _pending(pen: Pen) -> None:
    """A sheet that waits for its round seal."""
    pen.plate(10, 6, 72, 94, 8)
    for y, right in ((26, 58), (41, 58), (56, 40)):
        pen.line((23, y), (right, y), width=5.5, out=True)
    pen.disc(68, 70, 30, out=True)
    pen.disc(68, 70, 25)
    pen.line((56, 70), (65, 79), (81, 61), width=6.5, out=True)


def _menu(pen: Pen) -> None:
    """Four tiles."""
    for left in (12, 55):
        for top in (12, 55):
            pen.plate(left, top, left + 33, top + 33, 8)


ICONS: Mapping[str, Callable[[Pen], None]] = MappingProxyType(
    {
        "register": _child,
        "status": _status,
        "language": _language,
        "help": _help,
        "compose": _compose,
        "drafts": _drafts,
        "pending": _pending,
        "menu": _menu,
    }
)
