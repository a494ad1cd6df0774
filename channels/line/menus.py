"""Rich menus at LINE: bringing them there, and showing each person theirs.

The menu of a role is found by its alias.  Its name holds a digest of declaration and picture, so
that what is there already is known without asking for the picture again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from channels.line import events
from channels.line.accounts import Account
from channels.line.answers import Answered, verdict
from channels.line.menu_drawing import drawn
from channels.line.menu_layouts import declared
from domain.menus import Menu
from domain.outcomes import Accepted, Outcome, TryLater

# Messaging API reference, "Link rich menu to multiple users": at most 500 in one request.
BULK = 500
_ALIAS = "renrakumo-"
_MENUS = "/v2/bot/richmenu"
_DEFAULT = "/v2/bot/user/all/richmenu"
_NO_MENU = TryLater("no_menu", timedelta(minutes=10))
_DIGEST = 24

Said = dict[str, Any]


class NotTaken(Exception):
    """LINE did not take one step of bringing the menus; `outcome` is what it said."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Synced:
    """What was done, in words for the log, and menus of ours that are no longer meant.

    People may still be shown those: they are deleted (`delete`) once all have the new ones.
    """

    done: tuple[str, ...]
    stale: tuple[str, ...]


def sync(account: Account) -> Synced:
    """Bring the menus to LINE, where they are not there as they should be.

    Whatever fails in between, the next call goes on from there: an alias moves only to a menu
    that has its picture.  Raises NotTaken.
    """
    there = {_text(one, "richMenuId"): _text(one, "name") for one in _list(account)}
    aliases = _aliases(account)
    done: list[str] = []
    meant: dict[Menu, str] = {}
    for menu in Menu:
        meant[menu], steps = _bring(account, menu, there, aliases.get(_ALIAS + menu, ""))
        done += steps
    done += _show_to_all(account, meant[Menu.GUARDIAN])
    ours = (one for one, name in there.items() if name.startswith(_ALIAS))
    return Synced(tuple(done), tuple(one for one in ours if one not in meant.values()))


def delete(account: Account, stale: Iterable[str]) -> None:
    """Delete menus that nobody is shown any more.  Raises NotTaken."""
    for one in stale:
        _ask(account, "DELETE", f"{_MENUS}/{one}", missing_is_good=True)


def were_brought(account: Account) -> bool:
    """Whether the guardians' menu was ever brought to LINE; yes where LINE does not say."""
    return _by_alias(account, Menu.GUARDIAN) != _NO_MENU


def show(account: Account, addresses: Sequence[str], menu: str) -> Outcome:
    """Show people a menu: the guardians' is everybody's, the others are linked to them.

    An address that is none of LINE's is passed over, for it would spoil the request for all.
    """
    people = [one for one in addresses if events.ADDRESS.fullmatch(one)]
    body: Said = {}
    if menu != Menu.GUARDIAN:
        found = _by_alias(account, menu)
        if not isinstance(found, str):
            return found
        body["richMenuId"] = found
    path = f"{_MENUS}/bulk/{'link' if body else 'unlink'}"
    outcome: Outcome = Accepted()
    for first in range(0, len(people), BULK):
        order = body | {"userIds": people[first : first + BULK]}
        outcome = verdict(account.ask("POST", path, order))
        if not isinstance(outcome, Accepted):
            break
    return outcome


def _by_alias(account: Account, menu: str) -> str | Outcome:
    said = account.ask("GET", f"{_MENUS}/alias/{_ALIAS}{menu}")
    if isinstance(said, Answered) and said.status == 404:
        return _NO_MENU
    found = said.text("richMenuId") if isinstance(said, Answered) and said.good else ""
    return found or (TryLater("unexpected") if _good(said) else verdict(said))


def _bring(
    account: Account, menu: Menu, there: Mapping[str, str], now: str
) -> tuple[str, list[str]]:
    """The ID of a menu as it should be, and what had to be done; `now` is its alias's menu."""
    picture, order = drawn(menu), declared(menu)
    order["name"] = f"{_ALIAS}{menu}-{_digest(order, picture)}"
    if there.get(now) == order["name"]:
        return now, []
    _ask(account, "POST", f"{_MENUS}/validate", order)
    made = _text(_ask(account, "POST", _MENUS, order), "richMenuId")
    _upload(account, made, picture)
    if now:
        _ask(account, "POST", f"{_MENUS}/alias/{_ALIAS}{menu}", {"richMenuId": made})
    else:
        alias = {"richMenuAliasId": f"{_ALIAS}{menu}", "richMenuId": made}
        _ask(account, "POST", f"{_MENUS}/alias", alias)
    return made, [f"{'renewed' if now else 'made'} {menu}"]


def _digest(order: Mapping[str, object], picture: bytes) -> str:
    told = json.dumps(order, sort_keys=True, ensure_ascii=False).encode()
    return hashlib.sha256(told + b"\0" + picture).hexdigest()[:_DIGEST]


def _upload(account: Account, menu_id: str, picture: bytes) -> None:
    """Reference, "Upload rich menu image": on the host of data, and once only."""
    said = account.call(
        account.client.call_api,
        f"{_MENUS}/{menu_id}/content",
        "POST",
        header_params={"Content-Type": "image/png"},
        body=picture,
        response_types_map={},
        auth_settings=["Bearer"],
        _host=account.servers.data,
    )
    if not _good(said):
        raise NotTaken(verdict(said))


def _show_to_all(account: Account, menu_id: str) -> list[str]:
    now = _ask(account, "GET", _DEFAULT, missing_is_good=True)
    if _text(now, "richMenuId") == menu_id:
        return []
    _ask(account, "POST", f"{_DEFAULT}/{menu_id}")
    return [f"everybody sees {Menu.GUARDIAN}"]


def _list(account: Account) -> list[Said]:
    return _objects(_ask(account, "GET", f"{_MENUS}/list"), "richmenus")


def _aliases(account: Account) -> dict[str, str]:
    """The menu that each alias leads to."""
    found = _objects(_ask(account, "GET", f"{_MENUS}/alias/list"), "aliases")
    return {_text(one, "richMenuAliasId"): _text(one, "richMenuId") for one in found}


def _ask(
    account: Account, method: str, path: str, body: object = None, *, missing_is_good: bool = False
) -> Said:
    """The JSON that LINE answers, empty where it answers none.  Raises NotTaken."""
    said = account.ask(method, path, body)
    missing = isinstance(said, Answered) and said.status == 404
    if not _good(said) and not (missing and missing_is_good):
        raise NotTaken(verdict(said))
    found = said.body if isinstance(said, Answered) and not missing else None
    return found if isinstance(found, dict) else {}


def _good(said: object) -> bool:
    return isinstance(said, Answered) and said.good


def _text(said: Said, name: str) -> str:
    value = said.get(name)
    return value if isinstance(value, str) else ""


def _objects(said: Said, name: str) -> list[Said]:
    value = said.get(name)
    found = value if isinstance(value, list) else []
    return [one for one in found if isinstance(one, dict)]
