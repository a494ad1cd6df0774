"""What the SMTP stand-in received: counts of everything, and the newest messages whole."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

_MESSAGE_ID = re.compile(rb"(?im)^message-id:\s*<([^>\r\n]*)>")


@dataclass(frozen=True, slots=True)
class Entry:
    """One message as it came; its recipients are dequoted, with the domain in lower case."""

    sequence: int
    received_at: float
    mail_from: str
    recipients: tuple[str, ...]
    message_id: str


class Mailbox:
    """All that came in.

    Whole messages are kept in memory up to `messages` and `size` bytes, and on disk without
    limit if `store` names a directory.
    """

    def __init__(
        self, store: Path | None = None, messages: int = 2_000, size: int = 128 * 1024 * 1024
    ) -> None:
        self._messages, self._size = messages, size
        self._file = _opened(store) if store else None
        self.clear()

    def clear(self) -> None:
        """Forget everything; sequences begin again."""
        self.entries: list[Entry] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.doubles = 0
        self._recent: OrderedDict[int, bytes] = OrderedDict()
        self._recent_size = 0
        self._places: list[tuple[int, int]] = []
        if self._file:
            self._file.truncate(0)
            self._file.seek(0)

    def add(self, mail_from: str, recipients: tuple[str, ...], raw: bytes) -> int:
        """Count a message for each recipient, and keep it."""
        found = _MESSAGE_ID.search(raw, 0, raw.find(b"\r\n\r\n") + 2)
        message_id = found[1].decode("ascii", "replace") if found else ""
        for recipient in recipients:
            pair = (recipient, message_id)
            self.doubles += pair in self.counts
            self.counts[pair] += 1
        sequence = len(self.entries) + 1
        self.entries.append(Entry(sequence, time.time(), mail_from, recipients, message_id))
        self._keep(sequence, raw)
        return sequence

    def _keep(self, sequence: int, raw: bytes) -> None:
        if self._file:
            self._places.append((self._file.tell(), len(raw)))
            self._file.write(raw)
        self._recent[sequence] = raw
        self._recent_size += len(raw)
        while len(self._recent) > self._messages or self._recent_size > self._size:
            self._recent_size -= len(self._recent.popitem(last=False)[1])

    def raw(self, sequence: int) -> bytes | None:
        """A message as it came, if it is still there."""
        if sequence in self._recent or not self._file or not 0 < sequence <= len(self._places):
            return self._recent.get(sequence)
        start, length = self._places[sequence - 1]
        end = self._file.tell()
        self._file.seek(start)
        raw = self._file.read(length)
        self._file.seek(end)
        return raw

    def stats(self) -> dict[str, Any]:
        """The figures, with up to a thousand of the pairs that came more than once."""
        doubled = ([*pair, count] for pair, count in self.counts.items() if count > 1)
        return {
            "messages": len(self.entries),
            "recipients": len({recipient for recipient, _ in self.counts}),
            "doubles": self.doubles,
            "doubled": list(islice(doubled, 1000)) if self.doubles else [],
        }

    def newest(self, limit: int, to: str = "") -> list[dict[str, Any]]:
        """The newest messages first, as a list in a mail program shows them."""
        matching = (e for e in reversed(self.entries) if not to or to in e.recipients)
        return [self._summary(entry) for entry in islice(matching, limit)]

    def full(self, sequence: int) -> dict[str, Any] | None:
        """All of one message: its headers, its text, and its pictures in base64."""
        raw = self.raw(sequence)
        if raw is None:
            return None
        mail = _parsed(raw)
        return {
            **self._summary(self.entries[sequence - 1]),
            "headers": [[name, str(value)] for name, value in mail.items()],
            "images": [_image(part) for part in _images(mail)],
        }

    def _summary(self, entry: Entry) -> dict[str, Any]:
        envelope: dict[str, Any] = {
            "sequence": entry.sequence,
            "received_at": entry.received_at,
            "from": entry.mail_from,
            "to": list(entry.recipients),
            "message_id": entry.message_id,
        }
        raw = self.raw(entry.sequence)
        return envelope if raw is None else envelope | _contents(_parsed(raw))


def _opened(store: Path) -> BinaryIO:
    store.mkdir(parents=True, exist_ok=True)
    return (store / "messages").open("w+b")


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def _contents(mail: EmailMessage) -> dict[str, Any]:
    body = mail.get_body(("plain",))
    return {
        "subject": str(mail["Subject"] or ""),
        "date": str(mail["Date"] or ""),
        "text": str(body.get_content()).replace("\r\n", "\n") if body else "",
        "images": sum(1 for _ in _images(mail)),
    }


def _images(mail: EmailMessage) -> Iterator[EmailMessage]:
    return (part for part in mail.walk() if part.get_content_maintype() == "image")


def _image(part: EmailMessage) -> dict[str, str]:
    data = b64encode(part.get_content()).decode("ascii")
    return {"type": part.get_content_type(), "name": part.get_filename() or "", "data": data}
