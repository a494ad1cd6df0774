"""Rich menus: https://developers.line.biz/en/reference/messaging-api/#rich-menu.

Each endpoint names its section.  Messages in quotes there are answered here word for word.
"""

from __future__ import annotations

import io
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from PIL import Image, UnidentifiedImageError

from standins.line_account import Account, Person, can_get, well_formed
from standins.line_actions import check_action
from standins.line_checks import Findings, Refusal
from standins.line_door import Call, unsupported
from standins.line_sending import first_bad, invalid_property

MENUS = 1000  # #rich-menu: "up to 1,000 rich menus per LINE Official Account"
AREAS = 20  # #rich-menu-object
BULK = 500  # #link-rich-menu-to-users
# #upload-rich-menu-image, "Requirements for rich menu image".
PICTURE_BYTES = 1024 * 1024
_WIDTHS = range(800, 2501)
_LEAST_HEIGHT = 250
_LEAST_RATIO = 1.45
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG"}
_MENU_ID = re.compile(r"richmenu-[0-9a-f]{32}")
_ALIAS = re.compile(r"[a-z0-9_-]{1,32}")


@dataclass(slots=True)
class Menu:
    """One rich menu; it can be shown once it has a picture."""

    id: str
    declared: dict[str, Any]
    picture: bytes = b""
    media_type: str = ""

    def described(self) -> dict[str, Any]:
        return {"richMenuId": self.id} | self.declared


@dataclass(slots=True)
class Menus:
    """The account's rich menus, their aliases, and the one that all see."""

    by_id: dict[str, Menu] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    default: str = ""

    def shown(self, person: Person) -> dict[str, Any]:
        """What a person sees: their own menu before everybody's (docs, using-rich-menus)."""
        menu = self.by_id.get(person.menu) or self.by_id.get(self.default)
        if menu is None:
            return {"richMenuId": None, "name": None, "alias": None}
        alias = next((name for name, id_ in self.aliases.items() if id_ == menu.id), None)
        return {"richMenuId": menu.id, "name": menu.declared["name"], "alias": alias}


