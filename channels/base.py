"""The contract that every channel keeps.

A channel knows one provider and nothing of the database: it verifies and parses what comes
in, and hands messages to its provider, saying of each recipient what the provider answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from domain.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message or request of this channel may hold.

    `text_units` counts UTF-16 code units; `recipients` is the largest chunk that one
    lease may hold; `buttons` is 0 where the channel shows none (numbers are printed anyway).
    `slots` is how many chunks one worker sends at the same time, and `reply_slots` how many
    answers.  `keyed` says that a chunk goes
    out as one request which the provider knows by its key: such a chunk keeps its members until
    the provider has answered, and asking again under the same key doubles nothing.
    """

    text_units: int
    buttons: int
    pictures: int
    recipients: int
    slots: int = 1
    keyed: bool = False
    reply_slots: int = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """One image, already re-encoded and stripped of metadata (see domain.images).

    `url` and `preview_url` are where the provider may fetch it and its small JPEG.
    """

    sha256: str
    media_type: str
    width: int
    height: int
    data: bytes
    preview: bytes
    url: str = ""
    preview_url: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """One tap: what it says, and the opaque token that comes back; or the page it opens.

    A `lasting` one works at any later time (a card), others only until the next question. With
    a `url` it opens that page and sends nothing back; the text names the address as well.
    """

    label: str
    token: str = ""
    lasting: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One bubble of a conversation, already in the reader's language."""

    text: str
    buttons: tuple[Button, ...] = ()
    pictures: tuple[Picture, ...] = ()
    subject: str = ""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """An inbound HTTP request as it came: the signature covers `body` byte for byte.

    `headers` is to be read without regard to case; `account` is the last part of the webhook's
    path, empty for the channel's first account.
    """

    headers: Mapping[str, str]
    body: bytes
    account: str = ""


Kind = Literal[
    "text",
    "button",
    "picture",
    "other",
    "follow",
    "unfollow",
    "link",
    "moved",
    "leave",
    "unserved",
    "unknown",
]
"""What came in.

`other` is a sticker, a voice, whatever a person sent that is no text.  `follow` and `unfollow`
say that somebody opened, blocked or unblocked the conversation; `link` that the provider
confirmed an account link (`token` is the nonce, `text` "ok" or "failed"); `moved` that a chat got
a new address (`text`); `leave` carries a sealed token from a link.  `unserved` is a known event
that we have no use for, such as one from a group: it is counted and not stored.  `unknown` is an
event that we do not understand: it is kept as it came (`raw`) for a person to look at.
"""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing a person did, in words that no provider owns.

    `event_id` is the provider's own ID of the event: the inbox is unique on it, so that a
    redelivered event changes nothing.  `sender` is the address to answer to.  `answer_token` is
    the provider's leave to answer this event at once and free; `media` its name for a picture
    that `Channel.fetch` gets.
    """

    channel: str
    account: str
    event_id: str
    sender: str
    kind: Kind
    at: datetime
    text: str = ""
    token: str = field(default="", repr=False)
    picture: bytes = field(default=b"", repr=False)
    media: str = ""
    answer_token: str = field(default="", repr=False)
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one person in answer to one thing they did (or of our own accord).

    `key` names this answer however often it is tried, so that a provider that knows keys takes
    it once.  `token` is an `Incoming.answer_token` that is still fresh, else empty.  `mail_form` is
    one of domain.content.MAIL_FORMS.
    """

    account: str
    address: str = field(repr=False)
    messages: tuple[Message, ...] = field(repr=False)
    key: UUID
    token: str = field(default="", repr=False)
    mail_form: str = ""


class Recipient(NamedTuple):
    """One line of a chunk: the delivery it settles and the personal parts of its message."""

    delivery_id: int
    address: str
    message_id: str
    page_url: str
    leave_url: str
    leave_mail: str = ""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is the same for everyone in a chunk: one rendering of one broadcast.

    `headline_only` is the board's privacy in chat: the text is read on the page.  `page_url` is
    the broadcast's own page, the same for all; `open_token` is the button 本文を見る, answered
    with the presser's personal page.

    `lead` stands above the text: what this corrects or replaces.  `confirm_token` is the button
    確認しました, the same for all because the provider says who pressed it, and `how_to_confirm`
    the words beneath the text that ask for it; both are empty where nobody is asked.
    `signature` ends every copy: whose it is, and where anybody can ask whether that is true.
    `mail_form` is one of domain.content.MAIL_FORMS.
    """

    board: str
    sender_name: str
    list_id: str
    subject: str
    text: str
    language: str
    pictures: tuple[Picture, ...] = ()
    ordinary: bool = True
    date: datetime | None = None
    headline_only: bool = False
    page_url: str = ""
    open_token: str = ""
    lead: str = ""
    confirm_token: str = ""
    how_to_confirm: str = ""
    signature: str = ""
    mail_form: str = ""


@dataclass(frozen=True, slots=True)
class SendChunk:
    """A leased chunk, ready to send: one channel, one account, one lane, one rendering.

    `key` names the chunk with its members, however often it is tried.  An `urgent` one goes before
    all that is not, in every lane.
    """

    chunk_id: int
    account: str
    lane: str
    bulk: Bulk
    recipients: tuple[Recipient, ...] = field(repr=False)
    key: UUID
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """What a provider lets one account send in this month; `limit` None is without end."""

    limit: int | None
    used: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a provider sends what comes in, as it says itself; `url` is empty for nowhere.

    `pending` counts what waits there for us, `error` is what went wrong last, at `error_at`.
    """

    url: str = ""
    active: bool = True
    pending: int = 0
    error: str = ""
    error_at: datetime | None = None


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


