"""Chunks, pictures, and a log that sees to it that a channel keeps the order it promised."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from uuid import UUID, uuid4

from PIL import Image

from channels.base import Bulk, Channel, Picture, Recipient, SendChunk
from domain.outcomes import Accepted, Outcome, Split, Unknown
from tests.channels.contract.rig import PUBLIC_URL

BULK = Bulk(
    board="越谷市教育委員会",
    sender_name="第一小学校",
    list_id="school-1.renraku.example.jp",
    subject="遠足の延期",
    text="明日の遠足は延期します。",
    language="ja",
    page_url=f"{PUBLIC_URL}/m/everyone",
    open_token="open-token",
)


class LeaseLost(Exception):
    """Somebody else sends this chunk now."""


@dataclass
class Log:
    """A send log that checks what the contract says of it.

    There is one outcome each.  Where a provider has the message, or may have it, the intent came
    before; nothing is intended once `stop_after` outcomes are there.  With `lost` every intent is
    refused.
    """

    provider: bool = True
    stop_after: int | None = None
    lost: bool = False
    intents: list[int] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def intent(self, delivery_id: int) -> None:
        if self.lost:
            raise LeaseLost
        assert delivery_id not in self.intents
        assert not self.stopping()
        self.intents.append(delivery_id)

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        assert delivery_id not in self.outcomes
        if self.provider and isinstance(outcome, Accepted | Unknown):
            assert delivery_id in self.intents
        self.outcomes[delivery_id] = outcome

    def stopping(self) -> bool:
        return self.stop_after is not None and len(self.outcomes) >= self.stop_after


def chunk(channel: Channel, addresses: Sequence[str], bulk: Bulk = BULK) -> SendChunk:
    """A chunk for these people; delivery IDs count from 1."""
    recipients = tuple(
        Recipient(
            delivery_id=number,
            address=address,
            message_id=f"{number}.{uuid4().hex}@renraku.example.jp",
            page_url=f"{PUBLIC_URL}/m/page-of-{number}",
            leave_url=f"{PUBLIC_URL}/u/leave-{number}",
        )
        for number, address in enumerate(addresses, 1)
    )
    return SendChunk(1, channel.accounts[0], "lane", bulk, recipients, uuid4())


def hand_over(channel: Channel, work: SendChunk) -> dict[int, Outcome]:
    """Send a chunk once, and say what came of each."""
    log = Log()
    channel.send(work, log)
    return log.outcomes


def settle(channel: Channel, work: SendChunk) -> dict[int, Outcome]:
    """Send a chunk as the ledger does: what is to be split goes on apart, under new keys."""
    outcomes = hand_over(channel, work)
    parts: dict[int, list[Recipient]] = {}
    for one in work.recipients:
        outcome = outcomes[one.delivery_id]
        if isinstance(outcome, Split):
            parts.setdefault(outcome.part, []).append(one)
    for part, members in sorted(parts.items()):
        key = UUID(int=work.key.int ^ (part + 1))
        outcomes |= settle(channel, replace(work, recipients=tuple(members), key=key))
    return outcomes


def doubtful(channel: Channel, outcomes: dict[int, Outcome]) -> int:
    """How many the ledger would count as perhaps sent twice when they are asked for again."""
    kinds = Counter(type(outcome) for outcome in outcomes.values())
    return 0 if channel.limits.keyed else kinds[Unknown]


def photo(colour: str = "red", size: tuple[int, int] = (320, 240)) -> bytes:
    """A picture as a telephone would send it."""
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def picture(colour: str) -> Picture:
    """A picture of a broadcast, and where the provider could fetch it."""
    data = photo(colour)
    digest = hashlib.sha256(data).hexdigest()
    url = f"{PUBLIC_URL}/pictures/{colour}"
    return Picture(digest, "image/jpeg", 320, 240, data, data, url, f"{url}-small")
