"""What the LINE stand-in knows of one official account and of the people around it.

Every time comes from `Clock`, which tests move on.  Sources are sections of
https://developers.line.biz/en/reference/messaging-api/ unless another page is named.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from base64 import b64encode
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeGuard

from standins.line_checks import Refusal
from standins.line_messages import strings

RETRY_KEY_SECONDS = 24 * 60 * 60  # docs/messaging-api/retrying-api-request/
LINK_TOKEN_SECONDS = 10 * 60  # #issue-link-token
STATELESS_SECONDS = 15 * 60  # #issue-stateless-channel-access-token
REDELIVERED_SECONDS = 20 * 60  # #send-reply-message: the latest use after the event
_EVENTS_KEPT = 5_000
_JAPAN = timezone(timedelta(hours=9))
_PERSON = re.compile(r"U[0-9a-f]{32}")


class Clock:
    """The time of day in seconds since 1970, which can be moved on and stopped."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.stopped_at: float | None = None

    def now(self) -> float:
        return (time.time() if self.stopped_at is None else self.stopped_at) + self.ahead

    def month(self) -> str:
        """The month whose quota is used: Japanese accounts count by Japan's calendar."""
        return datetime.fromtimestamp(self.now(), _JAPAN).strftime("%Y-%m")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the account was started with; `quota` None means unlimited."""

    secret: str
    token: str
    webhook: str = ""
    channel_id: str = "1234567890"
    basic_id: str = "@renraku"
    quota: int | None = None
    reply_token_seconds: float = 60
    webhook_seconds: float = 2
    names: dict[str, str] = field(default_factory=dict)

    def mapped(self, url: str) -> str:
        """Where a public https name is found on loopback; other URLs as they are."""
        for name, target in self.names.items():
            if url == name or url.startswith(name + "/"):
                return target + url[len(name) :]
        return url


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing said in a chat; a request's entry is shared by all who got it.

    `raw` is JSON with `messages`; it is read only when somebody asks.
    """

    sequence: int
    at: float
    speaker: str
    via: str
    raw: bytes
    arrived: float = 0.0

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(json.loads(self.raw)["messages"])

    def text(self) -> str:
        """Every string in it, one a line."""
        return "\n".join(strings(self.messages))


@dataclass(slots=True)
class Person:
    """Somebody with LINE.

    Where there is `heard` (a crowd's people while they talk), it is told what the bot says, and
    nothing is kept of that.
    """

    id: str
    friend: bool = True
    blocked: bool = False
    menu: str = ""
    chat: list[Entry] = field(default_factory=list)
    heard: Callable[[Entry], None] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """One accepted request: everybody that it named, and who of them it did not reach."""

    entry: Entry
    recipients: tuple[str, ...]
    dropped: frozenset[str]


