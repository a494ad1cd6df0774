"""Our messages as LINE's message objects (Messaging API reference, "Message objects").

Objects are plain JSON values, the same ones whenever the same message is tried again: a retry
key stands for one body. The numbers are LINE's limits; the tests let the SDK's models check them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from channels.base import Button, Message, Picture
from domain.graphemes import first_clusters
from domain.splitting import first_units, split

Object = dict[str, Any]

TEXT_UNITS = 5000
OBJECTS = 5
QUICK_REPLIES = 13
_LABEL_CLUSTERS = 20
_DATA_LENGTH = 300
_DISPLAY_UNITS = 300
_URI_LENGTH = 1000
_PICTURE_URL_LENGTH = 2000
# The limit was 400 before it became 1,500; nobody reads more in a list of chats.
_ALT_UNITS = 400
_BUBBLE_BYTES = 30_000
_OPENS = re.compile(r"https?://\S+", re.ASCII)


def objects(messages: Sequence[Message]) -> list[Object]:
    """All the objects of an answer, in as many requests of five as it takes.

    Quick replies vanish with the next message, so they hang on the last object of all.
    """
    made = [one for message in messages for one in _of_message(message)]
    choices = next((found for m in reversed(messages) if (found := _choices(m.buttons))), ())
    if made and choices and len(choices) <= QUICK_REPLIES:
        made[-1] = {**made[-1], "quickReply": {"items": [_quick(b) for b in choices]}}
    return made


def _of_message(message: Message) -> list[Object]:
    pictures = [image(picture) for picture in message.pictures if is_showable(picture)]
    return [*texts(message.text), *pictures, *cards(message.buttons)]


def texts(text: str) -> list[Object]:
    """A text as text messages; LINE refuses empty ones."""
    return [{"type": "text", "text": part} for part in split(text, TEXT_UNITS) if part.strip()]


def is_showable(picture: Picture) -> bool:
    """Whether LINE would fetch it: over https only, by addresses of at most 2,000 characters."""
    return all(
        url.startswith("https://") and url.isascii() and len(url) <= _PICTURE_URL_LENGTH
        for url in (picture.url, picture.preview_url)
    )


def image(picture: Picture) -> Object:
    """A picture that LINE fetches by itself, perhaps only when the reader looks."""
    return {
        "type": "image",
        "originalContentUrl": picture.url,
        "previewImageUrl": picture.preview_url,
    }


def cards(buttons: Sequence[Button], headline: str = "") -> list[Object]:
    """The buttons that stay in the chat, as one bubble; none if there are none.

    A button too many for a bubble is left out: the text beneath which it stands names it.
    Lists of chats show the headline, or the labels, in the bubble's place and screen readers read
    it out: never the text above, which would be heard twice.
    """
    shown = [_flex_button(button) for button in buttons if _is_card(button)]
    while shown and len(json.dumps(_bubble(shown)).encode()) > _BUBBLE_BYTES:
        shown.pop()
    if not shown:
        return []
    labels = " / ".join(button["action"]["label"] for button in shown)
    alternative = first_units(headline.strip() or labels, _ALT_UNITS)
    return [{"type": "flex", "altText": alternative, "contents": _bubble(shown)}]


def _bubble(shown: list[Object]) -> Object:
    body = {"type": "box", "layout": "vertical", "spacing": "sm", "contents": shown}
    return {"type": "bubble", "body": body}


def _flex_button(button: Button) -> Object:
    return {"type": "button", "style": "primary", "height": "sm", "action": _action(button)}


def _choices(buttons: Sequence[Button]) -> tuple[Button, ...]:
    return tuple(b for b in buttons if not b.lasting and not b.url and _can_be_pressed(b))


def _is_card(button: Button) -> bool:
    if button.url:
        fits = len(button.url) <= _URI_LENGTH and _OPENS.fullmatch(button.url)
        return bool(fits and button.label.strip())
    return button.lasting and _can_be_pressed(button)


def _can_be_pressed(button: Button) -> bool:
    return bool(button.label.strip()) and 0 < len(button.token) <= _DATA_LENGTH


def _quick(button: Button) -> Object:
    return {"type": "action", "action": _action(button)}


def _action(button: Button) -> Object:
    label = first_clusters(button.label, _LABEL_CLUSTERS)
    if button.url:
        return {"type": "uri", "label": label, "uri": button.url}
    display = first_units(button.label, _DISPLAY_UNITS)
    return {"type": "postback", "label": label, "data": button.token, "displayText": display}
