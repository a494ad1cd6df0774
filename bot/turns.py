"""The loop that takes the inbox turn by turn.

Any number of loops may run at once, on any number of machines: one person's items are taken one
after the other. Each turn happens wholly or not at all; on SQLite the turns of several people
share one transaction, because there every commit waits for the disk.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from threading import Event

import structlog

from actions import audit
from bot import metrics, pictures, silence
from bot.dialogues import FLOWS
from bot.engine import take_turn
from bot.steps import Flow
from domain.outcomes import Outcome, Refused
from domain.speech import speak
from domain.wording import say
from storage import broadcasts, dialogues, forgetting, inbox, people, replies
from storage.database import Database, Transaction
from storage.inbox import InboxItem, SealedItem

TRIES = 3
# Other processes wait for SQLite's write lock meanwhile: no longer than a webhook can wait.
_PEOPLE_AT_ONCE = 25
_SECONDS_AT_ONCE = 0.02
# Whoever waits for that lock must be awake before this loop asks for it again.
_REST_SECONDS = 0.001
# Before a picture is asked for again that its provider did not hand over.
PAUSE = timedelta(seconds=5)
_IDLE_SECONDS = 0.1
_TROUBLE_SECONDS = 1.0
_SWEEP = timedelta(minutes=10)
# Twice as long as composing may lie idle: an image waits out any pause before its draft is saved.
_LOOSE_IMAGES_LAST = timedelta(days=14)

log = structlog.get_logger()

Take = Callable[[Transaction, InboxItem, Mapping[str, Flow]], None]
Fetch = Callable[[str, str, str], bytes | Outcome]
"""Gets a picture by channel, account and the provider's name for it."""


def fetch_nothing(channel: str, account: str, media: str) -> Outcome:  # noqa: ARG001 - a Fetch
    return Refused("no_channel")