@dataclass(slots=True)
class ReplyToken:
    """Leave to answer one event (#send-reply-message); gone when it has been used."""

    person: str
    event_at: float
    expires: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is remembered of a request that had a retry key."""

    expires: float
    request_id: str
    more: dict[str, Any]


class Account:
    """The state; its methods are the rules that several endpoints share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.webhook = settings.webhook
        self.user_id = "U" + secrets.token_hex(16)
        self.clear()

    def clear(self) -> None:
        """Forget everything but the settings."""
        self.clock.ahead, self.clock.stopped_at = 0.0, None
        self.webhook = self.settings.webhook
        self.quota = self.settings.quota
        self.refuses_unknown = False
        self.people: dict[str, Person] = {}
        self.sent: list[Sent] = []
        self.sequence = 0
        self.used: Counter[str] = Counter()
        self.reply_tokens: dict[str, ReplyToken] = {}
        self.accepted: dict[str, Accepted] = {}
        self.stateless: dict[str, float] = {}
        self.link_tokens: dict[str, tuple[str, float]] = {}
        self.contents: dict[str, bytes | None] = {}
        self.events: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.named = self.dropped = 0
        self._message_id = 461230966842064896

    def add(self, person_id: str) -> Person:
        """A friend; whoever is known stays as they are."""
        if not well_formed(person_id):
            raise ValueError("a LINE user ID is U and 32 hexadecimal digits")
        return self.people.setdefault(person_id, Person(person_id))

    def next_message_id(self) -> str:
        """Message IDs exceed 2^53 and are therefore strings."""
        self._message_id += 1
        return str(self._message_id)

    def note(self, person: Person, via: str, messages: Sequence[dict[str, Any]]) -> None:
        """What a person did, in their own chat."""
        raw = json.dumps({"messages": messages}).encode()
        person.chat.append(self._entry("person", via, raw, 0.0))

    def _entry(self, speaker: str, via: str, raw: bytes, arrived: float) -> Entry:
        self.sequence += 1
        return Entry(self.sequence, self.clock.now(), speaker, via, raw, arrived)

    def deliver(self, via: str, raw: bytes, to: Sequence[str], arrived: float) -> None:
        """Accept a request: who is no friend, or has blocked, is left out without a word.

        #send-multicast-message and #send-push-message: the status is 200 all the same.
        """
        entry = self._entry("bot", via, raw, arrived)
        reached = [person for person in map(self.people.get, to) if person and can_get(person)]
        ids = {person.id for person in reached}
        dropped = frozenset(name for name in to if name not in ids)
        if not any(person.heard for person in reached):
            self.sent.append(Sent(entry, tuple(to), dropped))
        self.named += len(to)
        self.dropped += len(to) - len(reached)
        if via != "reply":
            self.used[self.clock.month()] += len(reached)
        for person in reached:
            if person.heard:
                person.heard(entry)
            else:
                person.chat.append(entry)

    def refuse_beyond_quota(self, to: Sequence[str]) -> None:
        """#get-quota: people reached count, replies do not; the month's limit is one of all."""
        if self.quota is None:
            return
        reached = sum(1 for name in to if name in self.people and can_get(self.people[name]))
        if reached and self.used[self.clock.month()] + reached > self.quota:
            raise Refusal(429, "You have reached your monthly limit.")

    def new_reply_token(self, person: str, event_at: float) -> str:
        token, now = secrets.token_hex(16), self.clock.now()
        while self.reply_tokens:
            oldest = next(iter(self.reply_tokens))
            if self.reply_tokens[oldest].event_at + REDELIVERED_SECONDS >= now:
                break
            del self.reply_tokens[oldest]
        expires = now + self.settings.reply_token_seconds
        self.reply_tokens[token] = ReplyToken(person, event_at, expires)
        return token

    def renew_reply_token(self, token: str) -> None:
        """#send-reply-message: another minute, unless used or 20 minutes past the event."""
        known = self.reply_tokens.get(token)
        if known:
            later = self.clock.now() + self.settings.reply_token_seconds
            known.expires = min(later, known.event_at + REDELIVERED_SECONDS)

    def use_reply_token(self, token: object) -> str:
        """Whom a token answers; each can be used once, and within its time."""
        known = self.reply_tokens.get(token) if isinstance(token, str) else None
        if known is None or known.expires < self.clock.now():
            raise Refusal(400, "Invalid reply token")
        del self.reply_tokens[str(token)]
        return known.person

    def remember_event(self, event: dict[str, Any]) -> None:
        """Keep the newest events, so that they can be delivered again."""
        self.events[event["webhookEventId"]] = event
        while len(self.events) > _EVENTS_KEPT:
            self.events.popitem(last=False)

    def allows(self, token: str) -> bool:
        """#channel-access-token: the long-lived token, or a stateless one in its 15 minutes."""
        if secrets.compare_digest(token.encode(), self.settings.token.encode()):
            return True
        return self.stateless.get(token, 0.0) > self.clock.now()

    def received(self, contains: str) -> Iterator[tuple[str, int, int]]:
        """Each recipient of accepted requests with a text: how often named, how often dropped."""
        counts: Counter[str] = Counter()
        dropped: Counter[str] = Counter()
        for sent in [sent for sent in self.sent if not contains or contains in sent.entry.text()]:
            counts.update(sent.recipients)
            dropped.update(name for name in sent.recipients if name in sent.dropped)
        return ((name, count, dropped[name]) for name, count in counts.items())


def can_get(person: Person) -> bool:
    """Whether a message would reach this person."""
    return person.friend and not person.blocked


def well_formed(person_id: object) -> TypeGuard[str]:
    """#request-body ("destination"): a user ID matches U[0-9a-f]{32}."""
    return isinstance(person_id, str) and _PERSON.fullmatch(person_id) is not None


def quote_token() -> str:
    return b64encode(secrets.token_bytes(24)).decode()


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
