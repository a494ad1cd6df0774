"""A tap on a rich menu sends a word: each opens what its label says, for whoever sees it.

On a PC LINE shows no rich menu: who remembers a label types it, and gets the same.
"""

from __future__ import annotations

import pytest

from channels.line.menu_layouts import LAYOUTS
from domain.menus import Menu
from domain.roles import Role
from domain.wording import render, say
from tests.dialogues.kit import Person, Town

# What ends at once, so that nothing stays open but perhaps the menu.
_AT_ONCE = {"status": "status.nothing", "drafts": "drafts.none", "pending": "pending.none"}


def _person(town: Town, menu: Menu) -> Person:
    if menu == Menu.GUARDIAN:
        return town.person("guardian", "line")
    return town.staff(
        "先生", Role.MANAGER if menu == Menu.MANAGER else Role.OPERATOR, channel="webchat"
    )


@pytest.mark.parametrize(
    ("menu", "item", "word"),
    [
        (menu, cell.item, word)
        for menu, layout in LAYOUTS.items()
        for cell in layout.cells
        for word in dict.fromkeys((cell.word, *cell.labels))
    ],
)
def test_a_tap_or_the_typed_label_opens_what_the_label_says(
    town: Town, menu: Menu, item: str, word: str
) -> None:
    person = _person(town, menu)
    said = person.says(word)
    assert render(say("menu.pardon"), "ja") not in said
    if item in _AT_ONCE:
        assert render(say(_AT_ONCE[item]), "ja") in said
    else:
        assert person.dialogue() == ("menu" if item in ("help", "menu") else item)
