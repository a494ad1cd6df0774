"""The rich menus as drawn and declared: what LINE takes, and what people can read."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from bot.dialogues import FLOWS
from bot.words import GlobalWord, LanguageWord, global_word, language_word, vocabulary
from channels.line.menu_drawing import drawn, font, sizes
from channels.line.menu_icons import ICONS
from channels.line.menu_layouts import LAYOUTS, WIDTH, Cell, declared, letters
from domain.folding import fold_word
from domain.menus import Menu

CELLS = [
    pytest.param(cell, id=f"{menu}-{cell.item}")
    for menu, layout in LAYOUTS.items()
    for cell in layout.cells
]


def test_there_is_a_menu_for_each_role() -> None:
    assert set(LAYOUTS) == set(Menu)


@pytest.mark.parametrize("menu", Menu)
def test_line_takes_the_picture(menu: Menu) -> None:
    """Messaging API reference, "Requirements for rich menu image"."""
    picture = drawn(menu)
    assert len(picture) < 300_000
    with Image.open(io.BytesIO(picture)) as read:
        assert (read.format, read.size) == ("PNG", (WIDTH, LAYOUTS[menu].height))
        assert read.width / read.height >= 1.45
    assert drawn.__wrapped__(menu) == picture, "or it would be brought anew each time"


@pytest.mark.parametrize("menu", Menu)
def test_the_whole_picture_can_be_tapped_and_nothing_twice(menu: Menu) -> None:
    layout = LAYOUTS[menu]
    covered = Image.new("L", (WIDTH, layout.height))
    for cell in layout.cells:
        box = (cell.x, cell.y, cell.x + cell.width, cell.y + cell.height)
        assert covered.crop(box).getextrema() == (0, 0)
        covered.paste(1, box)
    assert covered.getextrema() == (1, 1)


@pytest.mark.parametrize("menu", Menu)
def test_what_is_declared_keeps_to_lines_lengths(menu: Menu) -> None:
    order = declared(menu)
    assert len(order["chatBarText"]) <= 14
    assert all(len(area["action"]["label"]) <= 20 for area in order["areas"])


def test_every_character_is_in_the_font() -> None:
    """A character that the font lacks is drawn as the empty box of `.notdef`."""
    face = font(40)
    nothing = bytes(face.getmask("\ue000"))
    missing = [each for each in letters() if each != " " and bytes(face.getmask(each)) == nothing]
    assert missing == [], "make the font again: channels/line/fonts/README.md"


@pytest.mark.parametrize("cell", CELLS)
def test_labels_fit_and_there_is_a_sign(cell: Cell) -> None:
    room = cell.width - 70
    first, second = cell.labels
    assert font(sizes(cell).first).getlength(first) < room
    assert font(sizes(cell).second).getlength(second) < room
    assert sizes(cell).height < cell.height - 100
    assert cell.item in ICONS


@pytest.mark.parametrize("cell", CELLS)
def test_a_tap_sends_a_word_that_the_bot_understands(cell: Cell) -> None:
    if cell.item in ("help", "menu"):
        assert global_word(cell.word) == GlobalWord(cell.item)
    elif cell.item == "language":
        assert language_word(cell.word) == LanguageWord.CHOOSE
    else:
        assert cell.item in FLOWS
        assert fold_word(cell.word) in vocabulary(f"menu.word.{cell.item}")


def test_nobody_leaves_by_a_slip_of_the_thumb() -> None:
    assert "leave" not in {cell.item for layout in LAYOUTS.values() for cell in layout.cells}


@pytest.mark.parametrize("menu", Menu)
def test_white_on_the_colour_can_be_read(menu: Menu) -> None:
    """WCAG 2.2, 1.4.3 asks a contrast of 4.5 to 1."""
    colour = LAYOUTS[menu].colour
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 6
