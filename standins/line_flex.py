"""Flex messages: reference/messaging-api/#flex-message on developers.line.biz/en.

Inside a Flex message LINE refuses every property that it does not know, and null.
"""

from __future__ import annotations

import json
import re
from typing import Any

from standins.line_actions import check_action
from standins.line_checks import Findings

# #bubble and #f-carousel: "Max size of JSON data", and at most 12 bubbles.
_BUBBLE_BYTES = 30 * 1024
_CAROUSEL_BYTES = 50 * 1024
_BUBBLES = 12
_CONTENTS = 1000  # no documented limit but the size

_OFFSETS = {"position", "offsetTop", "offsetBottom", "offsetStart", "offsetEnd"}
_PADDINGS = {"paddingAll", "paddingTop", "paddingBottom", "paddingStart", "paddingEnd"}
_TEXT_LOOKS = {"size", "color", "weight", "style", "decoration"}

# The properties of each component: #box, #button, #f-image, #f-video, #icon, #f-text, #span,
# #separator, #filler.
_KNOWN: dict[str, set[str]] = {
    "box": {"layout", "contents", "backgroundColor", "borderColor", "borderWidth"}
    | {"cornerRadius", "width", "maxWidth", "height", "maxHeight", "flex", "spacing", "margin"}
    | {"justifyContent", "alignItems", "background", "action"}
    | _OFFSETS
    | _PADDINGS,
    "button": {"action", "flex", "margin", "height", "style", "color", "gravity", "adjustMode"}
    | {"scaling"}
    | _OFFSETS,
    "image": {"url", "flex", "margin", "align", "gravity", "size", "aspectRatio", "aspectMode"}
    | {"backgroundColor", "action", "animated"}
    | _OFFSETS,
    "video": {"url", "previewUrl", "altContent", "aspectRatio", "action"},
    "icon": {"url", "margin", "size", "aspectRatio", "scaling"} | _OFFSETS,
    "text": {"text", "contents", "adjustMode", "flex", "margin", "align", "gravity", "wrap"}
    | {"lineSpacing", "maxLines", "action", "scaling"}
    | _TEXT_LOOKS
    | _OFFSETS,
    "span": {"text"} | _TEXT_LOOKS,
    "separator": {"margin", "color"},
    "filler": {"flex"},
    "bubble": {"size", "direction", "header", "hero", "body", "footer", "styles", "action"},
    "carousel": {"contents"},
}
# #box, contents: which components each layout takes.
_CHILDREN = {
    "horizontal": {"box", "button", "image", "text", "separator", "filler"},
    "vertical": {"box", "button", "image", "text", "separator", "filler"},
    "baseline": {"icon", "text", "filler"},
}
_WORDS: dict[str, set[str]] = {
    "align": {"start", "end", "center"},
    "gravity": {"top", "bottom", "center"},
    "weight": {"regular", "bold"},
    "style": {"normal", "italic", "link", "primary", "secondary"},
    "decoration": {"none", "underline", "line-through"},
    "adjustMode": {"shrink-to-fit"},
    "position": {"relative", "absolute"},
    "direction": {"ltr", "rtl"},
    "aspectMode": {"cover", "fit"},
}
_BUBBLE_SIZES = {"nano", "micro", "deca", "hecto", "kilo", "mega", "giga"}
_MARGIN = re.compile(r"none|xs|sm|md|lg|xl|xxl|-?\d+(\.\d+)?px")
_OFFSET = re.compile(r"none|xs|sm|md|lg|xl|xxl|-?\d+(\.\d+)?(px|%)")
_SIZE = re.compile(r"xxs|xs|sm|md|lg|xl|xxl|[345]xl|full|\d+(\.\d+)?(px|%)")
_SPACES = {"margin", "spacing", "cornerRadius"}
_COLOURS = {"color", "backgroundColor", "borderColor", "separatorColor"}


def flex_findings(container: object) -> list[dict[str, str]]:
    """What LINE would refuse in the `contents` of a Flex message."""
    findings = Findings(slashes=True)
    if not isinstance(container, dict) or container.get("type") not in ("bubble", "carousel"):
        findings.wrong("/type", "must be bubble or carousel")
    elif container["type"] == "bubble":
        _bubble(findings, container, "")
    else:
        _carousel(findings, container)
    return findings.details


def _carousel(findings: Findings, carousel: dict[str, Any]) -> None:
    _known(findings, carousel, "", "carousel")
    if _bytes(carousel) > _CAROUSEL_BYTES:
        findings.wrong("/", f"must not be larger than {_CAROUSEL_BYTES} bytes")
    bubbles = findings.objects(carousel, "contents", "", 1, _BUBBLES)
    for place, bubble in bubbles:
        if bubble.get("type") != "bubble":
            findings.wrong(findings.at(place, "type"), "must be bubble")
        else:
            _bubble(findings, bubble, place)
    if len({bubble.get("size", "mega") for _place, bubble in bubbles}) > 1:
        # #f-carousel: a carousel can't hold bubbles of different widths.
        findings.wrong("/contents", "must have the same size")


