"""The loop that takes the inbox turn by turn.

Any number of loops may run at once, on any number of machines: one person's items are taken one
after the other, and each turn is one transaction.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Event

import structlog

from actions import audit
from bot import pictures
from bot.dialogues import FLOWS
from bot.engine import take_turn
from bot.steps import Flow
from domain.speech import speak
from domain.wording import say
from storage import broadcasts, dialogues, inbox, people, replies
from storage.database import Database, Transaction
from storage.inbox import InboxItem

TRIES = 3
_IDLE_SECONDS = 0.1
_TROUBLE_SECONDS = 1.0
_SWEEP = timedelta(minutes=10)
# As long as the composing dialogue in which they were sent stays open.
# Twice as long as composing may lie idle: no open dialogue loses its images.
_LOOSE_IMAGES_LAST = timedelta(days=14)

log = structlog.get_logger()

Take = Callable[[Transaction, InboxItem, Mapping[str, Flow]], None]


class TurnLoop:
    """Takes turns until it is told to stop.

    An item that fails three times is parked, so that it holds up nobody: its sender is told,
    the audit chain of the board has an entry, and the sender's next item goes on.
    """

    def __init__(
        self, database: Database, flows: Mapping[str, Flow] = FLOWS, take: Take = take_turn
    ) -> None:
        self._database = database
        self._flows = flows
        self._take = take
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
        while self._one():
            taken += 1
        return taken

    def _one(self) -> bool:
        item_id: int | None = None
        try:
            with self._database.writing() as tx:
                item_id = inbox.claim_next(tx)
                if item_id is None:
                    return False
                self._turn(tx, item_id)
        except Exception as error:
            if item_id is None:
                raise
            if isinstance(error, pictures.NotAtHand):
                self._one_with_picture(item_id)
            else:
                self._failed(item_id, error)
        return True

    def _turn(self, tx: Transaction, item_id: int) -> None:
        self._take(tx, inbox.read(tx, item_id), self._flows)
        inbox.finish(tx, item_id)

    def _one_with_picture(self, item_id: int) -> None:
        """Decode the picture that a turn came to want, then take that turn again."""
        picture = self._held_picture(item_id)
        if picture is None:
            return
        try:
            with pictures.at_hand(picture), self._database.writing() as tx:
                if inbox.claim(tx, item_id):
                    self._turn(tx, item_id)
        except Exception as error:
            self._failed(item_id, error)

    def _held_picture(self, item_id: int) -> bytes | None:
        """The picture of an item that is now this loop's; None if nothing is to be done.

        The try is committed before the decoding begins: should that kill the process, it has
        counted, and the picture that does so every time is parked.
        """
        with self._database.writing() as tx:
            tries = inbox.hold(tx, item_id)
            if tries is None:
                return None
            if tries <= TRIES:
                return inbox.read(tx, item_id).picture
            log.error("turn.unfinished", item=item_id, tries=TRIES)
            _park(tx, item_id, "unfinished")
        return None

    def _failed(self, item_id: int, error: Exception) -> None:
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
        log.info("turns.swept", dialogues=erased, images=images)


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
