"""Message objects: reference/messaging-api/#message-objects on developers.line.biz/en.

Each check names its section. A property that LINE does not know is ignored, except in Flex.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from standins.line_actions import Where, check_action
from standins.line_checks import Findings, Refusal, utf16_units
from standins.line_flex import flex_findings

MESSAGES = 5  # #send-push-message and its like, "messages"
TEXT = 5000  # #text-message
ALT_TEXT = 1500  # #flex-message and #template-messages, "altText"
QUICK_REPLIES = 13  # #items-object

_Check = Callable[[Findings, dict[str, Any], str], None]


def check_messages(body: dict[str, Any]) -> None:
    """Raise the documented 400 unless `messages` is 1 to 5 good message objects."""
    findings = Findings()
    messages = findings.objects(body, "messages", "", 1, MESSAGES)
    for place, message in messages:
        if findings.choice(message, "type", place, _KINDS, required=True):
            _KINDS[message["type"]](findings, message, place)
            _common(findings, message, place)
    findings.refuse()
    for place, message in messages:
        _refuse_flex(place, message)


def _refuse_flex(place: str, message: dict[str, Any]) -> None:
    """Flex has findings of its own form (docs/messaging-api/using-flex-messages/)."""
    if message["type"] == "flex" and (details := flex_findings(message.get("contents"))):
        raise Refusal(400, f"A message ({place}) in the request body is invalid", details)


def _common(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#quick-reply: 1 to 13 buttons; an icon's URL is https."""
    quick_reply = message.get("quickReply")
    if quick_reply is None:
        return
    here = findings.at(place, "quickReply")
    if not findings.is_object(quick_reply, here):
        return
    for where, item in findings.objects(quick_reply, "items", here, 1, QUICK_REPLIES):
        findings.choice(item, "type", where, {"action"}, required=True)
        findings.https(item, "imageUrl", where, required=False)
        check_action(findings, item.get("action"), findings.at(where, "action"), "quick_reply")


def _text(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#text-message: counted in UTF-16 code units."""
    findings.text(message, "text", place, TEXT, count=utf16_units)


def _sticker(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#sticker-message."""
    findings.text(message, "packageId", place, 100)
    findings.text(message, "stickerId", place, 100)


def _image(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#image-message."""
    findings.https(message, "originalContentUrl", place)
    findings.https(message, "previewImageUrl", place)


def _audio(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#audio-message."""
    findings.https(message, "originalContentUrl", place)


def _location(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#location-message."""
    findings.text(message, "title", place, 100)
    findings.text(message, "address", place, 100)
    for name in ("latitude", "longitude"):
        if not isinstance(message.get(name), (int, float)):
            findings.wrong(findings.at(place, name), "Must be a number")


def _flex(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#flex-message; its contents are looked at when all else is right."""
    findings.text(message, "altText", place, ALT_TEXT, count=utf16_units)
    findings.member(message, "contents", place)


def _imagemap(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#imagemap-message."""
    findings.https(message, "baseUrl", place)
    findings.text(message, "altText", place, ALT_TEXT, count=utf16_units)
    findings.member(message, "baseSize", place)
    findings.objects(message, "actions", place, 0, 50)


def _template(findings: Findings, message: dict[str, Any], place: str) -> None:
    """#template-messages."""
    findings.text(message, "altText", place, ALT_TEXT, count=utf16_units)
    template = findings.member(message, "template", place)
    here = findings.at(place, "template")
    if template and findings.choice(template, "type", here, _TEMPLATES, required=True):
        _TEMPLATES[template["type"]](findings, template, here)


def _buttons(findings: Findings, template: dict[str, Any], place: str) -> None:
    """#buttons: 160 characters of text, 60 with an image or a title; 1 to 4 actions."""
    pictured = bool(template.get("thumbnailImageUrl") or template.get("title"))
    findings.text(template, "text", place, 60 if pictured else 160)
    _panel(findings, template, place, 4)
    if "defaultAction" in template:
        here = findings.at(place, "defaultAction")
        check_action(findings, template["defaultAction"], here, "flex")


def _confirm(findings: Findings, template: dict[str, Any], place: str) -> None:
    """#confirm: 240 characters of text, two actions."""
    findings.text(template, "text", place, 240)
    _actions(findings, template, place, 2, 2, "template")


def _carousel(findings: Findings, template: dict[str, Any], place: str) -> None:
    """#carousel: up to 10 columns of up to 3 actions, all of one shape."""
    columns = findings.objects(template, "columns", place, 1, 10)
    for where, column in columns:
        pictured = bool(column.get("thumbnailImageUrl") or column.get("title"))
        findings.text(column, "text", where, 60 if pictured else 120)
        _panel(findings, column, where, 3)
    if len({_shape(column) for _where, column in columns}) > 1:
        words = "The use of image, title and the number of actions should be consistent"
        findings.wrong(findings.at(place, "columns"), f"{words} for all columns.")


def _image_carousel(findings: Findings, template: dict[str, Any], place: str) -> None:
    """#image-carousel."""
    for where, column in findings.objects(template, "columns", place, 1, 10):
        findings.https(column, "imageUrl", where)
        here = findings.at(where, "action")
        check_action(findings, column.get("action"), here, "image_carousel")


def _panel(findings: Findings, panel: dict[str, Any], place: str, most: int) -> None:
    findings.text(panel, "title", place, 40, required=False)
    findings.https(panel, "thumbnailImageUrl", place, required=False)
    _actions(findings, panel, place, 1, most, "template")


def _actions(
    findings: Findings, owner: dict[str, Any], place: str, least: int, most: int, where: Where
) -> None:
    for here, action in findings.objects(owner, "actions", place, least, most):
        check_action(findings, action, here, where)


def _shape(column: dict[str, Any]) -> tuple[bool, bool, int]:
    actions = column.get("actions")
    count = len(actions) if isinstance(actions, list) else 0
    return bool(column.get("thumbnailImageUrl")), bool(column.get("title")), count


_TEMPLATES: dict[str, _Check] = {
    "buttons": _buttons,
    "confirm": _confirm,
    "carousel": _carousel,
    "image_carousel": _image_carousel,
}
_KINDS: dict[str, _Check] = {
    "text": _text,
    "sticker": _sticker,
    "image": _image,
    "video": _image,  # #video-message has the same two URLs
    "audio": _audio,
    "location": _location,
    "imagemap": _imagemap,
    "template": _template,
    "flex": _flex,
}


def strings(value: object) -> Iterator[str]:
    """Every string in a message object, such as its text, its alternative text, its labels."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for content in value.values():
            yield from strings(content)
    elif isinstance(value, list):
        for content in value:
            yield from strings(content)


def picture_urls(messages: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """The pictures that a phone will fetch, each with the most bytes that it may have.

    #image-message: the original up to 10 MB, the preview up to 1 MB; #f-image and the thumbnails
    of templates up to 10 MB.
    """
    for message in messages:
        if message.get("type") == "image":
            yield message["originalContentUrl"], 10_000_000
            yield message["previewImageUrl"], 1_000_000
        elif message.get("type") in ("flex", "template"):
            for url in _fetched(message):
                yield url, 10_000_000


def _fetched(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name in ("url", "thumbnailImageUrl", "imageUrl"):
            if isinstance(value.get(name), str):
                yield value[name]
        for content in value.values():
            yield from _fetched(content)
    elif isinstance(value, list):
        for content in value:
            yield from _fetched(content)
