"""Mail as a channel: what the contract in channels.base asks for, by way of the pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from email.utils import parseaddr
from functools import partial

from channels.base import (
    Answer,
    Bulk,
    Incoming,
    Limits,
    Message,
    RawRequest,
    Recipient,
    SendChunk,
    SendLog,
)
from channels.email.connection import Timeouts
from channels.email.message import Sender as From
from channels.email.message import Template, template
from channels.email.relays import relays as read_relays
from channels.email.sender import Envelope, Line, Sender
from domain.addresses import MailAddress, envelope_form, normalise_mail, unquoted_form
from domain.outcomes import Outcome, Refused

LIMITS = Limits(text_units=100_000, buttons=0, pictures=10, recipients=100, slots=8)
ACCOUNT = "email"
_SUBJECT_FROM_TEXT = 30
_REPLY_TIMEOUTS = Timeouts(connect=10, command=20, answer=120)


class EmailChannel:
    """Mail through the relays of one account.

    `relays` is the value of RENRAKUMO_SMTP_URL, or a pool made otherwise; `mail_from` is an
    address, with a name before it if wanted; `slots` is how many chunks leave at once.
    """

    name = "email"
    accounts = (ACCOUNT,)

    def __init__(self, relays: str | Sender, mail_from: str, slots: int = LIMITS.slots) -> None:
        display, address = parseaddr(mail_from)
        if normalise_mail(address) is None:
            raise ValueError("the sender is no mail address")
        self.limits = replace(LIMITS, slots=slots)
        self._from = From(address, display)
        self._sender = Sender(read_relays(relays)) if isinstance(relays, str) else relays
        self._replies = _impatient(relays) if isinstance(relays, str) else relays

    def verify(self, request: RawRequest) -> bool:  # noqa: ARG002 - the contract's signature
        """Mail does not come by HTTP."""
        return False

    def parse(self, request: RawRequest) -> Sequence[Incoming]:  # noqa: ARG002 - as above
        """Mail does not come by HTTP."""
        return []

    def acknowledge(self, request: RawRequest) -> bytes:  # noqa: ARG002 - as above
        """Mail does not come by HTTP."""
        return b""

    def fetch(self, account: str, media: str) -> bytes | Outcome:  # noqa: ARG002 - as above
        """A mail brings its pictures along."""
        return Refused("gone")

    def link(self, account: str, text: str) -> str | None:  # noqa: ARG002 - as above
        """Nobody can be written to yet."""
        return None

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Send to one recipient after the other, over one connection."""
        mail = template(chunk.bulk, self._from)
        with self._sender.line() as line:
            for recipient in chunk.recipients:
                if log.stopping():
                    return
                intent = partial(log.intent, recipient.delivery_id)
                outcome = self._deliver(line, mail, recipient, intent)
                log.outcome(recipient.delivery_id, outcome)

    def reply(self, answer: Answer) -> Outcome:
        """Answer one person with one mail, however many bubbles the answer has.

        Its Message-ID is the answer's key, so that mailboxes hide a second copy.
        """
        mail = template(_as_bulk(answer.messages), self._from, "auto-replied")
        domain = self._from.address.rpartition("@")[2]
        name = f"{answer.key.hex}@{domain}"
        to = Recipient(0, answer.address, name, page_url="", leave_url="")
        with self._replies.line() as line:
            return self._deliver(line, mail, to, _nothing_to_note)

    def _deliver(
        self, line: Line, mail: Template, to: Recipient, intent: Callable[[], None]
    ) -> Outcome:
        address = normalise_mail(to.address)
        if address is None:
            return Refused("bad_address")
        forms = _forms(address)
        return line.deliver(Envelope(self._from.address, forms), mail.wire(to, forms[0]), intent)

    def close(self) -> None:
        """Close the connections that are free."""
        self._sender.close()
        self._replies.close()


def _impatient(relays: str) -> Sender:
    """A pool for replies: a relay that hangs would soon hold up everybody's."""
    return Sender(read_relays(relays), timeouts=_REPLY_TIMEOUTS)


def _forms(address: MailAddress) -> tuple[str, ...]:
    """The spellings to try: the right one, then the one that old carriers' holders type."""
    right, bare = envelope_form(address), unquoted_form(address)
    return (right,) if right == bare else (right, bare)


def _as_bulk(messages: Sequence[Message]) -> Bulk:
    """An answer as one mail; its language is unknown here, and no header claims one.

    Mail shows no buttons: the choices are printed in the text already (see domain.speech).
    """
    text = "\n\n".join(message.text for message in messages if message.text)
    subjects = (message.subject for message in messages if message.subject)
    return Bulk(
        board="",
        sender_name="",
        list_id="",
        subject=next(subjects, _subject_from(text)),
        text=text,
        language="",
        pictures=tuple(picture for message in messages for picture in message.pictures),
        ordinary=False,
    )


def _subject_from(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= _SUBJECT_FROM_TEXT else first[: _SUBJECT_FROM_TEXT - 1] + "…"


def _nothing_to_note() -> None:
    """A conversation keeps no journal: an answer that got lost is asked for again."""