class TurnLoop:
    """Takes turns until it is told to stop.

    An item that fails three times is parked, so that it holds up nobody: its sender is told,
    the audit chain of the board has an entry, and the sender's next item goes on.
    """

    def __init__(
        self,
        database: Database,
        flows: Mapping[str, Flow] = FLOWS,
        take: Take = take_turn,
        fetch: Fetch = fetch_nothing,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._database = database
        self._flows = flows
        self._take = take
        self._fetch = fetch
        self._monotonic = monotonic
        self._sleep = sleep
        self._people_at_once = _PEOPLE_AT_ONCE if database.is_sqlite else 1
        self._swept_at = database.clock()

    def run(self, stop: Event) -> None:
        """Take turns as they come; a database that does not answer is waited for."""
        while not stop.is_set():
            try:
                self._sweep()
                taken = self.run_once()
            except Exception as error:
                log.error("turns.trouble", error=type(error).__name__)
                stop.wait(_TROUBLE_SECONDS)
            else:
                if not taken:
                    stop.wait(_IDLE_SECONDS)

    def run_once(self) -> int:
        """Take every turn that is waiting, and return how many there were."""
        with self._database.reading() as tx:
            if not inbox.is_waiting(tx):
                return 0
        taken = 0
        while several := self._several():
            taken += several
            if self._database.is_sqlite:
                self._sleep(_REST_SECONDS)
        return taken

    def _several(self) -> int:
        """Take the next turn of several people in one transaction.

        If any of them fails all are undone, and each is taken again by itself.
        """
        turns: list[SealedItem] = []
        try:
            with metrics.BATCHES.time(), self._database.writing() as tx:
                self._take_each(tx, turns)
        except Exception as failure:
            self._after(failure, turns)
        return len(turns)

    def _take_each(self, tx: Transaction, turns: list[SealedItem]) -> None:
        ends_at = self._monotonic() + _SECONDS_AT_ONCE
        for sealed in inbox.claim_heads(tx, self._people_at_once):
            turns.append(sealed)
            self._take(tx, inbox.open_item(tx, sealed), self._flows)
            # What one turn has read, the next one reads for itself.
            tx.forget()
            if self._monotonic() >= ends_at:
                break
        inbox.finish(tx, [sealed.id for sealed in turns])
        metrics.TURNS.inc(len(turns))

    def _after(self, failure: Exception, turns: Sequence[SealedItem]) -> None:
        if not turns:
            raise failure
        if len(turns) > 1:
            for sealed in turns:
                self._alone(sealed.id)
        elif isinstance(failure, pictures.NotAtHand):
            self._take_with_picture(turns[0].id)
        else:
            self._failed(turns[0].id, failure)

    def _alone(self, item_id: int) -> None:
        try:
            self._take_alone(item_id)
        except pictures.NotAtHand:
            self._take_with_picture(item_id)
        except Exception as error:
            self._failed(item_id, error)

    def _take_alone(self, item_id: int) -> None:
        with self._database.writing() as tx:
            if inbox.claim(tx, item_id):
                self._take(tx, inbox.read(tx, item_id), self._flows)
                inbox.finish(tx, [item_id])
                metrics.TURNS.inc()

    def _take_with_picture(self, item_id: int) -> None:
        """Get the picture that a turn came to want, then take that turn again."""
        held = self._held(item_id)
        if held is None:
            return
        try:
            got = self._picture_of(held)
            if not isinstance(got, bytes | Refused) and held.tries < TRIES:
                self._hold_back(item_id)
                return
            raw = got if isinstance(got, bytes) else None
            at_hand = pictures.at_hand(held.media or held.picture, raw)
            with at_hand:
                self._take_alone(item_id)
        except Exception as error:
            self._failed(item_id, error)

    def _held(self, item_id: int) -> InboxItem | None:
        """An item that is now this loop's; None if nothing is to be done.

        The try is committed before anything else is done: should the picture kill the process,
        it has counted, and the picture that does so every time is parked.
        """
        with self._database.writing() as tx:
            tries = inbox.hold(tx, item_id)
            if tries is None:
                return None
            if tries <= TRIES:
                return inbox.read(tx, item_id)
            log.error("turn.unfinished", item=item_id, tries=TRIES)
            _park(tx, item_id, "unfinished")
        return None

    def _picture_of(self, item: InboxItem) -> bytes | Outcome:
        """What was sent, or why its provider does not hand it over."""
        if not item.media:
            return item.picture
        got = self._fetch(item.channel, item.account, item.media)
        if not isinstance(got, bytes):
            outcome = type(got).__name__.lower()
            log.warning("picture.not_fetched", channel=item.channel, outcome=outcome)
        return got

    def _hold_back(self, item_id: int) -> None:
        with self._database.writing() as tx:
            inbox.hold_back(tx, item_id, PAUSE)

    def _failed(self, item_id: int, error: Exception) -> None:
        metrics.TURN_FAILURES.inc()
        with self._database.writing() as tx:
            tries = inbox.count_failure(tx, item_id)
            log.error("turn.failed", item=item_id, tries=tries, **_where(error))
            if tries >= TRIES:
                _park(tx, item_id, type(error).__name__)

    def _sweep(self) -> None:
        if self._database.clock() - self._swept_at < _SWEEP:
            return
        self._swept_at = self._database.clock()
        with self._database.writing() as tx:
            erased = dialogues.erase_expired(tx)
            images = broadcasts.erase_loose_attachments(tx, tx.now - _LOOSE_IMAGES_LAST)
            left = forgetting.erase_left(tx)
        reminded = silence.remind_all(self._database, self._flows)
        log.info("turns.swept", dialogues=erased, images=images, left=left, reminded=reminded)


def _park(tx: Transaction, item_id: int, error: str) -> None:
    board_id = inbox.park(tx, item_id)
    details = {"error": error}
    chain = audit.chain_of(board_id, None)
    audit.record(tx, chain, audit.SYSTEM, "park_turn", f"inbox:{item_id}", details)
    sender = inbox.sender_of(tx, item_id)
    if sender is not None:
        contact = people.contact_point(tx, board_id, *sender)
        replies.queue(tx, contact.id, speak(say("bot.parked")), item_id)


def _where(error: Exception) -> dict[str, str]:
    """What broke and where; never the message, which may quote what a person wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f"{last.filename.rsplit('/', 1)[-1]}:{last.lineno}" if last else ""
    return {"error": type(error).__name__, "place": place}
