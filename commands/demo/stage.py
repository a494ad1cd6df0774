"""What the demo's processes share: who holds which phone, and where the stand-in listens."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from actions import previews, reports
from commands.demo.mailbox import Mailbox
from storage import broadcasts
from storage.database import Database, Transaction
from storage.tables import Broadcast
from web.services import Counts, Progress


@dataclass(frozen=True, slots=True)
class Stage:
    """Written by the demo command, read by the demo's web server.

    `phones` holds each person's address by channel, `outside` the ports of the stand-ins (the
    provider's own and the control page's).
    """

    phones: dict[str, dict[str, str]]
    plays_on: dict[str, str]
    school_id: str
    mails_to: dict[str, str]
    mail_control_port: int
    outside: dict[str, tuple[int, int]]

    @classmethod
    def load(cls, path: Path) -> Stage:
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    def mailbox(self) -> Mailbox:
        return Mailbox(self.mail_control_port)


def last_progress(database: Database, board_id: int) -> Progress | None:
    """How the newest broadcast that began to go out stands now."""
    with database.reading() as tx:
        started = (row for row in broadcasts.newest(tx, board_id) if row.frozen_at)
        newest = next(started, None)
        return progress_of(tx, newest) if newest else None


def progress_of(tx: Transaction, row: Broadcast) -> Progress:
    """How one broadcast stands now."""
    report = reports.report(tx, row.id)
    return Progress(
        subject=row.subject,
        school=previews.sender_name(tx, row),
        families=report.families.total,
        not_reached=report.families.not_reached,
        channels={
            name: Counts(c.recipients, c.accepted, c.refused, c.unknown, c.waiting)
            for name, c in report.channels.items()
        },
        finished=row.finished_at is not None,
    )
