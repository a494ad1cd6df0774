"""Making the requests of a plan, one after the other, and saying what came of it.

Telegram refuses a photo together with its caption. A notice must arrive all the same: then its
text goes alone, with the page that shows the picture, and the others of the chunk are not kept
waiting by trying the picture again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from datetime import timedelta

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
)

from channels.base import Bulk, Button, Recipient, SendChunk, SendLog
from channels.telegram.client import Client
from channels.telegram.content import Plan, Step, of_bulk
from channels.telegram.memory import Memory
from channels.telegram.pacing import Pacing, Want
from channels.telegram.photos import Media, Photos
from channels.telegram.verdicts import Answered, verdict
from domain.outcomes import Accepted, Outcome, Refused, TryLater, Unknown

# A fan-out waits out a pause of so many seconds; what is left of its chunk comes later if the
# pause is longer.  A reply, and a message that has begun, give up sooner.
BULK_PATIENCE = 30.0
PATIENCE = 5.0
# After this many recipients in a row whose failure was not theirs, the rest of the chunk waits.
_ENOUGH = 3
# How many plans in the middle, or replies, are remembered.
_PLANS_KEPT = 5000
_CHAT = re.compile(r"-?[0-9]{1,19}", re.ASCII)

_BAD_PICTURE = Refused("bad_picture")
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


def is_chat(address: str) -> bool:
    """Whether an address is a chat ID as decimal text."""
    return _CHAT.fullmatch(address) is not None


class Sending:
    """One bot's sending, for any number of threads."""

    def __init__(self, client: Client, pacing: Pacing) -> None:
        self._client = client
        self._pacing = pacing
        self._photos = Photos()
        self._done: Memory[Hashable, int] = Memory(_PLANS_KEPT)
        self._moved: Memory[str, str] = Memory(_PLANS_KEPT)

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """A chunk, one recipient after the other."""
        failed_in_a_row, bulk = 0, chunk.bulk
        bad: set[str] = set()
        for recipient in chunk.recipients:
            chat = recipient.address
            if log.stopping():
                return
            if not is_chat(chat):
                log.outcome(recipient.delivery_id, Refused("bad_address"))
                continue
            plan = _plan(bulk, recipient)
            if not self._is_admitted(plan, chat, log.stopping):
                return
            log.intent(recipient.delivery_id)
            outcome = self.carry_out(plan, chat, bulk=True, bad=bad)
            log.outcome(recipient.delivery_id, outcome)
            bulk = _without(bulk, bad)
            failed_in_a_row = failed_in_a_row + 1 if _is_no_ones_fault(outcome) else 0
            if failed_in_a_row >= _ENOUGH:
                return

    def carry_out(
        self, plan: Plan, chat: str, *, bulk: bool, bad: set[str] | None = None
    ) -> Outcome:
        """The requests of a plan that did not succeed in an earlier try; the last one decides.

        Of a fan-out, the first request was admitted by the caller already. The digests of
        pictures that Telegram refuses are added to `bad`.
        """
        outcome: Outcome = Accepted()
        bad = set() if bad is None else bad
        first = self._done.get(plan.key) or 0
        for number, step in enumerate(plan.steps[first:], first + 1):
            is_last = number == len(plan.steps)
            outcome = self._step(step, chat, bulk, bad, admitted=bulk and number == first + 1)
            if not isinstance(outcome, Accepted) and (is_last or outcome != _BAD_PICTURE):
                return outcome
            # A fan-out never asks again about what was accepted whole.
            if not bulk or not is_last:
                self._done.put(plan.key, number)
        return outcome

    def _step(self, step: Step, chat: str, bulk: bool, bad: set[str], *, admitted: bool) -> Outcome:
        """One step; with its picture refused, its text alone."""
        want = Want(chat, bulk, step.messages, begun=True)
        if not admitted and not self._pacing.admit(want, patience=PATIENCE):
            return TryLater("rate", timedelta(seconds=self._pacing.pause_left()))
        outcome = self._take(step, chat)
        if outcome != _BAD_PICTURE:
            return outcome
        bad.update(picture.sha256 for picture in step.pictures)
        plain = replace(step, pictures=())
        return self._step(plain, chat, bulk, bad, admitted=False) if step.text else outcome

    def _is_admitted(self, plan: Plan, chat: str, stopping: Callable[[], bool]) -> bool:
        first = plan.steps[self._done.get(plan.key) or 0]
        want = Want(chat, bulk=True, messages=first.messages)
        return self._pacing.admit(want, patience=BULK_PATIENCE, stopping=stopping)

    def _take(self, step: Step, chat: str) -> Outcome:
        """Make one request; in a chat that has moved, once more at its new address."""
        try:
            try:
                return self._make(step, self._moved.get(chat) or chat)
            except Answered as answer:
                if not answer.migrate_to:
                    raise
                self._moved.put(chat, str(answer.migrate_to))
                return self._make(step, str(answer.migrate_to))
        except Exception as error:
            return self._failed(error, step)

    def _failed(self, error: Exception, step: Step) -> Outcome:
        if step.pictures and isinstance(error, Answered) and error.is_about_picture:
            return _BAD_PICTURE
        outcome = verdict(error)
        if isinstance(error, Answered) and error.status == 429:
            self._pacing.pause(error.pause.total_seconds())
        return outcome

    def _make(self, step: Step, chat: str) -> Outcome:
        sent: list[Message] = []
        if step.pictures:
            self._photos.send(step.pictures, lambda media: self._show(step, chat, media, sent))
        else:
            sent.append(self._client.call(lambda bot: _say(bot, step, chat)))
        return Accepted(str(sent[-1].message_id) if sent else "")

    def _show(self, step: Step, chat: str, media: Media, sent: list[Message]) -> Sequence[str]:
        uploads = any(isinstance(each, bytes) for each in media)
        if len(media) == 1:
            sent += [self._client.call(lambda bot: _photo(bot, step, chat, media), media=uploads)]
        else:
            sent += self._client.call(lambda bot: _album(bot, chat, media), media=uploads)
        return [_file_id(message) for message in sent]