class MenuDesk:
    """The endpoints of rich menus."""

    def __init__(self) -> None:
        self.menus = Menus()

    def clear(self) -> None:
        self.menus = Menus()

    def validate(self, account: Account, call: Call) -> dict[str, Any]:
        """#validate-rich-menu-object."""
        _checked(call.json())
        return {}

    def create(self, account: Account, call: Call) -> dict[str, Any]:
        """#create-rich-menu."""
        declared = _checked(call.json())
        if len(self.menus.by_id) >= MENUS:
            raise Refusal(400, "The maximum number of rich menus has been reached")
        menu = Menu("richmenu-" + secrets.token_hex(16), declared)
        self.menus.by_id[menu.id] = menu
        return {"richMenuId": menu.id}

    def upload(self, account: Account, call: Call) -> dict[str, Any]:
        """#upload-rich-menu-image: JPEG or PNG, at most 1 MB, once per menu."""
        menu = self._menu(call)
        media_type = call.headers.get("Content-Type", "")
        if media_type not in _FORMATS:
            raise unsupported(media_type)
        if menu.picture:
            raise Refusal(400, "An image has already been uploaded to the richmenu")
        if len(call.body) > PICTURE_BYTES:
            raise Refusal(413, "The image is larger than 1 MB")
        size = menu.declared["size"]
        if _picture(call.body) != (_FORMATS[media_type], size["width"], size["height"]):
            raise Refusal(400, "The image's format or size is not that of the richmenu")
        menu.picture, menu.media_type = call.body, media_type
        return {}

    def picture(self, account: Account, call: Call) -> web.Response:
        """#download-rich-menu-image."""
        menu = self._menu(call)
        if not menu.picture:
            raise Refusal(404, "Not found")
        return web.Response(body=menu.picture, content_type=menu.media_type)

    def every(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-rich-menu-list."""
        return {"richmenus": [menu.described() for menu in self.menus.by_id.values()]}

    def one(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-rich-menu."""
        return self._menu(call).described()

    def delete(self, account: Account, call: Call) -> dict[str, Any]:
        """#delete-rich-menu; links to it go with it."""
        menu = self._menu(call)
        del self.menus.by_id[menu.id]
        for person in account.people.values():
            if person.menu == menu.id:
                person.menu = ""
        return {}

    def create_alias(self, account: Account, call: Call) -> dict[str, Any]:
        """#create-rich-menu-alias: at most 1,000, for menus that have a picture."""
        body = call.json()
        alias = body.get("richMenuAliasId")
        if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
            raise Refusal(400, "invalid richmenu alias id", [])
        menu = self._named(body)
        if len(self.menus.aliases) >= MENUS:
            raise Refusal(400, "The maximum number of rich menu aliases has been reached")
        if alias in self.menus.aliases:
            raise Refusal(400, "conflict richmenu alias id", [])
        self.menus.aliases[alias] = menu.id
        return {}

    def update_alias(self, account: Account, call: Call) -> dict[str, Any]:
        """#update-rich-menu-alias."""
        alias = self._alias(call)
        self.menus.aliases[alias] = self._named(call.json()).id
        return {}

    def alias(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-rich-menu-alias-by-id."""
        alias = self._alias(call)
        return {"richMenuAliasId": alias, "richMenuId": self.menus.aliases[alias]}

    def aliases(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-rich-menu-alias-list."""
        pairs = self.menus.aliases.items()
        return {"aliases": [{"richMenuAliasId": name, "richMenuId": id_} for name, id_ in pairs]}

    def delete_alias(self, account: Account, call: Call) -> dict[str, Any]:
        """#delete-rich-menu-alias."""
        del self.menus.aliases[self._alias(call)]
        return {}

    def set_default(self, account: Account, call: Call) -> dict[str, Any]:
        """#set-default-rich-menu."""
        self.menus.default = self._showable(call.parts["menu"]).id
        return {}

    def default(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-default-rich-menu-id."""
        return _linked(self.menus.default, "no default richmenu")

    def clear_default(self, account: Account, call: Call) -> dict[str, Any]:
        """#clear-default-rich-menu."""
        self.menus.default = ""
        return {}

    def link(self, account: Account, call: Call) -> dict[str, Any]:
        """#link-rich-menu-to-user: 200 too for those who cannot be reached, without effect."""
        person, menu = _person(account, call), self._showable(call.parts["menu"])
        if person:
            person.menu = menu.id
        return {}

    def linked(self, account: Account, call: Call) -> dict[str, Any]:
        """#get-rich-menu-id-of-user."""
        person = _person(account, call)
        return _linked(person.menu if person else "", "the user has no richmenu")

    def unlink(self, account: Account, call: Call) -> dict[str, Any]:
        """#unlink-rich-menu-from-user."""
        if person := _person(account, call):
            person.menu = ""
        return {}

    def bulk_link(self, account: Account, call: Call) -> web.Response:
        """#link-rich-menu-to-users: up to 500; 202, for it is done in the background."""
        body = call.json()
        people = _people(account, body)
        menu = self._showable(_menu_id(body), Refusal(404, "richmenu not found", []))
        for person in people:
            person.menu = menu.id
        return web.json_response({}, status=202)

    def bulk_unlink(self, account: Account, call: Call) -> web.Response:
        """#unlink-rich-menu-from-users."""
        for person in _people(account, call.json()):
            person.menu = ""
        return web.json_response({}, status=202)

    def _menu(self, call: Call) -> Menu:
        menu = self.menus.by_id.get(call.parts["menu"])
        if menu is None:
            raise Refusal(404, "Not found")
        return menu

    def _named(self, body: dict[str, Any]) -> Menu:
        """The menu that a body names for an alias; one without a picture is as good as none."""
        menu = self.menus.by_id.get(_menu_id(body))
        if menu is None or not menu.picture:
            raise Refusal(400, "richmenu not found", [])
        return menu

    def _showable(self, menu_id: str, unknown: Refusal | None = None) -> Menu:
        menu = self.menus.by_id.get(menu_id)
        if menu is None:
            raise unknown or Refusal(404, "Not found")
        if not menu.picture:
            raise Refusal(400, "must upload richmenu image before applying it to user", [])
        return menu

    def _alias(self, call: Call) -> str:
        alias = call.parts["alias"]
        if alias not in self.menus.aliases:
            raise Refusal(404, "richmenu alias not found", [])
        return alias


def _checked(declared: dict[str, Any]) -> dict[str, Any]:
    """#rich-menu-object."""
    findings = Findings()
    findings.text(declared, "name", "", 300)
    findings.text(declared, "chatBarText", "", 14)
    if not isinstance(declared.get("selected"), bool):
        findings.wrong("selected", "Must be a boolean")
    size = _size(findings, declared)
    for place, area in findings.objects(declared, "areas", "", 0, AREAS):
        _check_bounds(findings, area, place, size)
        check_action(findings, area.get("action"), findings.at(place, "action"), "rich_menu")
    findings.refuse()
    return declared


def _size(findings: Findings, declared: dict[str, Any]) -> tuple[int, int]:
    size = findings.member(declared, "size", "") or {}
    width, height = size.get("width"), size.get("height")
    if not isinstance(width, int) or width not in _WIDTHS:
        findings.wrong("size.width", "Must be between 800 and 2500")
        return 0, 0
    if not isinstance(height, int) or height < _LEAST_HEIGHT or width / height < _LEAST_RATIO:
        findings.wrong("size.height", "Must be 250 or more, and the ratio 1.45 or more")
        return 0, 0
    return width, height


def _check_bounds(
    findings: Findings, area: dict[str, Any], place: str, size: tuple[int, int]
) -> None:
    """#area-object, #bounds-object: whole numbers, within the picture."""
    bounds = findings.member(area, "bounds", place) or {}
    values = [bounds.get(name) for name in ("x", "y", "width", "height")]
    if not all(isinstance(value, int) and value >= 0 for value in values):
        findings.wrong(findings.at(place, "bounds"), "Must be whole numbers of 0 or more")
        return
    x, y, width, height = values
    if not width or not height or x + width > size[0] or y + height > size[1]:
        findings.wrong(findings.at(place, "bounds"), "Must be within the size of the rich menu")


def _picture(data: bytes) -> tuple[str, int, int] | None:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return str(picture.format), picture.width, picture.height
    except (UnidentifiedImageError, OSError):
        return None


def _menu_id(body: dict[str, Any]) -> str:
    menu_id = body.get("richMenuId")
    if not isinstance(menu_id, str) or not _MENU_ID.fullmatch(menu_id):
        detail = {"message": "invalid richMenuId", "property": "richMenuId"}
        raise Refusal(400, "The request body has 1 error(s)", [detail])
    return menu_id


def _person(account: Account, call: Call) -> Person | None:
    if not well_formed(call.parts["person"]):
        raise Refusal(400, "The value for the 'userId' parameter is invalid")
    person = account.people.get(call.parts["person"])
    return person if person and can_get(person) else None


def _people(account: Account, body: dict[str, Any]) -> list[Person]:
    ids = body.get("userIds")
    if not isinstance(ids, list) or not 1 <= len(ids) <= BULK:
        detail = {"message": f"Size must be between 1 and {BULK}", "property": "userIds"}
        raise Refusal(400, "The request body has 1 error(s)", [detail])
    if (bad := first_bad(ids)) is not None:
        raise invalid_property(f"'userIds[{bad}]'")
    people = (account.people.get(name) for name in ids)
    return [person for person in people if person and can_get(person)]


def _linked(menu_id: str, message: str) -> dict[str, Any]:
    if not menu_id:
        raise Refusal(404, message, [])
    return {"richMenuId": menu_id}
