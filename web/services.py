"""What the composition root hands to the web: everything the pages need, nothing global."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from channels.base import Channel
from storage.database import Database


@dataclass(frozen=True, slots=True)
class MailSeen:
    """One mail as the SMTP stand-in received it (demo only); pictures are data URLs."""

    sequence: int
    to: str
    subject: str
    date: str
    text: str
    pictures: tuple[str, ...] = ()


class DemoPhone(Protocol):
    """One person's phone with another provider's app on it, at its stand-in (demo only)."""

    def entries(self) -> list[dict[str, Any]]:
        """The newest entries of the conversation, oldest first, as web chat's are."""

    def says(self, text: str) -> None:
        """Type a line and send it."""

    def presses(self, token: str, label: str) -> None:
        """Press a button; `label` is what stands on it."""

    def sends_picture(self, picture: bytes) -> None:
        """Send a photo."""

    def file(self, name: str) -> tuple[bytes, str] | None:
        """A picture of the conversation and its media type; None if there is none."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How one channel stands in a broadcast."""

    recipients: int
    accepted: int
    refused: int
    unknown: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The last broadcast, counted while it goes out (demo only)."""

    subject: str
    school: str
    families: int
    not_reached: int
    channels: Mapping[str, Counts]
    finished: bool


@dataclass(frozen=True, slots=True)
class Services:
    """What `create_web` works with.

    `inbox(after)` gives the mails whose sequence is above `after`, oldest first; `progress()`
    the last broadcast. `demo_phones` maps a phone's name to the web chat address it has,
    `demo_looks` to its other apps by channel, `demo_mail` to what gives the newest mails of its
    person, newest first, and `demo_shows` to the channel it shows at first. In `metrics_dir` the
    processes count together, where several run. `link(channel, text)` is an address that opens a
    conversation with this text, and never asks anybody; `link_origins` are where providers have
    their pages that link accounts. `mail_from` is the address that mail comes from, empty while it
    is off.
    """

    database: Database
    channels: Mapping[str, Channel]
    public_url: str
    board_id: int
    secret: bytes = field(repr=False)
    metrics_token: str = field(default="", repr=False)
    metrics_dir: Path | None = None
    trusted_proxies: int = 0
    mail_from: str = ""
    link: Callable[[str, str], str | None] = lambda _channel, _text: None
    link_origins: Sequence[str] = ("https://access.line.me",)
    demo: bool = False
    demo_phones: Mapping[str, str] = field(default_factory=dict, repr=False)
    demo_looks: Mapping[str, Mapping[str, DemoPhone]] = field(default_factory=dict, repr=False)
    demo_mail: Mapping[str, Callable[[], Sequence[MailSeen]]] = field(default_factory=dict)
    demo_shows: Mapping[str, str] = field(default_factory=dict)
    demo_mail_address: str = ""
    demo_school_id: str = ""
    inbox: Callable[[int], Sequence[MailSeen]] | None = None
    progress: Callable[[], Progress | None] | None = None

    @property
    def https(self) -> bool:
        """Whether browsers reach us over https.

        The demo's https name is known to the stand-ins only: its visitors are on this machine.
        """
        return self.public_url.startswith("https://") and not self.demo
