"""The contract that every channel keeps.

A channel knows one provider and nothing of the database: it verifies and parses what comes
in, and hands messages to its provider, saying of each recipient what the provider answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from domain.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message or request of this channel may hold.

    `text_units` counts UTF-16 code units; `recipients` is the largest chunk that one
    lease may hold; `buttons` is 0 where the channel shows none (numbers are printed anyway).
    """

    text_units: int
    buttons: int
    pictures: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One image, already re-encoded and stripped of metadata (see domain.images)."""

    sha256: str
    media_type: str
    width: int
    height: int
    data: bytes
    preview: bytes


@dataclass(frozen=True, slots=True)
class Button:
    """One tap: what it says, and the opaque token that comes back."""

    label: str
    token: str


@dataclass(frozen=True, slots=True)
class Message:
    """One bubble of a conversation, already in the reader's language."""

    text: str
    buttons: tuple[Button, ...] = ()
    pictures: tuple[Picture, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An inbound HTTP request as it came: the signature covers `body` byte for byte."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing a person did, in words that no provider owns.

    `event_id` is the provider's own ID of the event: the inbox is unique on it, so that a
    redelivered event changes nothing.  `sender` is the address to answer to.
    """

    channel: str
    account: str
    event_id: str
    sender: str
    kind: Literal["text", "button", "picture", "leave", "other"]
    at: datetime
    text: str = ""
    token: str = ""
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One line of a chunk: the delivery it settles and the personal parts of its message."""

    delivery_id: int
    address: str
    message_id: str
    page_url: str
    leave_url: str
    leave_mail: str = ""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is the same for everyone in a chunk: one rendering of one broadcast."""

    board: str
    sender_name: str
    list_id: str
    subject: str
    text: str
    language: str
    pictures: tuple[Picture, ...] = ()
    ordinary: bool = True
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class SendChunk:
    """A leased chunk, ready to send: one channel, one account, one lane, one rendering."""

    chunk_id: int
    account: str
    lane: str
    bulk: Bulk
    recipients: tuple[Recipient, ...] = field(repr=False)


class SendLog(Protocol):
    """Where a channel writes down what it is about to do and what came of it.

    `intent` is called before the point after which the provider may have the message, and
    `outcome` as soon as the answer is known, on the same thread and before anything else is
    asked on that connection: so a killed process leaves at most one intent without an
    outcome per open connection.  `intent` may raise where nothing may be sent any more (the
    lease is lost, the journal cannot be written): a channel lets that pass.  When `stopping` is
    true the channel returns early; a recipient without outcome stays waiting.
    """

    def intent(self, delivery_id: int) -> None: ...

    def outcome(self, delivery_id: int, outcome: Outcome) -> None: ...

    def stopping(self) -> bool: ...


class Channel(Protocol):
    """One provider.  Every method is safe to call from several threads at once."""

    name: str
    limits: Limits

    def verify(self, request: RawRequest) -> bool:
        """Whether the provider really sent this request, in constant time."""

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        """The events in a verified request; unknown ones come out as kind `other`."""

    def reply(self, account: str, address: str, messages: Sequence[Message]) -> Outcome:
        """Answer one person within a conversation."""

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Hand a chunk to the provider, telling `log` of every intent and outcome."""

    def close(self) -> None:
        """Give back connections and threads."""
