"""What LINE and Telegram would show of a conversation, as the entries that our phones draw.

An entry has the same form as web chat's (web/transcript.py): text, buttons, pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from commands.demo.theatre import PUBLIC_URL

TOKYO = ZoneInfo("Asia/Tokyo")
Entry = dict[str, Any]
Said = Mapping[str, Any]


def entries(channel: str, said: Sequence[Said]) -> list[Entry]:
    """A transcript of the channel's stand-in as entries, oldest first, one for each bubble.

    What shows nothing (Telegram's presses) is left out.
    """
    read = _READERS[channel]
    return [
        _entry(part, each, index)
        for each in said
        for index, part in enumerate(map(read, each["messages"]))
        if any(part.values())
    ]


def _entry(part: Entry, said: Said, index: int) -> Entry:
    own = said["from"] == "person"
    return {
        "id": f"x{said['sequence']}.{index}",
        "kind": "own" if own else "reply",
        **_moment(datetime.fromisoformat(said["at"])),
        "fresh": False,
        "subject": "",
        **part,
        "state": "sent" if own else "",
    }


def _moment(at: datetime) -> Entry:
    here = at.astimezone(TOKYO)
    return {
        "at": int(at.timestamp() * 1000),
        "time": f"{here.hour}:{here.minute:02}",
        "day": f"{here.month}月{here.day}日",
    }


def _part(text: str = "", buttons: Sequence[Entry] = (), pictures: Sequence[Entry] = ()) -> Entry:
    return {"text": text, "buttons": list(buttons), "pictures": list(pictures)}


def _local(url: str) -> str:
    """The https name is known to the stand-ins only; a visitor's browser is on this machine."""
    return url.removeprefix(PUBLIC_URL)


def _button(label: str, token: str = "", url: str = "", lasting: bool = False) -> Entry:
    return {
        "label": label,
        "token": token,
        "number": None,
        "card": lasting,
        "href": _local(url),
    }


# LINE (Messaging API reference, message objects).

_WORDLESS = {"image": "（写真）", "sticker": "（スタンプ）"}


def _line(message: Said) -> Entry:
    if message["type"] == "text":
        return _part(message["text"], _quick_replies(message))
    if message["type"] == "flex":
        return _part(buttons=[*_flex_buttons(message["contents"]), *_quick_replies(message)])
    if message["type"] == "image" and "originalContentUrl" in message:
        full, small = message["originalContentUrl"], message["previewImageUrl"]
        return _part(
            pictures=[_picture(_local(full), _local(small))], buttons=_quick_replies(message)
        )
    return _part(_WORDLESS.get(message["type"], f"（{message['type']}）"))


def _quick_replies(message: Said) -> list[Entry]:
    items = message.get("quickReply", {}).get("items", ())
    return [_action(item["action"], lasting=False) for item in items]


def _flex_buttons(part: Any) -> Iterator[Entry]:
    """Every button of a Flex message, wherever in its boxes it stands."""
    if isinstance(part, list):
        for each in part:
            yield from _flex_buttons(each)
    elif isinstance(part, dict):
        if part.get("type") == "button":
            yield _action(part["action"], lasting=True)
        else:
            yield from _flex_buttons(list(part.values()))


def _action(action: Said, lasting: bool) -> Entry:
    return _button(action["label"], action.get("data", ""), action.get("uri", ""), lasting)


# Telegram (Bot API, Message and InlineKeyboardButton).


def _telegram(message: Said) -> Entry:
    text = message.get("text") or message.get("caption") or ""
    rows = message.get("reply_markup", {}).get("inline_keyboard", ())
    buttons = [
        _button(each["text"], each.get("callback_data", ""), each.get("url", ""), lasting=True)
        for row in rows
        for each in row
    ]
    photos = message.get("photo") or ()
    pictures = [_picture(name := f"files/{photos[-1]['file_id']}", name)] if photos else ()
    return _part(text, buttons, pictures)


def _picture(full: str, small: str) -> Entry:
    return {"full": full, "small": small, "width": 320, "height": 240}


_READERS: Mapping[str, Callable[[Said], Entry]] = {"line": _line, "telegram": _telegram}
