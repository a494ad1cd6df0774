"""What stands where in the three rich menus: the same data draws the picture and sets the taps.

A tap sends the word that the bot knows, as if it had been typed, so that whoever sees no rich
menu (LINE on a PC shows none) can do the same in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from domain.menus import Menu
from domain.wording import LANGUAGES, catalogue, render, say

# Messaging API reference, "Rich menu object": the sizes that LINE's own editor offers.
WIDTH = 2500
_LARGE = 1686
_COMPACT = 843
_WORDS_OF_THE_BOT = ("help", "menu")


@dataclass(frozen=True, slots=True)
class Cell:
    """One place to tap, in pixels of the picture; the `leading` one is what most people want."""

    item: str
    x: int
    y: int
    width: int
    height: int
    leading: bool = False

    @property
    def labels(self) -> tuple[str, str]:
        """What it says, in Japanese and in English: one picture is for everybody."""
        first, second = (render(say(f"menus.label.{self.item}"), each) for each in LANGUAGES)
        return first, second

    @property
    def word(self) -> str:
        """What a tap sends."""
        place = "bot" if self.item in _WORDS_OF_THE_BOT else "menu"
        return catalogue("ja")[f"{place}.word.{self.item}"].split("|")[0]


@dataclass(frozen=True, slots=True)
class Layout:
    """One menu; `colour` tells at a glance in which role somebody is addressed."""

    height: int
    colour: str
    cells: tuple[Cell, ...]


def _layout(height: int, colour: str, *rows: Sequence[str]) -> Layout:
    """Rows of equal height, each parted into cells of equal width; the first cell leads."""
    cells: list[Cell] = []
    for row, items in enumerate(rows):
        y, bottom = height * row // len(rows), height * (row + 1) // len(rows)
        for column, item in enumerate(items):
            x, right = WIDTH * column // len(items), WIDTH * (column + 1) // len(items)
            cells.append(Cell(item, x, y, right - x, bottom - y, leading=not cells))
    return Layout(height, colour, tuple(cells))


# Guardians read here: their menu is low and leaves the room to what the school says.  Leaving is
# not in it, so that nobody leaves by a slip of the thumb; it is one tap further, under help.
LAYOUTS: Mapping[Menu, Layout] = MappingProxyType(
    {
        Menu.GUARDIAN: _layout(_COMPACT, "#0b6b4f", ("register", "status", "language", "help")),
        Menu.OPERATOR: _layout(
            _LARGE, "#14539a", ("compose", "drafts"), ("register", "status", "menu")
        ),
        Menu.MANAGER: _layout(
            _LARGE, "#7a2550", ("pending", "compose"), ("drafts", "register", "menu")
        ),
    }
)


def letters() -> str:
    """Every character that is drawn: what the font must have."""
    labels = [text for layout in LAYOUTS.values() for cell in layout.cells for text in cell.labels]
    return "".join(sorted(set("".join(labels))))


def declared(menu: Menu) -> dict[str, Any]:
    """The menu as LINE wants it declared (reference, "Rich menu object"), but for its name."""
    layout = LAYOUTS[menu]
    return {
        "size": {"width": WIDTH, "height": layout.height},
        "selected": True,
        "chatBarText": " ".join(render(say("menus.bar"), each) for each in LANGUAGES),
        "areas": [_area(cell) for cell in layout.cells],
    }


def _area(cell: Cell) -> dict[str, Any]:
    bounds = {"x": cell.x, "y": cell.y, "width": cell.width, "height": cell.height}
    action = {"type": "message", "label": cell.labels[0], "text": cell.word}
    return {"bounds": bounds, "action": action}
