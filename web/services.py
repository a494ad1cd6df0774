"""What the composition root hands to the web: everything the pages need, nothing global."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    the last broadcast. `demo_phones` maps a phone's name to the web chat address it has. In
    `metrics_dir` the processes count together, where several run.
    """

    database: Database
    channels: Mapping[str, Channel]
    public_url: str
    board_id: int
    secret: bytes = field(repr=False)
    metrics_token: str = field(default="", repr=False)
    metrics_dir: Path | None = None
    trusted_proxies: int = 0
    demo: bool = False
    demo_phones: Mapping[str, str] = field(default_factory=dict, repr=False)
    demo_school_id: str = ""
    inbox: Callable[[int], Sequence[MailSeen]] | None = None
    progress: Callable[[], Progress | None] | None = None

    @property
    def https(self) -> bool:
        return self.public_url.startswith("https://")
