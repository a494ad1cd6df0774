"""Chunks of mail, the channel that carries them to a stand-in, and a log of what it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from uuid import uuid4

from channels.base import Bulk, Recipient, SendChunk
from channels.email.channel import EmailChannel, MailWays
from channels.email.session import Timeouts
from domain.deliveries import message_id
from domain.outcomes import Outcome

FROM = "連絡網 <renraku@city.example.jp>"
BULK = Bulk("city", "第三小学校", "dai3.city.example.jp", "遠足の延期", "明日は延期です。", "ja")
QUICK = Timeouts(connect=2, command=2, answer=2, quit=1)


class Log:
    """A journal that remembers the order of things, and can say stop."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.lines: list[tuple[int, str]] = []
        self.outcomes_of: dict[int, Outcome] = {}
        self._stop_after = stop_after

    def intent(self, delivery_id: int) -> None:
        self.intents([delivery_id])

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        self.outcomes([(delivery_id, outcome)])

    def intents(self, delivery_ids: Sequence[int]) -> None:
        assert not self.outcomes_of.keys() & set(delivery_ids)
        self.lines += [(delivery_id, "intent") for delivery_id in delivery_ids]

    def outcomes(self, told: Sequence[tuple[int, Outcome]]) -> None:
        for delivery_id, outcome in told:
            assert delivery_id not in self.outcomes_of, "told twice"
            self.lines.append((delivery_id, type(outcome).__name__))
            self.outcomes_of[delivery_id] = outcome

    def stopping(self) -> bool:
        return self._stop_after is not None and len(self.outcomes_of) >= self._stop_after


def recipient(number: int, address: str = "") -> Recipient:
    return Recipient(
        delivery_id=number,
        address=address or f"guardian{number}@example.jp",
        message_id=message_id(b"key", 1, number, "city.example.jp"),
        page_url=f"https://renraku.example.jp/m/{number}",
        leave_url=f"https://renraku.example.jp/u/{number}",
    )


def chunk(recipients: Sequence[Recipient], *, urgent: bool = False) -> SendChunk:
    made = SendChunk(1, "email", "other", BULK, tuple(recipients), uuid4())
    return replace(made, urgent=urgent)


def chunk_of(*addresses: str) -> SendChunk:
    return chunk([recipient(number, a) for number, a in enumerate(addresses, 1)])


def channel_to(*urls: str, connections: int = 1, timeouts: Timeouts = QUICK) -> EmailChannel:
    """A channel to these relays; over one connection, so that things have an order."""
    return EmailChannel(MailWays(",".join(urls), connections, timeouts=timeouts), FROM)


def sent(channel: EmailChannel, *addresses: str) -> Log:
    """What is told of a chunk to these addresses."""
    log = Log()
    channel.send(chunk_of(*addresses), log)
    return log


def begun(channel: EmailChannel, chunk: SendChunk, log: Log) -> Future[None]:
    """A chunk on its way; the future knows its end."""
    ended: Future[None] = Future()

    def done(error: BaseException | None) -> None:
        if error is None:
            ended.set_result(None)
        else:
            ended.set_exception(error)

    channel.start(chunk, log, done)
    return ended


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it is true; fails after five seconds."""
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.002)
