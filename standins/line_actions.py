"""Action objects: reference/messaging-api/#action-objects on developers.line.biz/en.

Where an action stands decides whether its label is needed and how long it may be
(#action-object-label-spec), and which actions are allowed there at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

from standins.line_checks import Findings, graphemes

Where = Literal["quick_reply", "template", "image_carousel", "rich_menu", "flex_button", "flex"]

# #action-object-label-spec: (needed, most characters).
_LABELS: dict[Where, tuple[bool, int]] = {
    "quick_reply": (True, 20),
    "template": (True, 20),
    "image_carousel": (False, 12),
    "rich_menu": (False, 20),
    "flex_button": (True, 40),
    "flex": (False, 40),
}
# Their sections say "only with quick reply buttons" (such as #camera-action).
_QUICK_REPLY_ONLY = {"camera", "cameraRoll", "location"}
# #richmenu-switch-action: only with rich menus.
_RICH_MENU_ONLY = {"richmenuswitch"}
_INPUT_OPTIONS = {"closeRichMenu", "openRichMenu", "openKeyboard", "openVoice"}
_SCHEME = re.compile(r"(?:https?|line|tel):")
_DATA = _SHOWN = _SAID = 300
_URI = 1000
_CLIPBOARD = 1000
_ALIAS = 32


def check_action(findings: Findings, action: object, place: str, where: Where) -> None:
    """Find what LINE would refuse in one action."""
    if not isinstance(action, dict):
        findings.wrong(place, "Must be an object")
        return
    if not findings.choice(action, "type", place, _allowed(where), required=True):
        return
    needed, most = _LABELS[where]
    findings.text(action, "label", place, most, required=needed, count=graphemes)
    _KINDS[action["type"]](findings, action, place)


def _allowed(where: Where) -> set[str]:
    kinds = set(_KINDS)
    if where != "quick_reply":
        kinds -= _QUICK_REPLY_ONLY
    if where != "rich_menu":
        kinds -= _RICH_MENU_ONLY
    return kinds


def _postback(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#postback-action."""
    findings.text(action, "data", place, _DATA)
    findings.text(action, "displayText", place, _SHOWN, required=False)
    findings.text(action, "text", place, _SAID, required=False)
    findings.text(action, "fillInText", place, _SAID, required=False)
    findings.choice(action, "inputOption", place, _INPUT_OPTIONS)
    if "text" in action and "displayText" in action:
        findings.wrong(findings.at(place, "text"), "can't be used with displayText")


def _message(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#message-action."""
    findings.text(action, "text", place, _SAID)


def _uri(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#uri-action: http, https, line and tel."""
    findings.text(action, "uri", place, _URI)
    if not _SCHEME.match(str(action.get("uri", ""))):
        findings.wrong(findings.at(place, "uri"), "invalid uri scheme")


def _datetime_picker(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#datetime-picker-action."""
    findings.text(action, "data", place, _DATA)
    findings.choice(action, "mode", place, {"date", "time", "datetime"}, required=True)


def _clipboard(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#clipboard-action."""
    findings.text(action, "clipboardText", place, _CLIPBOARD)


def _switch(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#richmenu-switch-action."""
    findings.text(action, "richMenuAliasId", place, _ALIAS)
    findings.text(action, "data", place, _DATA)


def _nothing_more(findings: Findings, action: dict[str, Any], place: str) -> None:
    """#camera-action, #camera-roll-action and #location-action have only a label."""


_KINDS: dict[str, Callable[[Findings, dict[str, Any], str], None]] = {
    "postback": _postback,
    "message": _message,
    "uri": _uri,
    "datetimepicker": _datetime_picker,
    "clipboard": _clipboard,
    "richmenuswitch": _switch,
    "camera": _nothing_more,
    "cameraRoll": _nothing_more,
    "location": _nothing_more,
}