class GatheredLog(SendLog, Protocol):
    """A log that also writes down at once what happens on several connections at once."""

    def intents(self, delivery_ids: Sequence[int]) -> None: ...

    def outcomes(self, told: Sequence[tuple[int, Outcome]]) -> None: ...


class Channel(Protocol):
    """One provider.  Every method is safe to call from several threads at once."""

    name: str
    limits: Limits

    @property
    def accounts(self) -> Sequence[str]:
        """The names of its accounts; the first is the one meant where none is named."""

    def verify(self, request: RawRequest) -> bool:
        """Whether the provider really sent this request, in constant time."""

    def parse(self, request: RawRequest) -> Sequence[Incoming]:
        """The events in a verified request; whatever the body is, nothing is raised."""

    def acknowledge(self, request: RawRequest) -> bytes:
        """The JSON body of the 200 that tells the provider that a request is stored."""

    def reply(self, answer: Answer) -> Outcome:
        """Answer one person within a conversation."""

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Hand a chunk to the provider, telling `log` of every intent and outcome."""

    def fetch(self, account: str, media: str) -> bytes | Outcome:
        """Get a picture that a person sent; Refused if it is gone for good."""

    def link(self, account: str, text: str) -> str | None:
        """An address that opens our conversation with `text` ready to be sent, if there is one."""

    def close(self) -> None:
        """Give back connections and threads."""


@dataclass(frozen=True, slots=True)
class LaneState:
    """One destination of mail, as this process or the ledger last knew it.

    `site` is a lane of domain/lanes.toml or the name of the mail exchangers that some domains
    share (behind a relay, the relay), `egress` the address of ours that it is sent from, empty for
    any.  `rate` is messages a second, None where nothing limits them, and `measured` how many it
    really took lately while there was enough to send.  `share` and `baseline` are parts of 1: how
    many of the last recipients it called unknown, and how many are usual.
    """

    account: str
    site: str
    egress: str
    rate: float | None
    connections: int
    measured: float | None = None
    baseline: float = 0.0
    share: float = 0.0
    stopped: bool = False


@runtime_checkable
class Laned(Protocol):
    """A channel that paces each destination by itself, and sends many chunks without threads.

    `start` returns as soon as the chunk is taken over; `done` is called once, on any thread, when
    nothing of it is on its way any more, with the exception that ended it or None.
    """

    def start(
        self, chunk: SendChunk, log: GatheredLog, done: Callable[[BaseException | None], None]
    ) -> None: ...

    def lanes(self) -> Sequence[LaneState]:
        """Every destination that this process has sent to."""

    def set_lanes(self, known: Sequence[LaneState]) -> None:
        """Take over what the ledger knows: paces at the start, and lanes stopped or let go on."""


@runtime_checkable
class Metered(Protocol):
    """A channel whose provider counts what is sent in a month."""

    def quota(self, account: str) -> Quota | None:
        """Ask the provider; None if it does not answer."""


@runtime_checkable
class Rationed(Protocol):
    """A channel whose leave to answer is free where other messages count, and holds only so much.

    What waits for quota comes along with an answer, as far as it fits.
    """

    def fits(self, messages: Sequence[Message]) -> bool:
        """Whether one `Answer.token` suffices for all of these."""


@runtime_checkable
class Webhooked(Protocol):
    """A channel whose provider calls our /webhooks/<name>; no other channel has such a page."""

    def webhook(self, account: str) -> Webhook | Outcome:
        """Ask the provider where it sends to."""

    def read_again(self, account: str, raw: bytes) -> Incoming:
        """Read once more what an earlier version kept as `unknown`; nothing is raised."""


@runtime_checkable
class AccountLinking(Protocol):
    """A channel whose provider proves that a browser and an address are one person's."""

    def account_link(self, account: str, address: str, nonce: str) -> str | Outcome:
        """Where to send the browser; the proof comes back as an Incoming of kind `link`."""


@runtime_checkable
class Menus(Protocol):
    """A channel that shows each person a menu of their own.  `menu` is a domain.menus.Menu."""

    def show_menu(self, account: str, addresses: Sequence[str], menu: str) -> Outcome:
        """Show these people the menu of that name, instead of the one they saw."""
