"""Mail as a channel: what the contract in channels.base asks for, by way of the engine."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from email.utils import parseaddr

from channels.base import (
    Answer,
    Bulk,
    GatheredLog,
    Incoming,
    LaneState,
    Limits,
    RawRequest,
    Recipient,
    SendChunk,
    SendLog,
)
from channels.email.dkim import Signer
from channels.email.engine import Engine
from channels.email.loads import Done, Load, Parcel
from channels.email.message import Sender as From
from channels.email.message import Template, template
from channels.email.relays import Relay, fewest
from channels.email.relays import ways as read_ways
from channels.email.routing import Router, router
from channels.email.session import Timeouts
from domain.addresses import MailAddress, envelope_form, normalise_mail, unquoted_form
from domain.outcomes import Outcome, Refused, TryLater, Unknown

LIMITS = Limits(text_units=100_000, buttons=0, pictures=10, recipients=500, slots=1)
ACCOUNT = "email"
_SUBJECT_FROM_TEXT = 30
_REPLY_TIMEOUTS = Timeouts(connect=10, command=20, answer=120, greeting=20, handshake=20)
# Longer than a reply's own time-outs, which are to say what became of it.
_REPLY_PATIENCE = 150.0
# As it is stored for nearly everybody: nothing to fold, unwrap or quote.
_USUAL = re.compile(r"([\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*)@([a-z0-9.-]+)", re.A)
_TEMPLATES = 16
# Within the limits of RFC 5321 section 4.5.3.1 whatever is local and what is domain.
_SHORT = 64


@dataclass(frozen=True, slots=True)
class MailWays:
    """How mail leaves: the value of RENRAKUMO_SMTP_URL, and what goes with it.

    `connections` are open to a relay at most, `dns_servers` are asked for mail exchangers,
    `ehlo_name` is who we say we are.
    """

    urls: str
    connections: int = 40
    dns_servers: str = ""
    ehlo_name: str = ""
    timeouts: Timeouts = Timeouts()  # noqa: RUF009 - frozen


class EmailChannel:
    """Mail from one sender; `mail_from` is an address, with a name before it if wanted.

    With a `signer` every mail carries our DKIM signature.
    """

    name = "email"
    accounts = (ACCOUNT,)
    limits = LIMITS

    def __init__(self, ways: MailWays, mail_from: str, signer: Signer | None = None) -> None:
        display, address = parseaddr(mail_from)
        if normalise_mail(address) is None:
            raise ValueError("the sender is no mail address")
        self._from = From(address, display)
        self._signer = signer
        self._engine = self._replies = _engine(ways, ways.timeouts)
        if not _has_one_connection(ways):
            # A connection that hangs must not hold up everybody's conversations.
            patience = ways.timeouts if ways.timeouts != Timeouts() else _REPLY_TIMEOUTS
            self._replies = _engine(ways, patience, answers=True)
        self._templates: OrderedDict[int, tuple[Bulk, Template]] = OrderedDict()
        self._lock = threading.Lock()

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

    def start(self, chunk: SendChunk, log: GatheredLog, done: Done) -> None:
        """Hand a chunk to the engine; what is no address is refused at once."""
        mail = self._template(chunk.bulk)
        load = Load(mail, self._from.address, log, done, urgent=chunk.urgent, lane=chunk.lane)
        refused: list[tuple[int, Outcome]] = []
        parcels = list(_parcels(load, chunk.recipients, refused))
        if refused:
            log.outcomes(refused)
        if parcels:
            self._engine.carry(load, parcels)
        else:
            done(None)

    def send(self, chunk: SendChunk, log: SendLog) -> None:
        """Hand a chunk over, and wait for its end."""
        ended: Future[None] = Future()

        def done(error: BaseException | None) -> None:
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)

        self.start(chunk, _OneByOne(log), done)
        ended.result()

    def lanes(self) -> Sequence[LaneState]:
        """Every destination that this process has sent broadcasts to."""
        return self._engine.lanes()

    def set_lanes(self, known: Sequence[LaneState]) -> None:
        """Take over what the ledger knows of them."""
        self._engine.set_lanes(known)

    def reply(self, answer: Answer) -> Outcome:
        """Answer one person with one mail, however many bubbles the answer has.

        Its Message-ID is the answer's key, so that mailboxes hide a second copy.
        """
        mail = template(_as_bulk(answer), self._from, "auto-replied")
        domain = self._from.address.rpartition("@")[2]
        name = f"{answer.key.hex}@{domain}"
        to = Recipient(0, answer.address, name, page_url="", leave_url="")
        log = _OneAnswer()
        load = Load(mail, self._from.address, log, log.done, urgent=True, answer=True)
        parcel = _parcel(load, to)
        if parcel is None:
            return Refused("bad_address")
        self._replies.carry(load, [parcel])
        return log.wait(_REPLY_PATIENCE)

    def close(self) -> None:
        """Close the connections; what waits keeps no outcome."""
        self._engine.close()
        self._replies.close()

    def _template(self, bulk: Bulk) -> Template:
        """Rendered once for all chunks that share a rendering (delivery.render keeps those)."""
        with self._lock:
            known = self._templates.get(id(bulk))
            if known is None or known[0] is not bulk:
                known = self._templates[id(bulk)] = (
                    bulk,
                    template(bulk, self._from, signer=self._signer),
                )
            self._templates.move_to_end(id(bulk))
            while len(self._templates) > _TEMPLATES:
                self._templates.popitem(last=False)
            return known[1]


class _OneByOne:
    """A log that hears of one thing at a time, for whoever sends a chunk and waits."""

    def __init__(self, log: SendLog) -> None:
        self._log = log
        self.intent, self.outcome, self.stopping = log.intent, log.outcome, log.stopping

    def intents(self, delivery_ids: Sequence[int]) -> None:
        for delivery_id in delivery_ids:
            self._log.intent(delivery_id)

    def outcomes(self, told: Sequence[tuple[int, Outcome]]) -> None:
        for delivery_id, outcome in told:
            self._log.outcome(delivery_id, outcome)


class _OneAnswer:
    """The log of an answer: a conversation keeps no journal, what got lost is asked for again."""

    def __init__(self) -> None:
        self._outcome: Future[Outcome] = Future()
        self._gone = self._given_up = False

    def intent(self, delivery_id: int) -> None:
        del delivery_id
        self._gone = True

    def intents(self, delivery_ids: Sequence[int]) -> None:
        del delivery_ids
        self._gone = True

    def outcome(self, delivery_id: int, outcome: Outcome) -> None:
        del delivery_id
        self._outcome.set_result(outcome)

    def outcomes(self, told: Sequence[tuple[int, Outcome]]) -> None:
        for delivery_id, outcome in told:
            self.outcome(delivery_id, outcome)

    def stopping(self) -> bool:
        return self._given_up

    def done(self, error: BaseException | None) -> None:
        if not self._outcome.done():
            self._outcome.set_result(Unknown("failed") if error else self._none())

    def wait(self, patience: float) -> Outcome:
        """What became of it, or of nothing after this many seconds."""
        try:
            return self._outcome.result(patience)
        except TooLate:
            self._given_up = True
            return self._none()

    def _none(self) -> Outcome:
        return Unknown("no_answer") if self._gone else TryLater("no_relay")


def _has_one_connection(ways: MailWays) -> bool:
    """Whether answers and broadcasts have to share the one connection that a relay allows."""
    relays = [way for way in read_ways(ways.urls) if isinstance(way, Relay)]
    return bool(relays) and fewest(relays, ways.connections) == 1


def _engine(ways: MailWays, timeouts: Timeouts, *, answers: bool = False) -> Engine:
    # Read here, too: a URL that is none is to be told where the channel is made.
    def make() -> Router:
        return router(ways.urls, connections=ways.connections, dns_servers=ways.dns_servers)

    make()
    return Engine(
        make, account=ACCOUNT, ehlo_name=ways.ehlo_name, timeouts=timeouts, answers=answers
    )


def _parcels(
    load: Load, recipients: Sequence[Recipient], refused: list[tuple[int, Outcome]]
) -> Iterator[Parcel]:
    for recipient in recipients:
        parcel = _parcel(load, recipient)
        if parcel is None:
            refused.append((recipient.delivery_id, Refused("bad_address")))
        else:
            yield parcel


def _parcel(load: Load, to: Recipient) -> Parcel | None:
    usual = _USUAL.fullmatch(to.address)
    if usual and len(to.address) <= _SHORT:
        return Parcel(load, to, (to.address,), usual[2])
    address = normalise_mail(to.address)
    return Parcel(load, to, _forms(address), address.domain) if address else None


def _forms(address: MailAddress) -> tuple[str, ...]:
    """The spellings to try: the right one, then the one that old carriers' holders type."""
    right, bare = envelope_form(address), unquoted_form(address)
    return (right,) if right == bare else (right, bare)


def _as_bulk(answer: Answer) -> Bulk:
    """An answer as one mail; its language is unknown here, and no header claims one.

    Mail shows no buttons: the choices are printed in the text already (see domain.speech).
    """
    messages = answer.messages
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
        mail_form=answer.mail_form,
    )


def _subject_from(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= _SUBJECT_FROM_TEXT else first[: _SUBJECT_FROM_TEXT - 1] + "…"
