"""The replies thread: answers leave within a moment, never behind a fan-out.

Web chat is not among its channels: there the browser fetches the replies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Event
from time import monotonic

import structlog

from channels.base import Button, Channel, Message
from delivery import metrics
from delivery.render import picture
from domain import speech
from domain.outcomes import Accepted, Outcome, Placed, Refused, TryLater, Unknown
from storage import people, renderings, replies
from storage.database import Database, Transaction
from storage.replies import ClaimedReply

log = structlog.get_logger()

FETCHED = frozenset({"webchat"})

_EVERY = 0.1
_AT_ONCE = 8
# While a reply is on its way it is held again and again, however long its provider takes; so
# this is how long the replies of a killed worker wait.
_HOLD = timedelta(minutes=2)
_KEEP = 30.0
_PAUSES = (2, 5, 15, 60, 300, 900)
_UNKNOWN_TRIES = 2


class Replies:
    """Sends new replies; several workers may run it at once."""

    def __init__(
        self, database: Database, channels: Mapping[str, Channel], jitter: Callable[[], float]
    ) -> None:
        self._database = database
        self._channels = {n: c for n, c in channels.items() if n not in FETCHED}
        self._jitter = jitter
        self._on_way: dict[Future[None], int] = {}
        self._next_keep = 0.0

    def run(self, stop: Event) -> None:
        """Poll until stopped; what was claimed by then is still sent."""
        if not self._channels:
            return
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="reply") as pool:
            while self._on_way or not stop.is_set():
                try:
                    self._keep_held()
                    if not stop.is_set():
                        self._start(pool)
                except Exception:
                    log.exception("replies_failed")
                self._rest(stop)

    def run_once(self) -> int:
        """Send what is due now, one reply to each person; return how many were tried."""
        claimed = self._claim(_AT_ONCE)
        for reply in claimed:
            self._send(reply)
        return len(claimed)

    def _keep_held(self) -> None:
        if not self._on_way or monotonic() < self._next_keep:
            return
        with self._database.writing() as tx:
            replies.keep(tx, self._on_way.values(), _HOLD)
        self._next_keep = monotonic() + _KEEP

    def _start(self, pool: ThreadPoolExecutor) -> None:
        """Claim no more than can leave at once: what waited here would only be held up."""
        free = _AT_ONCE - len(self._on_way)
        for reply in self._claim(free) if free else []:
            self._on_way[pool.submit(self._send, reply)] = reply.id

    def _rest(self, stop: Event) -> None:
        """Until the next poll, or until a reply is through: its reader's next one may follow."""
        if not self._on_way:
            stop.wait(_EVERY)
            return
        through, _ = wait(self._on_way, _EVERY, FIRST_COMPLETED)
        for future in through:
            reply_id = self._on_way.pop(future)
            if error := future.exception():
                log.error("reply_not_noted", reply=reply_id, exc_info=error)

    def _claim(self, limit: int) -> list[ClaimedReply]:
        names = tuple(self._channels)
        with self._database.reading() as tx:
            if not replies.any_due(tx, names):
                return []
        with self._database.writing() as tx:
            return replies.claim(tx, names, _HOLD, limit)

    def _send(self, reply: ClaimedReply) -> None:
        try:
            outcome = self._ask(reply)
        except Exception:
            log.exception("reply_failed", reply=reply.id)
            outcome = Unknown("failed")
        metrics.REPLIES.labels(reply.channel, metrics.kind(outcome)).inc()
        with self._database.writing() as tx:
            self._note(tx, reply, outcome)

    def _ask(self, reply: ClaimedReply) -> Outcome:
        with self._database.reading() as tx:
            address = people.open_address(tx, people.contact(tx, reply.contact_point_id))
            message = _message(tx, reply)
        return self._channels[reply.channel].reply(reply.account, address, [message])

    def _note(self, tx: Transaction, reply: ClaimedReply, outcome: Outcome) -> None:
        match outcome:
            case Accepted() | Placed():
                replies.settle(tx, reply.id, "done")
            case Refused(reason):
                log.warning("reply_refused", reply=reply.id, reason=reason)
                replies.settle(tx, reply.id, "refused")
            case TryLater(after=after):
                self._again(tx, reply, len(_PAUSES), after)
            case Unknown():
                self._again(tx, reply, _UNKNOWN_TRIES, None)

    def _again(
        self, tx: Transaction, reply: ClaimedReply, tries: int, after: timedelta | None
    ) -> None:
        """Put a reply off, unless it had its tries: an answer late by hours helps nobody."""
        if reply.tries >= tries:
            replies.settle(tx, reply.id, "unknown")
            return
        pause = after or timedelta(seconds=_PAUSES[min(reply.tries, len(_PAUSES)) - 1])
        replies.put_off(tx, reply.id, tx.now + pause * (1 + 0.25 * self._jitter()))


def _message(tx: Transaction, reply: ClaimedReply) -> Message:
    rendered = speech.render(reply.speech, reply.language)
    images = renderings.pictures(tx, rendered.picture_ids)
    return Message(
        text=rendered.text,
        buttons=tuple(Button(button.label, button.token) for button in rendered.buttons),
        pictures=tuple(map(picture, images)),
        subject=rendered.subject,
    )
