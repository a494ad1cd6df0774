"""Saying one answer to one person, and what its outcome makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from channels.base import Answer, Button, Channel, Message, Picture, Rationed
from delivery import metrics
from delivery.gate import Gate
from delivery.render import picture
from domain import speech
from domain.deliveries import QUOTA
from domain.mail_checks import HELD_FOR, NOT_CHECKED
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
# What a quota puts off is tried by itself for more than a weekend, and more and more seldom: it
# holds up nothing, and comes along with whatever its reader is answered until then.
_QUOTA_TRIES = 18
_QUOTA_PAUSE = timedelta(minutes=30)
_LONGEST_QUOTA_PAUSE = timedelta(hours=4)
# While the gate is closed an answer waits for three days: somebody has to publish something.
_HELD_TRIES = timedelta(days=3) // HELD_FOR
# Whether a token was used up is not known: the next try goes without, and nobody waits for it.
_WITHOUT_TOKEN = 0.5


@dataclass(frozen=True, slots=True)
class Tried:
    """One try of an answer, whether it went with the provider's leave to answer, and what had
    waited for quota and went along.
    """

    answer: ClaimedAnswer
    outcome: Outcome
    with_token: bool
    along: tuple[int, ...] = ()

    @property
    def reply_ids(self) -> tuple[int, ...]:
        """All that was said."""
        return (*self.along, *self.answer.ids)


class Answering:
    """Says answers through one channel; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        channel: Channel,
        public_url: str,
        jitter: Callable[[], float],
        gate: Gate,
    ) -> None:
        self._database = database
        self._channel = channel
        self._public_url = public_url.rstrip("/")
        self._jitter = jitter
        self._gate = gate

    def say(self, answer: ClaimedAnswer) -> Tried:
        """Ask the provider once; whatever breaks becomes an outcome."""
        token = _fresh_token(answer, self._database.clock())
        try:
            if not self._gate.allows(self._channel.name):
                return Tried(answer, TryLater(NOT_CHECKED, self._gate.pause), with_token=False)
            tried = self._try(answer, token)
        except Exception:
            log.exception("reply_failed", reply=answer.ids[0])
            tried = Tried(answer, Unknown("failed"), bool(token))
        metrics.REPLIES.labels(answer.channel, metrics.kind(tried.outcome)).inc()
        return tried

    def note(self, tx: Transaction, tried: Sequence[Tried]) -> None:
        """Settle answers, or put them off; those that were taken in one statement."""
        taken = [each for each in tried if isinstance(each.outcome, Accepted | Placed)]
        replies.settle(tx, [number for each in taken for number in each.reply_ids], "done")
        for each in tried:
            self._note_other(tx, each)

    def _note_other(self, tx: Transaction, tried: Tried) -> None:
        match tried.outcome:
            case Accepted() | Placed():
                pass
            case Refused(reason):
                self._refused(tx, tried.answer, reason)
            case TryLater(reason, after) if reason == QUOTA:
                self._without_quota(tx, tried.answer, after or _QUOTA_PAUSE)
            case TryLater(reason, after) if reason == NOT_CHECKED:
                self._again(tx, tried, _HELD_TRIES, after, keeps_token=True)
            case TryLater(after=after):
                # Nothing was taken, so a token is as good as before.
                self._again(tx, tried, len(_PAUSES), after, keeps_token=True)
            case Unknown() | Split():
                # Under its key a provider takes an answer once, however often it is asked.
                keyed = self._channel.limits.keyed
                self._again(tx, tried, len(_PAUSES) if keyed else _UNKNOWN_TRIES, None)

    def _try(self, answer: ClaimedAnswer, token: str) -> Tried:
        own = tuple(self._message(each, answer.language) for each in answer.speeches)
        form = answer.mail_form
        alone = Answer(answer.account, answer.address, own, answer.key, token, form)
        along = self._along(answer, own) if token else {}
        if along:
            outcome = self._channel.reply(replace(alone, messages=(*along.values(), *own)))
            # Else it may be what came along that is refused.
            if not isinstance(outcome, Refused):
                return Tried(answer, outcome, with_token=True, along=tuple(along))
        return Tried(answer, self._channel.reply(alone), bool(token))

    def _along(self, answer: ClaimedAnswer, own: tuple[Message, ...]) -> dict[int, Message]:
        """By the reply's ID, what waited for quota and fits into the leave to answer."""
        taken: dict[int, Message] = {}
        if isinstance(self._channel, Rationed):
            for each in answer.waiting:
                message = self._message(each.speech, answer.language)
                if self._channel.fits((*taken.values(), message, *own)):
                    taken[each.id] = message
        return taken

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

    def _without_quota(self, tx: Transaction, answer: ClaimedAnswer, after: timedelta) -> None:
        log.warning("reply_without_quota", channel=answer.channel, account=answer.account)
        metrics.REPLIES_WITHOUT_QUOTA.labels(answer.channel, answer.account).inc()
        if answer.tries >= _QUOTA_TRIES:
            replies.settle(tx, answer.ids, "unknown")
            return
        pause = min(after * 2 ** (answer.tries - 1), _LONGEST_QUOTA_PAUSE)
        replies.wait_for_quota(tx, answer, tx.now + self._jittered(pause))

    def _again(
        self,
        tx: Transaction,
        tried: Tried,
        most: int,
        after: timedelta | None,
        *,
        keeps_token: bool = False,
    ) -> None:
        """Put an answer off, unless it had its tries: one late by hours helps nobody."""
        answer = tried.answer
        if answer.tries >= most:
            replies.settle(tx, answer.ids, "unknown")
            return
        pause = after or timedelta(seconds=_pause(tried))
        until = tx.now + self._jittered(pause)
        replies.put_off(tx, answer.ids, until, keeps_token=keeps_token)

    def _jittered(self, pause: timedelta) -> timedelta:
        return pause * (1 + 0.25 * self._jitter())


def _fresh_token(answer: ClaimedAnswer, now: datetime) -> str:
    """The leave to answer while it holds; where it may be used up, the key does its work.

    After a try of unknown end the token is forgotten (`put_off`), and a try that was not noted,
    because its worker was killed, is held for longer than a token holds.
    """
    if answer.received_at is None:
        return ""
    return answer.token if now - answer.received_at < _FRESH else ""


def _pause(tried: Tried) -> float:
    if tried.with_token and isinstance(tried.outcome, Unknown):
        return _WITHOUT_TOKEN
    return _PAUSES[min(tried.answer.tries, len(_PAUSES)) - 1]
