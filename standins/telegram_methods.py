"""The methods of the Bot API as the stand-in plays them.

Each takes the parameters of one request and returns its `result`, or raises `Refused`.  The
section of core.telegram.org/bots/api that is meant has the method's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from standins import telegram_rules as rules
from standins.telegram_errors import Refused, bad
from standins.telegram_files import DOWNLOAD_BYTES, LINK_SECONDS, File
from standins.telegram_state import Content, Person, World


@dataclass(frozen=True, slots=True)
class Parameters:
    """One request: its parameters as they came (text, or JSON's values), and its files."""

    values: dict[str, Any]
    files: dict[str, bytes]

    def text(self, name: str) -> str:
        """A parameter as text; empty if it is not there."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def number(self, name: str, missing: int = 0) -> int:
        """A parameter as a number; `missing` if it is none."""
        try:
            return int(self.text(name))
        except ValueError:
            return missing

    def flag(self, name: str) -> bool:
        """A parameter as a Boolean."""
        return self.text(name).lower() in ("true", "yes", "1", "t")

    def structure(self, name: str) -> Any:
        """A JSON-serialized parameter; None if it is not there."""
        return rules.structure(self.values.get(name))


def chat_of(world: World, given: Parameters) -> Person:
    """The chat that is meant; "API#available-methods": its ID, or the @name of a channel."""
    if not given.text("chat_id"):
        raise bad("chat_id is empty")
    person = world.people.get(given.number("chat_id"))
    if person is None:
        raise bad("chat not found")
    return person


def open_chat(world: World, given: Parameters, cost: int = 0) -> Person:
    """The chat that is meant, if the bot may send to it and does not send too fast."""
    person = chat_of(world, given)
    # core.telegram.org/bots/api#responseparameters.
    if person.migrated_to:
        words = "group chat was upgraded to a supergroup chat"
        raise bad(words, migrate_to_chat_id=person.migrated_to)
    # core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this.
    wait = world.limits.take(person.id, cost) if cost else 0
    if wait:
        raise Refused(429, f"Too Many Requests: retry after {wait}", retry_after=wait)
    if person.deactivated:
        raise Refused(403, "Forbidden: user is deactivated")
    if person.blocked:
        raise Refused(403, "Forbidden: bot was blocked by the user")
    # core.telegram.org/bots/faq: "Bots can't initiate conversations with users".
    if not person.started:
        raise Refused(403, "Forbidden: bot can't initiate conversation with a user")
    return person


def send_message(world: World, given: Parameters) -> Content:
    """API#sendmessage."""
    chat_of(world, given)
    rules.parse_mode(given.text("parse_mode"))
    content: Content = {"text": rules.text(given.text("text"))}
    content |= _markup(given)
    person = open_chat(world, given, cost=1)
    return _sent(world, person, [content])[0]


def send_photo(world: World, given: Parameters) -> Content:
    """API#sendphoto."""
    chat_of(world, given)
    content = _captioned(given.values) | _markup(given)
    if "photo" in given.files:
        photo = world.files.add_photo(given.files["photo"])
        world.counts["uploads"] += 1
    else:
        photo = _photo(world, given, given.text("photo"))
    person = open_chat(world, given, cost=1)
    shown: Content = {"photo": [size.as_size() for size in photo]}
    return _sent(world, person, [shown | content])[0]


def send_media_group(world: World, given: Parameters) -> list[Content]:
    """API#sendmediagroup: 2 to 10 items, all or none; each counts as a message."""
    chat_of(world, given)
    media = given.structure("media")
    if not isinstance(media, list) or not all(isinstance(item, dict) for item in media):
        raise bad("can't parse media JSON object")
    if not 2 <= len(media) <= 10:
        words = "too few media to send" if len(media) < 2 else "too many messages to send"
        raise bad(f"{words} as an album")
    contents = [_album_item(world, given, item) for item in media]
    person = open_chat(world, given, cost=len(contents))
    group = {"media_group_id": str(next(world.numbers))}
    return _sent(world, person, [content | group for content in contents])


def _album_item(world: World, given: Parameters, item: dict[str, Any]) -> Content:
    if item.get("type") != "photo":
        raise bad("can't use the media of the specified type in the album")
    content = _captioned(item)
    photo = _photo(world, given, str(item.get("media", "")))
    return {"photo": [size.as_size() for size in photo]} | content


def _photo(world: World, given: Parameters, name: str) -> list[File]:
    """A photo by attach:// or by file_id (API#sending-files); nothing is fetched from outside."""
    if name.startswith("attach://"):
        data = given.files.get(name.removeprefix("attach://"))
        if data is None:
            raise bad("file attached in the request is not found")
        world.counts["uploads"] += 1
        return world.files.add_photo(data)
    if not name:
        raise bad("there is no photo in the request")
    if name.startswith(("http://", "https://")):
        raise bad("failed to get HTTP URL content")
    photo = world.files.photos.get(name)
    if photo is None:
        raise bad("wrong file identifier/HTTP URL specified")
    world.counts["reuses"] += 1
    return photo


def _captioned(values: dict[str, Any]) -> Content:
    rules.parse_mode(str(values.get("parse_mode") or ""))
    caption = rules.caption(str(values.get("caption") or ""))
    return {"caption": caption} if caption else {}


def _markup(given: Parameters) -> Content:
    markup = rules.markup(given.structure("reply_markup"))
    return {"reply_markup": markup} if markup else {}


def _sent(world: World, person: Person, contents: list[Content]) -> list[Content]:
    messages = [world.message(person, world.bot(), content) for content in contents]
    world.write(person, "bot", "send", messages)
    return messages


def answer_callback_query(world: World, given: Parameters) -> bool:
    """API#answercallbackquery: soon, and up to 200 characters."""
    callback = world.answerable(given.text("callback_query_id"))
    if callback is None:
        raise bad("query is too old and response timeout expired or query ID is invalid")
    text = given.text("text")
    if len(text) > rules.CALLBACK_TEXT:
        raise bad("MESSAGE_TOO_LONG")
    if text:
        shown = {"text": text, "show_alert": given.flag("show_alert")}
        world.write(callback.person, "bot", "answer", [shown])
    callback.answered = True
    for tell in callback.when_answered:
        tell()
    return True


def edit_message_reply_markup(world: World, given: Parameters) -> Content:
    """API#editmessagereplymarkup: only what the bot sent, and only to something else."""
    message = chat_of(world, given).messages.get(given.number("message_id"))
    if message is None:
        raise bad("message to edit not found")
    if message["from"] != world.bot():
        raise bad("message can't be edited")
    markup = _markup(given)
    person = open_chat(world, given)
    if markup.get("reply_markup") == message.get("reply_markup"):
        same = "exactly the same as a current content and reply markup of the message"
        raise bad(
            f"message is not modified: specified new message content and reply markup are {same}"
        )
    message.pop("reply_markup", None)
    message.update(markup)
    shown = {**message, "edit_date": int(world.clock.now())}
    world.write(person, "bot", "edit", [shown])
    return shown


def send_chat_action(world: World, given: Parameters) -> bool:
    """API#sendchataction."""
    if given.text("action") not in rules.ACTIONS:
        raise bad("wrong parameter action in request")
    open_chat(world, given)
    return True


def get_chat(world: World, given: Parameters) -> Content:
    """API#getchat, with the fields that API#chatfullinfo always has."""
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription")
    return {
        **chat_of(world, given).as_chat(),
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys((*gifts, "gifts_from_channels"), True),
    }


def get_file(world: World, given: Parameters) -> Content:
    """API#getfile: up to 20 MB; the link is good for an hour."""
    name = given.text("file_id")
    if not name:
        raise bad("file_id not specified")
    file = world.files.by_id.get(name)
    if file is None:
        raise bad("invalid file_id")
    if len(file.data) > DOWNLOAD_BYTES:
        raise bad("file is too big")
    file.link_until = world.clock.now() + LINK_SECONDS
    described = file.as_size()
    del described["width"], described["height"]
    return {**described, "file_path": file.path}


def get_me(world: World, given: Parameters) -> Content:
    """API#getme."""
    names = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
    more = ("can_connect_to_business", "has_main_web_app")
    return {**world.bot(), **dict.fromkeys((*names, *more), False), "can_join_groups": True}


def set_my_commands(world: World, given: Parameters) -> bool:
    """API#setmycommands, for one scope and one language."""
    world.commands[_scope(given)] = rules.commands(given.structure("commands"))
    return True


def get_my_commands(world: World, given: Parameters) -> list[dict[str, str]]:
    """API#getmycommands."""
    return world.commands.get(_scope(given), [])


def delete_my_commands(world: World, given: Parameters) -> bool:
    """API#deletemycommands."""
    world.commands.pop(_scope(given), None)
    return True


def _scope(given: Parameters) -> tuple[str, str]:
    scope = given.structure("scope") or {"type": "default"}
    return str(scope), given.text("language_code")


def _setter(field: str, limit: int) -> Callable[[World, Parameters], bool]:
    def set_it(world: World, given: Parameters) -> bool:
        text = given.text(field)
        if len(text) > limit:
            # The names of core.telegram.org/method/bots.setBotInfo.
            raise bad(f"BOT_{field.upper()}_INVALID")
        world.descriptions[field, given.text("language_code")] = text
        return True

    return set_it


def _getter(field: str) -> Callable[[World, Parameters], dict[str, str]]:
    def get_it(world: World, given: Parameters) -> dict[str, str]:
        return {field: world.descriptions.get((field, given.text("language_code")), "")}

    return get_it


METHODS: dict[str, Callable[[World, Parameters], Any]] = {
    "getme": get_me,
    "sendmessage": send_message,
    "sendphoto": send_photo,
    "sendmediagroup": send_media_group,
    "answercallbackquery": answer_callback_query,
    "editmessagereplymarkup": edit_message_reply_markup,
    "sendchataction": send_chat_action,
    "getchat": get_chat,
    "getfile": get_file,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    # Up to 512 characters (API#setmydescription), up to 120 (API#setmyshortdescription).
    "setmydescription": _setter("description", 512),
    "getmydescription": _getter("description"),
    "setmyshortdescription": _setter("short_description", 120),
    "getmyshortdescription": _getter("short_description"),
}
