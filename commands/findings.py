"""What `doctor` found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_TITLES = {"email": "mail", "line": "LINE", "telegram": "Telegram", "webchat": "web chat"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `wrong` makes `doctor` exit with 1.  `publish` is the record
    that the DNS lacks, word for word.
    """

    check: str
    wrong: bool
    words: str
    publish: str = ""

    @property
    def mark(self) -> str:
        return "✗" if self.wrong else "✓"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def title(channel: str) -> str:
    """What a channel is called before people."""
    return _TITLES.get(channel, channel)
