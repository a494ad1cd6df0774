"""One destination from one address of ours: its pace, and whether anything is sent there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from channels.base import LaneState
from channels.email.routing import Site
from domain.breaker import Breaker
from domain.lanes import RULES, lane_of
from domain.outcomes import Outcome, Refused
from domain.pacing import Pace
from domain.suppression import UNKNOWN_USER

if TYPE_CHECKING:
    from channels.email.route import Route


class Lane:
    """What the routes to one site from one egress address share.

    Answers are counted as they come, and handed on in bulk (`count`), because a clock and a
    window for each of tens of thousands a second would cost more than the messages.
    """

    def __init__(self, site: Site, now: float, known: LaneState | None) -> None:
        self.name, self.egress = site.name, site.egress
        self.routes: list[Route] = []
        self.unquoted: set[str] = set()
        self.pace = Pace(
            site.rule,
            now,
            known.rate if known else None,
            known.connections if known else None,
            known.measured if known else None,
        )
        self.breaker = Breaker(known.baseline if known else 0.0)
        self.stopped = known.stopped if known else False
        # So many connections are to say goodbye as soon as they have nothing on their way.
        self.surplus = 0
        # Nothing may begin for a while: also where no rate limits the lane.
        self.resting = False
        self._began = self._answered = self._taken = self._unknown = 0

    @property
    def connections(self) -> int:
        """How many are open, or being opened."""
        return sum(route.connections for route in self.routes)

    def may_begin(self, now: float) -> bool:
        """Whether one more message may begin; those begun since `count` are not forgotten."""
        allowance = self.pace.allowance(now)
        self.resting = self.resting and not allowance
        return not self.stopped and allowance > self._began

    def begin(self) -> None:
        self._began += 1

    def accept(self) -> None:
        """One message was taken."""
        self._answered += 1
        self._taken += 1

    def answer(self, outcome: Outcome, domain: str) -> None:
        """One message to a domain got another answer, that says nothing against our pace.

        Only whom the server knows, or does not know, says something of the addresses there; and of
        a carrier's only those in its own domains: anybody can have a domain received there.
        """
        self._answered += 1
        theirs = self.name not in RULES or lane_of(domain) == self.name
        if theirs and isinstance(outcome, Refused):
            self._unknown += outcome.reason == UNKNOWN_USER
            self._taken += outcome.reason != UNKNOWN_USER

    def throttled(self, now: float) -> None:
        """The other side has too much of us."""
        self.pace.throttled(now)
        self.resting = True
        self.shrink()

    def shrink(self, room: int = 0, *, needed: bool = True) -> None:
        """Have connections leave until there is room for so many more; idle ones go first.

        Unless it is `needed` those go alone whose route has nothing to send.
        """
        staying = sum(route.staying for route in self.routes)
        surplus = max(0, staying + room - self.pace.connections)
        for route in self.routes:
            if needed or not route.is_busy():
                surplus = route.spare(surplus)
        if needed:
            self.surplus = surplus

    def count(self, now: float) -> None:
        """Hand on what was counted; the lane stops where the breaker says so."""
        if not (self._began or self._answered):
            return
        if self._began:
            self.pace.began(now, self._began)
        if self._answered:
            self.pace.answered(now, self._answered)
        if self._taken or self._unknown:
            self.breaker.note(self._unknown, self._taken, now)
            self.stopped |= self.breaker.tripped
        self._began = self._answered = self._taken = self._unknown = 0
        if not any(route.is_busy() for route in self.routes):
            self.pace.idle(now)

    def state(self, account: str) -> LaneState:
        return LaneState(
            account=account,
            site=self.name,
            egress=self.egress,
            rate=self.pace.rate,
            connections=self.pace.connections,
            measured=self.pace.measured,
            baseline=self.breaker.baseline,
            share=self.breaker.share,
            stopped=self.stopped,
        )

    def adopt(self, known: LaneState) -> None:
        """Stop, or go on, as somebody decided elsewhere; what is usual there comes along."""
        if self.stopped and not known.stopped:
            self.breaker.resume(known.baseline)
        self.stopped = known.stopped
