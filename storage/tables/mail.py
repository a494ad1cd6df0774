"""What is known of mail's destinations: their pace, whom they refuse, whether we may send."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.columns import Id, Table, board_key, only


class Lane(Table):
    """One destination as the workers last saw it (channels.base.LaneState).

    `site` is a lane of domain/lanes.toml, or the name of the mail exchangers that some other
    domains share; `egress` the address of ours that it is sent from (empty: any).  `rate` is
    messages a second, empty where nothing limits them, `measured` how many really went.
    `baseline` is the share of unknown recipients that is usual there; since `stopped_at` nothing is
    sent there any more, because `share` was so much more than that.
    """

    __tablename__ = "lanes"
    channel: Mapped[str] = mapped_column(String(16), primary_key=True)
    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    site: Mapped[str] = mapped_column(String(255), primary_key=True)
    egress: Mapped[str] = mapped_column(String(64), primary_key=True)
    rate: Mapped[float | None]
    connections: Mapped[int]
    measured: Mapped[float | None]
    baseline: Mapped[float]
    share: Mapped[float]
    stopped_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]


class Suppression(Table):
    """A contact point that its carrier refuses, until something is accepted there again.

    `reason` is the outcome's (unknown_user, filtered, mailbox_full …), `days` on how many
    different days it was said, the last of them at `last_at`.  Since `suspended_at` nothing is sent
    there; only unknown_user comes to that.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        Index("ix_suppressions_suspended", "board_id", **only("suspended_at IS NOT NULL")),
    )
    contact_point_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact_points.id"), primary_key=True, autoincrement=False
    )
    board_id: Mapped[int] = board_key()
    reason: Mapped[str] = mapped_column(String(64))
    days: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    suspended_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]


class MailCheck(Table):
    """One of the checks that are made of the domain that mail is sent from.

    `basis` is a digest of the settings that it is about: with others it is another check.  Of those
    that are `current` mail waits for each: until it passed once (`passed_at`), or while somebody
    answers for it, until `accepted_until`, for a `reason`.  `result` is what was found at
    `checked_at`, in plain `words`; empty where it was never made.
    """

    __tablename__ = "mail_checks"
    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    basis: Mapped[str] = mapped_column(String(32), primary_key=True)
    current: Mapped[bool]
    result: Mapped[str] = mapped_column(String(16))
    words: Mapped[str] = mapped_column(Text())
    checked_at: Mapped[datetime | None]
    passed_at: Mapped[datetime | None]
    accepted_until: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Text(), default="", server_default="")

    @property
    def key(self) -> tuple[str, str, str]:
        return self.domain, self.name, self.basis
