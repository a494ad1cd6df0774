"""What people do in the Telegram stand-in, and the updates that come of it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from standins.telegram_state import Callback, Content, Person, Update, World

Order = dict[str, Any]


class People:
    """The people's side of every chat."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.acts: dict[str, Callable[[int, Order], Update | None]] = {
            "follow": self.follow,
            "block": self.block,
            "unblock": self.unblock,
            "says": self.says,
            "sends-picture": self.sends_picture,
            "sends-sticker": self.sends_sticker,
            "deactivate": self.deactivate,
            "migrate": self.migrate,
        }

    def follow(self, number: int, order: Order) -> Update | None:
        """Open the chat and press START, maybe by a link ?start=TEXT.

        core.telegram.org/bots/features#deep-linking: what is sent is "/start TEXT".  With
        somebody who had blocked the bot, my_chat_member comes before it.
        """
        person = self._world.meet(number)
        if person.blocked:
            self.unblock(number, {})
        text = str(order.get("text") or "")
        return self.says(number, {"text": text if text.startswith("/") else f"/start {text}"})

    def says(self, number: int, order: Order) -> Update | None:
        """Type a text; it is trimmed as the bot's own are."""
        text = str(order["text"]).strip()
        content: Content = {"text": text}
        if text.startswith("/"):
            length = len(text.split()[0])
            content["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return self._message(self._writing(number), "text", content)

    def sends_picture(self, number: int, order: Order) -> Update | None:
        """Send a photo, given in base64."""
        sizes = self._world.files.add_photo(b64decode(order["picture"], validate=True))
        content: Content = {"photo": [size.as_size() for size in sizes]}
        if order.get("caption"):
            content["caption"] = str(order["caption"])
        return self._message(self._writing(number), "picture", content)

    def sends_sticker(self, number: int, order: Order) -> Update | None:
        """Send a sticker (core.telegram.org/bots/api#sticker)."""
        sticker = {
            "file_id": f"CAACAg{number}",
            "file_unique_id": "AgADsticker",
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": "👍",
        }
        return self._message(self._writing(number), "sticker", {"sticker": sticker})

    def presses(self, number: int, order: Order) -> tuple[Update | None, Callback]:
        """Press a button: of the message named, else the newest that has it.

        Raises ValueError if there is no such button.
        """
        person = self._writing(number)
        message, data = self._button(person, order)
        callback = self._world.ask(person)
        query: Content = {
            "id": callback.id,
            "from": person.as_user(),
            "message": message,
            "chat_instance": str(person.id * 7919),
            "data": data,
        }
        self._world.write(person, "person", "press", [query])
        self._world.counts["callbacks"] += 1
        return self._world.happen("callback_query", person, query), callback

    def _button(self, person: Person, order: Order) -> tuple[Content, str]:
        wanted = order.get("message_id")
        for message in reversed(person.messages.values()):
            if wanted is not None and message["message_id"] != int(wanted):
                continue
            for row in message.get("reply_markup", {}).get("inline_keyboard", ()):
                for button in row:
                    if _is_meant(button, order):
                        return message, button["callback_data"]
        raise ValueError("no such button in this chat")

    def block(self, number: int, order: Order) -> Update | None:
        """Block the bot."""
        return self._membership(self._known(number), blocked=True, order=order)

    def unblock(self, number: int, order: Order) -> Update | None:
        """Unblock the bot."""
        return self._membership(self._known(number), blocked=False, order=order)

    def deactivate(self, number: int, order: Order) -> Update | None:
        """Delete the account; the bot is not told."""
        self._known(number).deactivated = True
        return None

    def migrate(self, number: int, order: Order) -> Update | None:
        """Make a supergroup of a group: core.telegram.org/bots/api#message, migrate_to_chat_id."""
        person = self._known(number)
        moved = self._world.meet(-1_000_000_000_000 - abs(number))
        person.migrated_to = moved.id
        content = {"migrate_from_chat_id": person.id}
        self._world.message(moved, moved.as_user(), content)
        return self._message(person, "migrate", {"migrate_to_chat_id": moved.id})

    def _membership(self, person: Person, *, blocked: bool, order: Order) -> Update | None:
        """core.telegram.org/bots/api#update, my_chat_member: only when the state changes.

        The order {"silent": true} loses the update.
        """
        if person.blocked == blocked:
            return None
        person.blocked = blocked
        gone = {"user": self._world.bot(), "status": "kicked", "until_date": 0}
        there = {"user": self._world.bot(), "status": "member"}
        content: Content = {
            "chat": person.as_chat(),
            "from": person.as_user(),
            "date": int(self._world.clock.now()),
            "old_chat_member": there if blocked else gone,
            "new_chat_member": gone if blocked else there,
        }
        if order.get("silent"):
            return None
        return self._world.happen("my_chat_member", person, content)

    def _message(self, person: Person, via: str, content: Content) -> Update | None:
        message = self._world.message(person, person.as_user(), content)
        self._world.write(person, "person", via, [message])
        return self._world.happen("message", person, message)

    def _known(self, number: int) -> Person:
        if number not in self._world.people:
            raise ValueError(f"nobody has the ID {number}")
        return self._world.people[number]

    def _writing(self, number: int) -> Person:
        """Who writes has started the bot, and cannot have blocked it: the programs say so."""
        person = self._world.meet(number)
        if person.blocked or person.deactivated:
            raise ValueError("blocked the bot, or is gone; unblock or follow comes first")
        person.started = True
        return person


def _is_meant(button: Content, order: Order) -> bool:
    if "callback_data" not in button:
        return False
    if "data" in order:
        return bool(button["callback_data"] == order["data"])
    return bool(button["text"] == order["label"])
