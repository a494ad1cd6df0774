"""What the Telegram stand-in refuses, each rule with the document that it comes from.

"API" is core.telegram.org/bots/api; the words of refusals are those of the Bot API's own server
(tdlib/telegram-bot-api, Client.cpp and WebhookActor.cpp) and of TDLib beneath it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any
from urllib.parse import urlsplit

from standins.telegram_errors import bad

# Counted after entities are parsed (API#sendmessage, API#sendphoto), in UTF-16 code units as
# the offsets of API#messageentity are.
TEXT_UNITS = 4096
CAPTION_UNITS = 1024
# API#answercallbackquery.
CALLBACK_TEXT = 200
# API#inlinekeyboardbutton.
CALLBACK_DATA_BYTES = 64
# core.telegram.org/method/messages.sendMessage, REPLY_MARKUP_TOO_LONG.
BUTTONS = 100
# "Ports currently supported for webhooks" (API#setwebhook).
PORTS = (443, 80, 88, 8443)
# API#callbackquery gives no time; bots see the query refused after about 15 seconds.
CALLBACK_SECONDS = 15.0
# API#sendchataction.
ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
# Every kind of API#update.  Those that API#getupdates' `allowed_updates` leaves out unless they
# are named are taken from the default.
UPDATES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
    }
)
DEFAULT_UPDATES = UPDATES - {"chat_member", "message_reaction", "message_reaction_count"}

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_ACTIONS_OF_A_BUTTON = (
    "callback_data",
    "url",
    "login_url",
    "web_app",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "copy_text",
    "callback_game",
    "pay",
)


def units(text: str) -> int:
    """UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def text(given: str) -> str:
    """A message's text as it is kept: 1 to 4096 units after trimming (API#sendmessage)."""
    trimmed = given.replace("\r", "").strip()
    if not trimmed:
        raise bad("message text is empty")
    if units(trimmed) > TEXT_UNITS:
        raise bad("message is too long")
    return trimmed


def caption(given: str) -> str:
    """A photo's caption: up to 1024 units after trimming (API#sendphoto)."""
    trimmed = given.replace("\r", "").strip()
    if units(trimmed) > CAPTION_UNITS:
        raise bad("message caption is too long")
    return trimmed


def parse_mode(given: str) -> None:
    """API#formatting-options: this stand-in plays none of the modes, so it takes none."""
    if given and given.lower() != "none":
        raise bad("unsupported parse_mode")


def markup(given: Any) -> dict[str, Any] | None:
    """A `reply_markup`; what is returned is shown with the message: an inline keyboard only."""
    if given in (None, ""):
        return None
    if not isinstance(given, dict):
        raise bad("object expected as reply markup")
    rows = given.get("inline_keyboard")
    if rows is None:
        _check_other_markup(given)
        return None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad('field "inline_keyboard" of the InlineKeyboardMarkup must be of type Array')
    buttons = [button for row in rows for button in row]
    for button in buttons:
        _check_inline_button(button)
    if len(buttons) > BUTTONS:
        raise bad("reply markup is too long")
    return {"inline_keyboard": [row for row in rows if row]} if buttons else None


def _check_other_markup(given: dict[str, Any]) -> None:
    """API#replykeyboardmarkup, API#replykeyboardremove, API#forcereply."""
    rows = given.get("keyboard")
    if rows is None:
        return
    buttons = [button for row in rows for button in row]
    if not buttons or len(buttons) > BUTTONS * 3:
        raise bad("reply markup is too long" if buttons else "reply keyboard markup is empty")
    for button in buttons:
        if not (button if isinstance(button, str) else button.get("text")):
            raise bad("can't parse keyboard button: text must be non-empty")


def _check_inline_button(button: Any) -> None:
    """API#inlinekeyboardbutton: a text, and exactly one of the optional fields."""
    if not isinstance(button, dict) or not isinstance(button.get("text"), str):
        raise bad('can\'t parse inline keyboard button: Field "text" must be of type String')
    actions = [name for name in _ACTIONS_OF_A_BUTTON if button.get(name) is not None]
    if not button["text"].strip() or len(actions) != 1:
        raise bad("text buttons are unallowed in the inline keyboard")
    if "url" in actions:
        _check_button_url(str(button["url"]))
    if "callback_data" in actions:
        data = str(button["callback_data"]).encode()
        if not 1 <= len(data) <= CALLBACK_DATA_BYTES:
            raise bad("BUTTON_DATA_INVALID")


def _check_button_url(url: str) -> None:
    """API#inlinekeyboardbutton: "HTTP or tg:// URL"; the server wants one that others can open."""
    parts = urlsplit(url)
    if parts.scheme == "tg":
        return
    if parts.scheme not in ("http", "https"):
        raise bad(f"inline keyboard button URL '{url}' is invalid: Unsupported URL protocol")
    host = _host(url)
    if any(character.isspace() for character in url) or ("." not in host and ":" not in host):
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    if _reserved(host):
        raise bad("BUTTON_URL_INVALID")


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return ""
    return parts.hostname or ""


def _reserved(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def webhook_url(url: str, *, mapped: bool) -> None:
    """API#setwebhook: https, on one of four ports, at an address that is reachable.

    This stand-in reaches what is mapped to loopback, and nothing else.
    """
    parts, host = urlsplit(url), _host(url)
    if mapped:
        return
    if parts.scheme != "https" or not host:
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if (parts.port or 443) not in PORTS:
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    if _reserved(host):
        raise bad(f"bad webhook: IP address {host} is reserved")
    raise bad("bad webhook: Failed to resolve host: Name or service not known")


def secret_token(given: str) -> str:
    """API#setwebhook: 1 to 256 of A-Z, a-z, 0-9, _ and -."""
    if given and not _SECRET.fullmatch(given):
        long = len(given) > 256
        raise bad(f"secret token {'is too long' if long else 'contains unallowed characters'}")
    return given


def allowed_updates(given: Any) -> frozenset[str] | None:
    """API#setwebhook: an empty list is the default; None leaves the last setting."""
    if given is None:
        return None
    if not isinstance(given, list):
        raise bad("allowed_updates must be an Array of String")
    return frozenset(map(str, given)) & UPDATES or DEFAULT_UPDATES


def commands(given: Any) -> list[dict[str, str]]:
    """API#botcommand, API#setmycommands: at most 100."""
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise bad("can't parse commands JSON array")
    if len(given) > 100:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    return [_command(str(one.get("command", "")), one.get("description", "")) for one in given]


def _command(name: str, description: str) -> dict[str, str]:
    name = name.removeprefix("/")
    if not _COMMAND.fullmatch(name):
        raise bad("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name, "description": description}


def structure(given: Any) -> Any:
    """A JSON-serialized parameter (API#making-requests), or None where there is none."""
    if given in (None, ""):
        return None
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except ValueError:
        raise bad("can't parse JSON object") from None
