"""Saying one answer to one person, and what its outcome makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from channels.base import Answer, Button, Channel, Message, Picture
from delivery import metrics
from delivery.render import picture
from domain import speech
from domain.outcomes import Accepted, Outcome, Placed, Refused, Split, TryLater, Unknown
from domain.speech import RenderedSpeech, Speech
from storage import renderings, replies
from storage.database import Database, Transaction
from storage.replies import ClaimedAnswer

log = structlog.get_logger()

# LINE takes a reply token within a minute of the webhook (Messaging API, "Send reply message");
# the rest is for the way there.
_FRESH = timedelta(seconds=50)
_PAUSES = (2, 5, 15, 60, 300, 900)
_UNKNOWN_TRIES = 2
# Whether a token was used up is not known: the next try goes without, and nobody waits for it.
_WITHOUT_TOKEN = 0.5


@dataclass(frozen=True, slots=True)
class Tried:
    """One try of an answer, and whether it went with the provider's leave to answer."""

    answer: ClaimedAnswer
    outcome: Outcome
    with_token: bool


class Answering:
    """Says answers through one channel; safe to use from several threads."""

    def __init__(
        self, database: Database, channel: Channel, public_url: str, jitter: Callable[[], float]
    ) -> None:
        self._database = database
        self._channel = channel
        self._public_url = public_url.rstrip("/")
        self._jitter = jitter

    def say(self, answer: ClaimedAnswer) -> Tried:
        """Ask the provider once; whatever breaks becomes an outcome."""
        token = _fresh_token(answer, self._database.clock())
        try:
            outcome = self._channel.reply(self._for_channel(answer, token))
        except Exception:
            log.exception("reply_failed", reply=answer.ids[0])
            outcome = Unknown("failed")
        metrics.REPLIES.labels(answer.channel, metrics.kind(outcome)).inc()
        return Tried(answer, outcome, bool(token))

    def note(self, tx: Transaction, tried: Sequence[Tried]) -> None:
        """Settle answers, or put them off; those that were taken in one statement."""
        taken = [each for each in tried if isinstance(each.outcome, Accepted | Placed)]
        replies.settle(tx, [number for each in taken for number in each.answer.ids], "done")
        for each in tried:
            self._note_other(tx, each)

    def _note_other(self, tx: Transaction, tried: Tried) -> None:
        match tried.outcome:
            case Accepted() | Placed():
                pass
            case Refused(reason):
                self._refused(tx, tried.answer, reason)
            case TryLater(after=after):
                self._again(tx, tried, len(_PAUSES), after)
            case Unknown() | Split():
                # Under its key a provider takes an answer once, however often it is asked.
                keyed = self._channel.limits.keyed
                self._again(tx, tried, len(_PAUSES) if keyed else _UNKNOWN_TRIES, None)

    def _for_channel(self, answer: ClaimedAnswer, token: str) -> Answer:
        messages = tuple(self._message(each, answer.language) for each in answer.speeches)
        return Answer(answer.account, answer.address, messages, answer.key, token)

    def _message(self, spoken: Speech, language: str) -> Message:
        rendered = speech.render(spoken, language, self._public_url)
        buttons = (Button(b.label, b.token, b.lasting, b.url) for b in rendered.buttons)
        return Message(
            text=rendered.text,
            buttons=tuple(buttons),
            pictures=tuple(self._pictures(rendered)),
            subject=rendered.subject,
        )

    def _pictures(self, rendered: RenderedSpeech) -> list[Picture]:
        if not rendered.picture_ids:
            return []
        with self._database.reading() as tx:
            images = renderings.pictures(tx, rendered.picture_ids)
            return [picture(each, self._public_url, tx.secret) for each in images]

    def _refused(self, tx: Transaction, answer: ClaimedAnswer, reason: str) -> None:
        log.warning("reply_refused", reply=answer.ids[0], reason=reason)
        replies.settle(tx, answer.ids, "refused")
        if reason == "blocked":
            replies.note_blocked(tx, answer.contact_point_id)

    def _again(self, tx: Transaction, tried: Tried, most: int, after: timedelta | None) -> None:
        """Put an answer off, unless it had its tries: one late by hours helps nobody."""
        answer = tried.answer
        if answer.tries >= most:
            replies.settle(tx, answer.ids, "unknown")
            return
        pause = after or timedelta(seconds=_pause(tried))
        replies.put_off(tx, answer.ids, tx.now + pause * (1 + 0.25 * self._jitter()))


def _fresh_token(answer: ClaimedAnswer, now: datetime) -> str:
    """The leave to answer, on the first try and while it holds; later the key does its work."""
    if answer.tries > 1 or answer.received_at is None:
        return ""
    return answer.token if now - answer.received_at < _FRESH else ""


def _pause(tried: Tried) -> float:
    if tried.with_token and isinstance(tried.outcome, Unknown):
        return _WITHOUT_TOKEN
    return _PAUSES[min(tried.answer.tries, len(_PAUSES)) - 1]
