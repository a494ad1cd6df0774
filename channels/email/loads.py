"""What the engine carries: a chunk as a load of parcels, one for each recipient."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from channels.base import GatheredLog, Recipient
from channels.email.message import Template
from domain.outcomes import Outcome

Done = Callable[[BaseException | None], None]

log = structlog.get_logger()

_ANYBODY = Recipient(
    0, "anybody@example.jp", "0@example.jp", "https://example.jp/m", "https://example.jp/u"
)


@dataclass(slots=True, eq=False)
class Parcel:
    """One recipient's message on its way.

    `forms` are the spellings of the address, the right one first; `form` is the one in use.
    `tries` counts the connections that broke before they could have the body.
    """

    load: Load
    recipient: Recipient
    forms: tuple[str, ...]
    domain: str
    form: int = 0
    tries: int = 0
    wire: bytes = b""

    @property
    def number(self) -> int:
        return self.recipient.delivery_id

    def compose(self) -> bytes:
        """The message for the wire, made once, when its turn comes."""
        if not self.wire:
            self.wire = self.load.template.wire(self.recipient, self.forms[0])
        return self.wire


class Load:
    """One chunk in the engine: who is still to be told of, and whether it goes on.

    Everything here happens on the engine's thread.  `halted` means that nothing of it may leave
    any more; what is on its way is still heard of.  `lane` is the ledger's.  An `answer` judges
    no destination: whom strangers mistype on the evening of the slips says nothing of one.
    """

    __slots__ = (
        "_done",
        "_failure",
        "_log",
        "answer",
        "halted",
        "lane",
        "left",
        "mail_from",
        "template",
        "urgent",
    )

    def __init__(
        self,
        template: Template,
        mail_from: str,
        log: GatheredLog,
        done: Done,
        *,
        urgent: bool,
        lane: str = "",
        answer: bool = False,
    ) -> None:
        self.template = template
        self.mail_from = mail_from.encode("ascii")
        self.urgent = urgent
        self.lane = lane
        self.answer = answer
        self.left = 0
        self.halted = False
        self._log = log
        self._done = done
        self._failure: BaseException | None = None

    def look(self) -> bool:
        """Whether it may go on; asked before each step, and while it waits."""
        if not self.halted:
            try:
                self.halted = self._log.stopping()
            except Exception as error:
                self.fail(error)
        return not self.halted

    def can_be_made(self) -> bool:
        """Whether a message can be made of it at all, as one for a recipient could not."""
        try:
            self.template.wire(_ANYBODY, _ANYBODY.address)
        except Exception:
            return False
        return True

    def intend(self, numbers: Sequence[int]) -> bool:
        """Write down what is about to leave; False if nothing may leave."""
        if not self.look():
            return False
        try:
            self._log.intents(numbers)
        except Exception as error:
            self.fail(error)
        return not self.halted

    def tell(self, told: Sequence[tuple[int, Outcome]]) -> None:
        """Write down what came of some of its parcels."""
        try:
            self._log.outcomes(told)
        except Exception as error:
            self.fail(error)
        self.drop(len(told))

    def drop(self, count: int) -> None:
        """So many parcels are not here any more; after the last one it is over."""
        self.left -= count
        if self.left == 0:
            try:
                self._done(self._failure)
            except Exception:
                # Whoever it is: the other loads must not suffer from it.
                log.exception("load_not_taken_back")

    def fail(self, error: Exception) -> None:
        """The first exception is the one that whoever gave us the load hears of."""
        self.halted = True
        self._failure = self._failure or error


class Queue:
    """The parcels of one load that wait in one lane, since when, and how many were `taken`."""

    __slots__ = ("load", "parcels", "since", "taken")

    def __init__(self, load: Load, parcels: Sequence[Parcel], since: float) -> None:
        self.load = load
        self.parcels = deque(parcels)
        self.since = since
        self.taken = 0