def _plan(bulk: Bulk, recipient: Recipient) -> Plan:
    """A delivery's plan; one cut otherwise, as in another language, is another plan."""
    steps = of_bulk(bulk, recipient)
    return Plan((recipient.delivery_id, recipient.address, len(steps)), steps)


def _without(bulk: Bulk, bad: set[str]) -> Bulk:
    """What is sent without these pictures; its page shows them."""
    if not bad:
        return bulk
    return replace(bulk, pictures=tuple(each for each in bulk.pictures if each.sha256 not in bad))


async def _say(bot: Bot, step: Step, chat: str) -> Message:
    return await bot.send_message(
        int(chat),
        step.text,
        reply_markup=_keyboard(step.buttons),
        link_preview_options=_NO_PREVIEW,
    )


async def _photo(bot: Bot, step: Step, chat: str, media: Media) -> Message:
    return await bot.send_photo(
        int(chat), media[0], caption=step.text or None, reply_markup=_keyboard(step.buttons)
    )


async def _album(bot: Bot, chat: str, media: Media) -> tuple[Message, ...]:
    return await bot.send_media_group(int(chat), [InputMediaPhoto(each) for each in media])


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    rows = [[_key(button)] for button in buttons]
    return InlineKeyboardMarkup(rows) if rows else None


def _key(button: Button) -> InlineKeyboardButton:
    if button.url:
        return InlineKeyboardButton(button.label, url=button.url)
    return InlineKeyboardButton(button.label, callback_data=button.token)


def _file_id(message: Message) -> str:
    """The name of the picture in its largest size."""
    largest = max(message.photo, key=lambda size: size.width * size.height, default=None)
    return largest.file_id if largest else ""


def _is_no_ones_fault(outcome: Outcome) -> bool:
    later = isinstance(outcome, TryLater) and outcome.reason != "rate"
    return later or isinstance(outcome, Unknown)
