"""What the Telegram stand-in knows: people, their chats, messages, updates and callbacks."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from standins.telegram_clock import Clock
from standins.telegram_faults import Fault
from standins.telegram_files import Files
from standins.telegram_limits import Limits
from standins.telegram_rules import CALLBACK_SECONDS, DEFAULT_UPDATES

# Kept at most 24 hours (core.telegram.org/bots/api#getting-updates); a press only 150 seconds
# (tdlib/telegram-bot-api, Client::process_new_callback_query_queue).
UPDATE_SECONDS = 86_400.0
CALLBACK_UPDATE_SECONDS = 150.0
_MIGRATED = -1_000_000_000_000

Content = dict[str, Any]


@dataclass(slots=True)
class Person:
    """One chat with the bot: a person's, or (with a negative ID) a group's."""

    id: int
    started: bool = True
    blocked: bool = False
    deactivated: bool = False
    migrated_to: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    messages: dict[int, Content] = field(default_factory=dict)

    def as_chat(self) -> Content:
        """As core.telegram.org/bots/api#chat."""
        if self.id > 0:
            return {"id": self.id, "type": "private", "first_name": f"Person {self.id}"}
        kind = "supergroup" if self.id < _MIGRATED else "group"
        return {"id": self.id, "type": kind, "title": f"Group {-self.id}"}

    def as_user(self) -> Content:
        """As core.telegram.org/bots/api#user; of a group, one of its members."""
        number = abs(self.id)
        name = f"Person {number}"
        return {"id": number, "is_bot": False, "first_name": name, "language_code": "ja"}


@dataclass(slots=True)
class Update:
    """One update that the bot has not confirmed yet."""

    id: int
    kind: str
    chat: int
    expires: float
    content: Content

    def body(self) -> Content:
        """As core.telegram.org/bots/api#update."""
        return {"update_id": self.id, self.kind: self.content}


@dataclass(slots=True)
class Callback:
    """A press that waits for its answer."""

    id: str
    person: Person
    asked: float
    answered: bool = False
    when_answered: list[Callable[[], None]] = field(default_factory=list)


@dataclass(slots=True)
class Webhook:
    """What setWebhook set."""

    url: str = ""
    secret: str = ""
    max_connections: int = 40
    last_error: str = ""
    last_error_at: float = 0.0


class World:
    """All of one bot's world."""

    def __init__(self, token: str, username: str, rate: float, chat_burst: int) -> None:
        self.token, self.username = token, username
        self.clock, self.files = Clock(), Files()
        self.limits = Limits(self.clock.now, rate, chat_burst)
        # Never begun again, so that no update of before a reset is taken for one of after it.
        self.numbers = count(100_000_001)
        self._ids = count(5_000_000_001)
        self.when_updated: Callable[[Update], None] | None = None
        self.clear()

    def clear(self) -> None:
        """Forget everything but the token."""
        self.people: dict[int, Person] = {}
        self.pending: OrderedDict[int, Update] = OrderedDict()
        self.callbacks: dict[str, Callback] = {}
        self.webhook = Webhook()
        self.allowed = DEFAULT_UPDATES
        self.faults: list[Fault] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self.counts: Counter[str] = Counter()
        self.commands: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.descriptions: dict[tuple[str, str], str] = {}
        self.files.clear()
        self.limits.clear()

    def bot(self) -> Content:
        """The bot itself as core.telegram.org/bots/api#user."""
        number = int(self.token.partition(":")[0]) if self.token[:1].isdigit() else 1
        name = self.username
        return {"id": number, "is_bot": True, "first_name": name, "username": name}

    def meet(self, chat: int, *, started: bool = True) -> Person:
        """The person, who is made if nobody has this ID."""
        if chat not in self.people:
            self.people[chat] = Person(chat, started)
        return self.people[chat]

    def meet_new(self) -> Person:
        """Somebody with an ID that nobody has."""
        return self.meet(next(number for number in self._ids if number not in self.people))

    def message(self, person: Person, sender: Content, content: Content) -> Content:
        """Put a message into a chat; it gets its ID and its time."""
        message: Content = {
            "message_id": next(self.numbers),
            "from": sender,
            "chat": person.as_chat(),
            "date": int(self.clock.now()),
            **content,
        }
        person.messages[message["message_id"]] = message
        return message

    def write(self, person: Person, sender: str, via: str, messages: list[Content]) -> None:
        """Note what a chat shows, for whoever draws it."""
        person.entries.append(
            {
                "sequence": len(person.entries) + 1,
                "at": datetime.fromtimestamp(self.clock.now(), UTC).isoformat(),
                "from": sender,
                "via": via,
                "messages": messages,
            }
        )

    def happen(self, kind: str, person: Person, content: Content) -> Update | None:
        """Make an update; None when the bot does not want this kind."""
        if kind not in self.allowed:
            return None
        life = CALLBACK_UPDATE_SECONDS if kind == "callback_query" else UPDATE_SECONDS
        expires = self.clock.now() + life
        update = Update(next(self.numbers), kind, person.id, expires, content)
        self.pending[update.id] = update
        if self.when_updated:
            self.when_updated(update)
        return update

    def forget_expired(self) -> None:
        """Drop the updates that waited for too long."""
        now = self.clock.now()
        for update in [u for u in self.pending.values() if u.expires <= now]:
            del self.pending[update.id]
            self.counts["expired"] += 1

    def ask(self, person: Person) -> Callback:
        """A new press."""
        number = (person.id << 32) + next(self.numbers)
        callback = Callback(str(number), person, self.clock.now())
        self.callbacks[callback.id] = callback
        return callback

    def answerable(self, number: str) -> Callback | None:
        """The press of this ID if it may still be answered."""
        callback = self.callbacks.get(number)
        if callback is None or self.clock.now() - callback.asked > CALLBACK_SECONDS:
            return None
        return callback
