"""Which menu a person sees where a channel shows one: by what they are here."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from domain.roles import Grant, Role


class Menu(StrEnum):
    """The menus there are; a stored contact point names the one it was shown."""

    GUARDIAN = "guardian"
    OPERATOR = "operator"
    MANAGER = "manager"


_DECIDE = frozenset({Role.MANAGER, Role.DEPUTY, Role.BOARD})


def menu_of(grants: Iterable[Grant]) -> Menu:
    """The menu for somebody with these roles; nobody's is the guardian's."""
    roles = {grant.role for grant in grants}
    if roles & _DECIDE:
        return Menu.MANAGER
    return Menu.OPERATOR if roles else Menu.GUARDIAN
