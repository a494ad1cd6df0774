"""The SMTP stand-in from outside: what it received, over its control port."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from zoneinfo import ZoneInfo

from web.services import MailSeen

TOKYO = ZoneInfo("Asia/Tokyo")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """All mail that reached the stand-in."""

    control_port: int

    def seen_after(self, sequence: int) -> list[MailSeen]:
        """The newest mails with a higher sequence, oldest first."""
        newest = self._get("/messages", limit="30")
        wanted = [one["sequence"] for one in newest if one["sequence"] > sequence]
        return [self._seen(number) for number in sorted(wanted)]

    def all_to(self, address: str) -> list[MailSeen]:
        """The newest mails to an address, newest first."""
        found = self._get("/messages", limit="30", to=address)
        numbers = sorted((one["sequence"] for one in found), reverse=True)
        return [self._seen(number) for number in numbers]

    def newest_to(self, address: str) -> MailSeen | None:
        found = self._get("/messages", limit="1", to=address)
        return self._seen(found[0]["sequence"]) if found else None

    def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = self._get("/stats")
        return stats

    def received(self) -> Counter[tuple[str, str]]:
        """How often each (recipient, Message-ID) arrived."""
        with self._open("/received") as answer:
            rows = [json.loads(line) for line in answer if line.strip()]
        return Counter({(row["recipient"], row["message_id"]): row["count"] for row in rows})

    def _seen(self, sequence: int) -> MailSeen:
        mail = self._get(f"/messages/{sequence}")
        return MailSeen(
            sequence=mail["sequence"],
            to=mail["to"],
            subject=mail["subject"],
            date=_clocked(mail["date"]),
            text=mail["text"],
            pictures=tuple(f"data:{one['type']};base64,{one['data']}" for one in mail["images"]),
        )

    def _get(self, path: str, **query: str) -> Any:
        with self._open(path, **query) as answer:
            return json.load(answer)

    def _open(self, path: str, **query: str) -> Any:
        search = f"?{urlencode(query)}" if query else ""
        url = f"http://127.0.0.1:{self.control_port}{path}{search}"
        return urlopen(url, timeout=10)


def _clocked(date: str) -> str:
    """A Date header as the school's clock says it; one that cannot be read is shown as it is."""
    try:
        return parsedate_to_datetime(date).astimezone(TOKYO).strftime("%m/%d %H:%M")
    except ValueError:
        return date