def _bubble(findings: Findings, bubble: dict[str, Any], place: str) -> None:
    """#bubble; "At least one block must be specified" is what the API itself answers."""
    _known(findings, bubble, place, "bubble")
    findings.choice(bubble, "size", place, _BUBBLE_SIZES)
    if _bytes(bubble) > _BUBBLE_BYTES:
        findings.wrong(place or "/", f"must not be larger than {_BUBBLE_BYTES} bytes")
    blocks = [name for name in ("header", "hero", "body", "footer") if name in bubble]
    if not blocks:
        findings.wrong(place or "/", "At least one block must be specified")
    for name in blocks:
        allowed = {"box", "image", "video"} if name == "hero" else {"box"}
        _component(findings, bubble[name], findings.at(place, name), allowed)
    if "action" in bubble:
        check_action(findings, bubble["action"], findings.at(place, "action"), "flex")


def _component(findings: Findings, value: object, place: str, allowed: set[str]) -> None:
    if not isinstance(value, dict):
        findings.wrong(place, "must be an object")
        return
    kind = value.get("type")
    if kind not in allowed or not isinstance(kind, str):
        findings.wrong(findings.at(place, "type"), "invalid box content type")
        return
    _known(findings, value, place, kind)
    _looks(findings, value, place, kind)
    _own(findings, value, place, kind)
    if "action" in value and kind != "button":
        check_action(findings, value["action"], findings.at(place, "action"), "flex")


def _own(findings: Findings, value: dict[str, Any], place: str, kind: str) -> None:
    """What a component needs."""
    if kind == "box":
        _box(findings, value, place)
    elif kind == "text":
        _text(findings, value, place)
    elif kind == "span":
        findings.text(value, "text", place, _BUBBLE_BYTES)
    elif kind == "button":
        check_action(findings, value.get("action"), findings.at(place, "action"), "flex_button")
        findings.choice(value, "height", place, {"sm", "md"})
    elif kind in ("image", "icon"):
        findings.https(value, "url", place)
    elif kind == "video":
        findings.https(value, "url", place)
        findings.https(value, "previewUrl", place)
        alternative = findings.at(place, "altContent")
        _component(findings, value.get("altContent"), alternative, {"box", "image"})


def _box(findings: Findings, box: dict[str, Any], place: str) -> None:
    """#box."""
    if not findings.choice(box, "layout", place, _CHILDREN, required=True):
        return
    for where, child in findings.objects(box, "contents", place, 0, _CONTENTS):
        _component(findings, child, where, _CHILDREN[box["layout"]])


def _text(findings: Findings, text: dict[str, Any], place: str) -> None:
    """#f-text: either `text` or `contents` (spans); an empty text is refused."""
    if "contents" not in text:
        findings.text(text, "text", place, _BUBBLE_BYTES)
        return
    for where, span in findings.objects(text, "contents", place, 0, _CONTENTS):
        _component(findings, span, where, {"span"})


def _known(findings: Findings, value: dict[str, Any], place: str, kind: str) -> None:
    for name, content in value.items():
        if name != "type" and name not in _KNOWN[kind]:
            findings.wrong(findings.at(place, name), "unknown field")
        elif content is None:
            findings.wrong(findings.at(place, name), "must not be null")


def _looks(findings: Findings, value: dict[str, Any], place: str, kind: str) -> None:
    """Words, colours and lengths: docs/messaging-api/flex-message-layout/."""
    for name, content in value.items():
        if content is None:
            continue  # found before, as what it is
        if name in _COLOURS:
            findings.colour(value, name, place)
        elif name in _WORDS:
            findings.choice(value, name, place, _WORDS[name])
        elif (pattern := _pattern(name, kind)) and not pattern.fullmatch(str(content)):
            findings.wrong(findings.at(place, name), "invalid property")
        elif name in ("wrap", "scaling") and not isinstance(content, bool):
            findings.wrong(findings.at(place, name), "must be a boolean")
        elif name in ("flex", "maxLines") and not _is_count(content):
            findings.wrong(findings.at(place, name), "must be a non-negative integer")


def _pattern(name: str, kind: str) -> re.Pattern[str] | None:
    if name in _SPACES:
        return _MARGIN
    if name in _PADDINGS or name in _OFFSETS - {"position"}:
        return _OFFSET
    return _SIZE if name == "size" and kind in ("text", "span", "image", "icon") else None


def _is_count(content: object) -> bool:
    return isinstance(content, int) and not isinstance(content, bool) and content >= 0


def _bytes(value: dict[str, Any]) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
